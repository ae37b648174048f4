package topology

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Of parallel links, which lead between the same two switches, the second one's name ends
// in #2, the third one's in #3, and so on: a port is s0-s1#2, and who means that link
// writes s0 and s1#2. Names of switches cannot have that sign. Without it, the first
// one is meant.

// Suffixes returns what sets the names of parallel links apart, for each link: "#2" or
// nothing.
func (t *Topology) Suffixes() []string {
	list := make([]string, len(t.Links))
	for _, bundle := range t.Bundles() {
		for k, link := range bundle {
			if k > 0 {
				list[link] = "#" + strconv.Itoa(k+1)
			}
		}
	}
	return list
}

// Bundles returns for each link all links between the same two switches, by their
// places in the file.
func (t *Topology) Bundles() [][]int {
	together := make(map[[2]string][]int, len(t.Links))
	ends := func(l LinkSpec) [2]string {
		return [2]string{min(l.Between[0], l.Between[1]), max(l.Between[0], l.Between[1])}
	}
	for i, l := range t.Links {
		together[ends(l)] = append(together[ends(l)], i)
	}

	bundles := make([][]int, len(t.Links))
	for i, l := range t.Links {
		bundles[i] = together[ends(l)]
	}
	return bundles
}

// Share returns which link of a bundle frames to a host take, whose place in the file is
// given. Switches look at nothing but the destination: the hosts take turns. What
// comes back, to another host, may take another one of the links.
func Share(bundle []int, host int) int { return bundle[host%len(bundle)] }

// Link returns the place of the link from one switch to another, either of which may
// have a suffix, and the direction: 0 is forward.
func (t *Topology) Link(from, to string) (link, direction int, err error) {
	a, suffixA, _ := strings.Cut(from, "#")
	b, suffixB, _ := strings.Cut(to, "#")
	number := 1
	if suffix := suffixA + suffixB; suffix != "" {
		if number, err = strconv.Atoi(suffix); err != nil || number < 1 {
			return 0, 0, fmt.Errorf("topology %s has no link %s-%s: expected a number after #", t.Name, from, to)
		}
	}

	for i, l := range t.Links {
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
	return 0, 0, fmt.Errorf("topology %s has no link %s-%s", t.Name, from, to)
}

// Way returns the parameters of the links that frames from host a to host b cross, in
// their direction. It is empty where there is no path.
func (t *Topology) Way(a, b string) []Params {
	host := slices.IndexFunc(t.Hosts, func(h HostSpec) bool { return h.Name == b })
	path, bundles := t.Path(a, b), t.Bundles()
	var way []Params
	for k := 1; k < len(path); k++ {
		first, _, err := t.Link(path[k-1], path[k])
		if err != nil {
			continue // there is one: the path takes it
		}
		link := t.Links[Share(bundles[first], host)]
		way = append(way, t.Directions(link)[slices.Index(link.Between[:], path[k-1])])
	}
	return way
}
