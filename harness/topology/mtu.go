package topology

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"edgebed/nodes/yamlfile"
)

// MTUOf returns the largest IP packet that a host's interface sends and takes: its own MTU, that
// of its access link's class, or the network's. TCP fits its segments to the smaller one of
// both ends' (RFC 9293, sec. 3.7.1).
func (t *Topology) MTUOf(f InterfaceSpec) int { return t.mtuOf(f.MTU, f.Class) }

// NetworkMTU is that of links and hosts that have no other one.
func (t *Topology) NetworkMTU() int { return t.mtuOf(0, "") }

// mtuOf is the MTU of a link, or of a host and its link, that has one of its own and a class.
func (t *Topology) mtuOf(own int, class string) int {
	return cmp.Or(t.givenMTU(own, class), DefaultMTU)
}

// givenMTU is what the topology says of it: its own, its class's, or the network's; 0 is
// nothing.
func (t *Topology) givenMTU(own int, class string) int {
	return cmp.Or(own, t.Classes[class].MTU, t.MTU)
}

// LargestMTU is that of the network's hosts and links.
func (t *Topology) LargestMTU() int {
	most := t.NetworkMTU()
	for f := range t.Interfaces() {
		most = max(most, t.MTUOf(f.InterfaceSpec))
	}
	for _, l := range t.Links {
		most = max(most, t.mtuOf(l.MTU, l.Class))
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
	i, err := t.placeOf(host)
	if err = cmp.Or(err, checkMTU(mtu)); err != nil {
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
// What two hosts exchange has the smaller one's MTU. It is to be asked of a topology that
// Validate finds right.
func (t *Topology) CheckMTUs() []TooNarrow {
	narrowest, largest := maxMTU, 0
	for _, l := range t.Links {
		narrowest = min(narrowest, t.mtuOf(l.MTU, l.Class))
	}
	for f := range t.Interfaces() {
		largest = max(largest, t.MTUOf(f.InterfaceSpec))
	}
	if largest <= narrowest {
		return nil // whatever the paths are, as in nearly all networks
	}

	c := t.mtuCheck(narrowest)
	for end, there := range c.at {
		if len(there) > 0 {
			c.toward(end)
		}
	}
	return slices.SortedFunc(maps.Values(c.found), func(a, b TooNarrow) int { return a.Link - b.Link })
}

// mtuCheck compares what hosts send with the links' widths.
type mtuCheck struct {
	graph
	bundles    [][]int
	widths     []int       // of links
	interfaces []Interface // of hosts
	mtus       []int       // of interfaces
	// at each switch are interfaces whose packets do not fit through each link; largest are
	// those of them with the largest packets.
	at      [][]int
	largest []largest
	found   map[int]TooNarrow // by link
}

// largest are the two interfaces of different hosts, out of many, whose packets are the
// largest, by their places; -1 is none. Two, because a host sends itself nothing.
type largest [2]int

// mtuCheck prepares a check in which interfaces matter that are larger than the narrowest link.
func (t *Topology) mtuCheck(narrowest int) *mtuCheck {
	n := len(t.Switches)
	c := &mtuCheck{
		graph: t.graph(), bundles: t.Bundles(), interfaces: slices.Collect(t.Interfaces()), at: make([][]int, n),
		largest: slices.Repeat([]largest{{-1, -1}}, n), found: map[int]TooNarrow{},
	}
	for _, l := range t.Links {
		c.widths = append(c.widths, t.mtuOf(l.MTU, l.Class))
	}

	for i, f := range c.interfaces {
		mtu, at := t.MTUOf(f.InterfaceSpec), c.index[f.Switch]
		c.mtus = append(c.mtus, mtu)
		if mtu > narrowest {
			c.at[at] = append(c.at[at], i)
			c.add(&c.largest[at], i)
		}
	}
	return c
}

// add takes an interface for one of the largest, if it is.
func (c *mtuCheck) add(to *largest, i int) {
	same := func(k int) bool { return to[k] >= 0 && c.interfaces[to[k]].HostIndex == c.interfaces[i].HostIndex }
	larger := func(k int) bool { return to[k] < 0 || c.mtus[i] > c.mtus[to[k]] }

	switch {
	case larger(0) && !same(0):
		to[1], to[0] = to[0], i
	case larger(0):
		to[0] = i
	case larger(1) && !same(0):
		to[1] = i
	}
}

// toward looks at what is sent to the hosts of a switch. Each link takes what comes from
// the switches behind it; the farthest ones first, one look at each link is enough.
func (c *mtuCheck) toward(end int) {
	to := c.graph.toward(end)
	senders := slices.Clone(c.largest)
	for _, from := range slices.Backward(to.nearest[1:]) {
		parent := c.other(to.next[from], from)
		for _, sender := range senders[from] {
			if sender >= 0 {
				c.add(&senders[parent], sender)
			}
		}

		// Of parallel links each interface has its own.
		bundle, receivers := c.bundles[to.next[from]], c.at[end]
		if len(bundle) == 1 {
			receivers = c.largest[end][:]
		}
		for _, receiver := range receivers {
			for _, sender := range senders[from] {
				c.compare(bundle, sender, receiver)
			}
		}
	}
}

// compare notes a link that is too narrow for what one host sends to another.
func (c *mtuCheck) compare(bundle []int, sender, receiver int) {
	if sender < 0 || receiver < 0 || c.interfaces[sender].HostIndex == c.interfaces[receiver].HostIndex {
		return
	}
	link, needs := Share(bundle, receiver), min(c.mtus[sender], c.mtus[receiver])
	if needs > max(c.widths[link], c.found[link].Needs) {
		a, b := c.interfaces[min(sender, receiver)], c.interfaces[max(sender, receiver)]
		c.found[link] = TooNarrow{link, c.widths[link], [2]string{a.Host, b.Host}, needs}
	}
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
