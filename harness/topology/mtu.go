package topology

import (
	"cmp"
	"fmt"
	"slices"

	"edgebed/nodes/yamlfile"
)

// HostMTU returns the largest IP packet that a host sends and takes: its own MTU, that of
// its access link's class, or the network's. TCP fits its segments to the smaller one of
// both ends' (RFC 9293, sec. 3.7.1).
func (t *Topology) HostMTU(h HostSpec) int {
	return cmp.Or(h.MTU, t.Classes[h.Class].MTU, t.MTU, DefaultMTU)
}

// LargestMTU is that of the network's hosts and links.
func (t *Topology) LargestMTU() int {
	most := cmp.Or(t.MTU, DefaultMTU)
	for _, h := range t.Hosts {
		most = max(most, t.HostMTU(h))
	}
	for _, l := range t.Links {
		most = max(most, l.MTU, t.Classes[l.Class].MTU)
	}
	return most
}

// checkMTU returns an error where an MTU is none; 0 is the default.
func checkMTU(mtu int) error {
	if mtu != 0 && (mtu < minMTU || mtu > maxMTU) {
		return fmt.Errorf("mtu of %d B is out of range: expected %d to %d", mtu, minMTU, maxMTU)
	}
	return nil
}

// SetLinkMTU gives a link between two switches, either of which may have a suffix, an
// MTU. The topology is unchanged if an error is returned; CheckMTUs says whether hosts
// can live with it.
func (t *Topology) SetLinkMTU(from, to string, mtu int) error {
	i, _, err := t.Link(from, to)
	if err == nil && i >= len(t.Links) {
		err = fmt.Errorf("the link of a host has the host's MTU; change that of the host")
	}
	if err = cmp.Or(err, checkMTU(mtu)); err != nil {
		return fmt.Errorf("change the MTU of link %s-%s: %w", from, to, err)
	}
	t.Links = slices.Clone(t.Links)
	t.Links[i].MTU = mtu
	return nil
}

// SetHostMTU gives a host, and its link to its switch, an MTU. The topology is unchanged if
// an error is returned.
func (t *Topology) SetHostMTU(host string, mtu int) error {
	i := slices.IndexFunc(t.Hosts, func(h HostSpec) bool { return h.Name == host })
	err := checkMTU(mtu)
	if i < 0 {
		err = fmt.Errorf("topology %s has no host %s", t.Name, host)
	}
	if err != nil {
		return fmt.Errorf("change the MTU of host %s: %w", host, err)
	}
	t.Hosts = slices.Clone(t.Hosts)
	t.Hosts[i].MTU = mtu
	return nil
}

// TooNarrow is a link that packets between two hosts do not fit through.
type TooNarrow struct {
	Link, MTU int // Link is its place in Links
	Hosts     [2]string
	Needs     int
}

// Error says so.
func (n TooNarrow) Error() string {
	return fmt.Sprintf("packets between hosts %s and %s have up to %d bytes, and the link's MTU is %d: a switch drops "+
		"what does not fit, and nobody tells the hosts; make it %d, or give one of the hosts mtu: %d",
		n.Hosts[0], n.Hosts[1], n.Needs, n.MTU, n.Needs, n.MTU)
}

// CheckMTUs looks for links that are too narrow for packets which take them, each once.
// What two hosts exchange has the smaller one's MTU.
func (t *Topology) CheckMTUs() []TooNarrow {
	own := func(l LinkSpec) int { return cmp.Or(l.MTU, t.Classes[l.Class].MTU, t.MTU, DefaultMTU) }
	narrowest := maxMTU
	for _, l := range t.Links {
		narrowest = min(narrowest, own(l))
	}

	// At each switch the host with the largest packets says what must fit.
	largest := make([]int, len(t.Switches))
	name := make([]string, len(t.Switches))
	index := make(map[string]int, len(t.Switches))
	for i, s := range t.Switches {
		index[s] = i
	}
	for _, h := range t.Hosts {
		at, mtu := index[h.Switch], t.HostMTU(h)
		if mtu > narrowest && mtu > largest[at] {
			largest[at], name[at] = mtu, h.Name
		}
	}

	found := map[int]TooNarrow{}
	for end, mtu := range largest {
		if mtu == 0 {
			continue
		}
		next := t.Toward(end)
		for at, other := range largest {
			needs := min(mtu, other)
			if needs == 0 {
				continue
			}
			for from := at; from != end && next[from] >= 0; {
				link := next[from]
				l := t.Links[link]
				if width := own(l); needs > max(width, found[link].Needs) {
					found[link] = TooNarrow{link, width, [2]string{name[min(at, end)], name[max(at, end)]}, needs}
				}
				from = index[l.Other(t.Switches[from])]
			}
		}
	}

	list := make([]TooNarrow, 0, len(found))
	for _, n := range found {
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b TooNarrow) int { return a.Link - b.Link })
	return list
}

// PlaceOfMTU returns where the topology's file gives a link between switches its MTU, or
// where the link is.
func (t *Topology) PlaceOfMTU(link int) yamlfile.Pos {
	switch l := t.Links[link]; {
	case t.pos == (yamlfile.Pos{}):
		return t.pos
	case l.MTU == 0 && t.Classes[l.Class].MTU != 0:
		return t.pos.At("link-classes", l.Class, "mtu")
	default:
		return t.pos.At("links", link, "mtu")
	}
}
