package topology

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"edgebed/nodes/yamlfile"
)

// Of parallel links, which lead between the same two switches, the second one's name ends
// in #2, the third one's in #3, and so on: a port is s0-s1#2, and who means that link
// writes s0 and s1#2. Names of switches cannot have that sign. Without it, the first
// one is meant.

// PortName is what the port at one end of a link is called, or of a switch to an interface, by which
// its traffic is counted and captured: "s0-s1", "s0-host1#2".
func PortName(at, toward, suffix string) string { return at + "-" + toward + suffix }

// Suffixes returns what sets the names of parallel links apart, for each of AllLinks: "#2"
// or nothing. Interfaces of a host at one switch count as such.
func (t *Topology) Suffixes() []string {
	list := make([]string, len(t.Links), len(t.Links)+len(t.Hosts))
	bundles := t.Bundles()
	for i := range t.Links {
		list[i] = suffix(slices.Index(bundles[i], i))
	}
	for f := range t.accesses() {
		list = append(list, f.Suffix)
	}
	return list
}

// suffix is that of a link with so many before it.
func suffix(before int) string {
	if before == 0 {
		return ""
	}
	return "#" + strconv.Itoa(before+1)
}

// Parallel returns for each of some links those between the same two ends, itself among them, by
// their places.
func Parallel(links []LinkSpec) [][]int {
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

// Bundles returns for each of AllLinks those between the same two switches, itself
// among them, by their places in that list. Access links are alone, each with its interface.
func (t *Topology) Bundles() [][]int {
	bundles := Parallel(t.Links)
	for range t.accesses() {
		bundles = append(bundles, []int{len(bundles)})
	}
	return bundles
}

// Share returns which link of a bundle frames to one of Interfaces take, whose place there
// is given; that of a host's first one is the host's in the file. Switches look at nothing but
// the destination: interfaces take turns. What comes back, to another one, may take another
// one of the links.
func Share(bundle []int, to int) int { return bundle[to%len(bundle)] }

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

	for i, l := range t.Links {
		direction, ok := directionOf(l.Between, a, b)
		if !ok {
			continue
		}
		if number--; number == 0 {
			return i, direction, nil
		}
	}

	for f := range t.Interfaces() {
		direction, ok := directionOf([2]string{f.Host, f.Switch}, a, b)
		if ok {
			number--
		}
		switch {
		case !ok || number != 0:
		case f.HasAccess():
			return f.Link, direction, nil
		default:
			return 0, 0, f.noAccess()
		}
	}
	return 0, 0, fmt.Errorf("topology %s has no link %s-%s%s", t.Name, from, to, t.nearLink(a, b))
}

// nearLink says why there is no link of two names: a name that nothing has, a number that is too
// large, or else what the first of them has links to.
func (t *Topology) nearLink(a, b string) string {
	names := slices.Clone(t.Switches)
	for _, h := range t.Hosts {
		names = append(names, h.Name)
	}
	var unknown []string
	for _, end := range []string{a, b} {
		if slices.Contains(names, end) {
			continue
		}
		text := strconv.Quote(end)
		if near, ok := yamlfile.Nearest(end, names); ok {
			text += " (did you mean " + near + "?)"
		}
		unknown = append(unknown, text)
	}
	if len(unknown) > 0 {
		return ": it has no switch or host " + strings.Join(unknown, " or ")
	}

	between, linked := 0, []string{}
	for _, l := range t.AllLinks() {
		if _, ok := directionOf(l.Between, a, b); ok {
			between++
		}
		if i := slices.Index(l.Between[:], a); i >= 0 {
			linked = append(linked, l.Between[1-i])
		}
	}
	slices.Sort(linked)
	linked = slices.Compact(linked)

	const few = 10
	switch {
	case between > 0:
		return fmt.Sprintf(": it has %d between the two", between)
	case len(linked) == 0 || len(linked) > few:
		return ""
	}
	return fmt.Sprintf("; %s has links to %s", a, strings.Join(linked, ", "))
}

// directionOf tells which direction of a link leads from a to b: 0 is forward.
func directionOf(ends [2]string, a, b string) (direction int, ok bool) {
	switch ends {
	case [2]string{a, b}:
		return 0, true
	case [2]string{b, a}:
		return 1, true
	}
	return 0, false
}

// noAccess says that an interface's access link has no parameters.
func (f Interface) noAccess() error {
	if f.Number == 0 {
		return fmt.Errorf("the access link of host %s has no parameters; give the host a class, uplink or downlink",
			f.Host)
	}
	return fmt.Errorf("the access link of %s of host %s has no parameters; give the interface a class, uplink or "+
		"downlink", f.Name(), f.Host)
}
