package topology

import (
	"cmp"
	"reflect"

	"edgebed/harness/network"
	"edgebed/nodes/yamlfile"
)

// Need is something that a topology asks for and not every kind of network can do.
type Need struct {
	network.Ability
	// Link is the link's place in AllLinks, Direction 0 for forward.
	Link, Direction int
	// Key of the link's parameters that asks for it; none for what a link is itself.
	Key string
}

// Needs lists what the topology asks for beyond what all networks do.
func (t *Topology) Needs() []Need {
	var list []Need
	bundles := t.Bundles()
	for i, l := range t.AllLinks() {
		if bundles[i][0] != i {
			list = append(list, Need{Ability: network.ParallelLinks, Link: i})
		}
		for dir, p := range t.Directions(l) {
			for _, need := range p.Needs() {
				need.Link, need.Direction = i, dir
				list = append(list, need)
			}
		}
	}
	return list
}

// Needs lists what the parameters ask for beyond what all networks do.
func (p Params) Needs() []Need {
	var list []Need
	if p.Corrupt > 0 {
		list = append(list, Need{Ability: network.Corruption, Key: "corrupt"})
	}
	if p.Rate > 0 && cmp.Or(p.Discipline, Drop) != Drop {
		list = append(list, Need{Ability: network.Disciplines, Key: "discipline"})
	}
	return list
}

// CanBe returns what networks of a kind cannot do of what the topology says, each with its
// place.
func (t *Topology) CanBe(kind network.Kind) error {
	said := map[yamlfile.Pos]bool{}
	var errs []error
	if err := kind.Can(network.Routers); err != nil && t.IsRouted() {
		errs = append(errs, t.pos.At("mode").Errorf("topology %s has mode %s: %w", t.Name, t.Mode, err))
	}
	if err := kind.Can(network.IPv6); err != nil && t.IPv6 != nil && *t.IPv6 {
		errs = append(errs, t.pos.At("ipv6").Errorf("topology %s has ipv6: %w", t.Name, err))
	}
	for _, need := range t.Needs() {
		at := t.Place(need.Link, need.Direction, need.Key)
		if err := kind.Can(need.Ability); err != nil && !said[at] { // links of a class have one place
			errs = append(errs, at.Errorf("link %s: %w", t.LinkName(need.Link, need.Direction), err))
			said[at] = true
		}
	}
	return yamlfile.Join(errs...)
}

// LinkName names a direction of one of AllLinks as records do, such as s0-s1.
func (t *Topology) LinkName(link, direction int) string {
	ends := t.AllLinks()[link].Between
	return ends[direction] + "-" + ends[1-direction] + t.Suffixes()[link]
}

// Has reports whether o has the parameter of a key.
func (o Override) Has(key string) bool {
	v := reflect.ValueOf(o)
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("yaml") == key {
			return !v.Field(i).IsNil()
		}
	}
	return false
}

// Place returns where the topology's file gives a direction of one of AllLinks the
// parameter of a key, or where the link is. It is the zero place in a topology that was
// not read from a file of ours.
func (t *Topology) Place(link, direction int, key string) yamlfile.Pos {
	if t.pos == (yamlfile.Pos{}) {
		return t.pos
	}
	l := t.AllLinks()[link]
	at, keys := t.pos.At("links", link), [2]string{"forward", "reverse"}
	for i, h := range t.Hosts {
		if h.Name == l.Between[0] {
			at, keys = t.pos.At("hosts", i), [2]string{"uplink", "downlink"}
		}
	}

	class := t.Classes[l.Class]
	for _, of := range []struct {
		Override
		at yamlfile.Pos
	}{
		{[2]Override{l.Forward, l.Reverse}[direction], at.At(keys[direction])},
		{[2]Override{class.Forward, class.Reverse}[direction],
			t.pos.At("link-classes", l.Class, [2]string{"forward", "reverse"}[direction])},
		{class.Override, t.pos.At("link-classes", l.Class)},
	} {
		if of.Has(key) {
			return of.at.At(key)
		}
	}
	return at
}

// Given returns the parameters that a link's class and the link itself give a direction,
// without defaults.
func (t *Topology) Given(l LinkSpec, direction int) Override {
	class := t.Classes[l.Class]
	return class.Override.
		Merge([2]Override{class.Forward, class.Reverse}[direction]).
		Merge([2]Override{l.Forward, l.Reverse}[direction])
}
