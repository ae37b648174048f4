package topology

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Of parallel links, which lead between the same two switches, the second one's name ends
// in #2, the third one's in #3, and so on: a port is s0-s1#2, and who means that link
// writes s0 and s1#2. Names of switches cannot have that sign. Without it, the first
// one is meant.

// Suffixes returns what sets the names of parallel links apart, for each of AllLinks: "#2"
// or nothing.
func (t *Topology) Suffixes() []string {
	list := make([]string, len(t.AllLinks()))
	for _, bundle := range t.Bundles() {
		for k, link := range bundle {
			if k > 0 {
				list[link] = "#" + strconv.Itoa(k+1)
			}
		}
	}
	return list
}

// Bundles returns for each of AllLinks those between the same two switches, itself
// among them, by their places in that list.
func (t *Topology) Bundles() [][]int {
	links := t.AllLinks()
	together := make(map[[2]string][]int, len(links))
	ends := func(l LinkSpec) [2]string {
		return [2]string{min(l.Between[0], l.Between[1]), max(l.Between[0], l.Between[1])}
	}
	for i, l := range links {
		together[ends(l)] = append(together[ends(l)], i)
	}

	bundles := make([][]int, len(links))
	for i, l := range links {
		bundles[i] = together[ends(l)]
	}
	return bundles
}

// Share returns which link of a bundle frames to a host take, whose place in the file is
// given. Switches look at nothing but the destination: the hosts take turns. What
// comes back, to another host, may take another one of the links.
func Share(bundle []int, host int) int { return bundle[host%len(bundle)] }

// Link returns the place in AllLinks of the link from one switch to another, either of
// which may have a suffix, or between a host and its switch; and the direction: 0 is
// forward.
func (t *Topology) Link(from, to string) (link, direction int, err error) {
	a, suffixA, _ := strings.Cut(from, "#")
	b, suffixB, _ := strings.Cut(to, "#")
	if suffixA != "" && suffixB != "" && suffixA != suffixB {
		return 0, 0, fmt.Errorf("topology %s has no link %s-%s: expected the same number after both #",
			t.Name, from, to)
	}

	number := 1
	if suffix := cmp.Or(suffixA, suffixB); suffix != "" {
		if number, err = strconv.Atoi(suffix); err != nil || number < 1 {
			return 0, 0, fmt.Errorf("topology %s has no link %s-%s: expected a number after #", t.Name, from, to)
		}
	}

	for i, l := range t.AllLinks() {
		direction := 0
		switch l.Between {
		case [2]string{a, b}:
		case [2]string{b, a}:
			direction = 1
		default:
			continue
		}
		if number--; number == 0 {
			return i, direction, nil
		}
	}
	return 0, 0, t.noLink(from, to)
}
