package topology

import (
	"cmp"
	"slices"

	"edgebed/harness/network"
	"edgebed/nodes/yamlfile"
)

// Need is something that a topology asks for and not every kind of network can do.
type Need struct {
	network.Ability
	// What asks for it where that is no link: "ipv6".
	What string
	// Link is the link's place in AllLinks, Direction 0 for forward.
	Link, Direction int
	// Key of the link's parameters that asks for it; none for what a link is itself.
	Key string
	// path is where a topology's file asks for what no link asks for.
	path yamlfile.Path
}

// Needs lists what the topology asks for beyond what all networks do.
func (t *Topology) Needs() []Need {
	var list []Need
	if t.IPv6 != nil && *t.IPv6 {
		list = append(list, Need{Ability: network.IPv6, What: "ipv6", path: yamlfile.Path{"ipv6"}})
	}

	for i, l := range t.AllLinks() {
		for dir, p := range t.Directions(l) {
			for _, need := range p.Needs() {
				need.Link, need.Direction = i, dir
				list = append(list, need)
			}
		}
	}
	return list
}

// PlaceOfNeed returns where the topology's file asks for what no link asks for. It is the
// zero place in a topology that was not read from a file of ours.
func (t *Topology) PlaceOfNeed(n Need) yamlfile.Pos {
	if t.pos == (yamlfile.Pos{}) {
		return t.pos
	}
	return t.pos.At(n.path...)
}

// Needs lists what the parameters ask for beyond what all networks do: those of their keys that
// MayNeed knows.
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

// MayNeed reports whether o has a parameter for which Needs may list something.
func (o Override) MayNeed() bool { return o.Corrupt != nil || o.Discipline != nil }

// CanBe returns an error where networks of a kind cannot do what the parameters ask for.
func (p Params) CanBe(kind network.Kind) error {
	for _, need := range p.Needs() {
		if err := kind.Can(need.Ability); err != nil {
			return err
		}
	}
	return nil
}

// CanBe returns what networks of a kind cannot do of what the topology says, each with its
// place.
func (t *Topology) CanBe(kind network.Kind) error {
	if len(kind.Lacks()) == 0 {
		return nil
	}

	var errs []error
	places := t.Places()
	said := map[yamlfile.Pos]bool{}
	for _, need := range t.Needs() {
		err := kind.Can(need.Ability)
		if err == nil {
			continue
		}
		if need.What != "" {
			errs = append(errs, t.PlaceOfNeed(need).Errorf("%s: %w", need.What, err))
			continue
		}
		at := places.Of(need.Link, need.Direction, need.Key)
		if !said[at] { // links of a class have one place
			errs = append(errs, at.Errorf("link %s: %w", places.Name(need.Link, need.Direction), err))
			said[at] = true
		}
	}
	return yamlfile.Join(errs...)
}

// Places are where a topology's file says what of its links, and what these are called: for
// many of them, while the topology stays as it is.
type Places struct {
	topology *Topology
	links    []LinkSpec
	suffixes []string
	accesses []Interface // of the links behind those between switches
}

// Places returns those of the topology's AllLinks.
func (t *Topology) Places() *Places {
	return &Places{
		topology: t, links: t.AllLinks(), suffixes: t.Suffixes(), accesses: slices.Collect(t.accesses()),
	}
}

// Link returns one of AllLinks.
func (p *Places) Link(link int) LinkSpec { return p.links[link] }

// Name names a direction of one of AllLinks as records do, such as s0-s1.
func (p *Places) Name(link, direction int) string {
	ends := p.links[link].Between
	return PortName(ends[direction], ends[1-direction], p.suffixes[link])
}

// Of returns where the topology's file gives a direction of one of AllLinks the
// parameter of a key, or where the link is. It is the zero place in a topology that was
// not read from a file of ours.
func (p *Places) Of(link, direction int, key string) yamlfile.Pos {
	t := p.topology
	if t.pos == (yamlfile.Pos{}) {
		return t.pos
	}
	l := p.links[link]
	at, keys := yamlfile.Path{"links", link}, [2]string{"forward", "reverse"}
	if link >= len(t.Links) {
		at, keys = p.accesses[link-len(t.Links)].place(), uplinks
	}

	class := t.Classes[l.Class]
	switch way := [2]string{"forward", "reverse"}[direction]; {
	case [2]Override{l.Forward, l.Reverse}[direction].Has(key):
		return t.pos.At(append(at, keys[direction], key)...)
	case [2]Override{class.Forward, class.Reverse}[direction].Has(key):
		return t.pos.At("link-classes", l.Class, way, key)
	case class.Has(key):
		return t.pos.At("link-classes", l.Class, key)
	}
	return t.pos.At(at...)
}

// Given returns the parameters that a link's class and the link itself give a direction,
// without defaults.
func (t *Topology) Given(l LinkSpec, direction int) Override {
	class := t.Classes[l.Class]
	return class.Override.
		Merge([2]Override{class.Forward, class.Reverse}[direction]).
		Merge([2]Override{l.Forward, l.Reverse}[direction])
}
