package topology

import (
	"cmp"
	"fmt"
	"maps"
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
	widths, mtus := make([]int, len(t.Links)), make([]int, len(t.Hosts))
	narrowest, largest := maxMTU, 0
	for i, l := range t.Links {
		widths[i] = cmp.Or(l.MTU, t.Classes[l.Class].MTU, t.MTU, DefaultMTU)
		narrowest = min(narrowest, widths[i])
	}
	for i, h := range t.Hosts {
		mtus[i] = t.HostMTU(h)
		largest = max(largest, mtus[i])
	}
	if largest <= narrowest {
		return nil // whatever the paths are, as in nearly all networks
	}

	c := t.mtuCheck(widths, mtus, narrowest)
	for end, hosts := range c.hosts {
		if len(hosts) > 0 {
			c.toward(end)
		}
	}
	return slices.SortedFunc(maps.Values(c.found), func(a, b TooNarrow) int { return a.Link - b.Link })
}

// mtuCheck compares what hosts send with the links' widths.
type mtuCheck struct {
	graph
	bundles [][]int
	widths  []int // of links
	names   []string
	mtus    []int // of hosts
	// hosts at each switch whose packets do not fit through each link, and of them the one
	// with the largest packets, or -1.
	hosts   [][]int
	largest []int
	found   map[int]TooNarrow // by link
}

// mtuCheck prepares a check in which hosts matter that are larger than the narrowest link.
func (t *Topology) mtuCheck(widths, mtus []int, narrowest int) *mtuCheck {
	n := len(t.Switches)
	c := &mtuCheck{
		graph: t.graph(), bundles: t.Bundles(), widths: widths, mtus: mtus, hosts: make([][]int, n),
		largest: slices.Repeat([]int{-1}, n), found: map[int]TooNarrow{},
	}
	for i, h := range t.Hosts {
		c.names = append(c.names, h.Name)
		at := c.index[h.Switch]
		if mtus[i] > narrowest {
			c.hosts[at] = append(c.hosts[at], i)
			c.largest[at] = c.larger(c.largest[at], i)
		}
	}
	return c
}

// larger returns which of two hosts has larger packets: a, if they are equal. -1 is none.
func (c *mtuCheck) larger(a, b int) int {
	if a < 0 || b >= 0 && c.mtus[b] > c.mtus[a] {
		return b
	}
	return a
}

// toward looks at what is sent to the hosts of a switch. Each link takes what comes from
// the switches behind it; the farthest ones first, one look at each link is enough.
func (c *mtuCheck) toward(end int) {
	next, nearest := c.graph.toward(end)
	senders := slices.Clone(c.largest)
	for _, from := range slices.Backward(nearest[1:]) {
		sender := senders[from]
		if sender < 0 {
			continue
		}
		parent := c.other(next[from], from)
		senders[parent] = c.larger(senders[parent], sender)

		// Of parallel links each host has its own.
		bundle, receivers := c.bundles[next[from]], c.hosts[end]
		if len(bundle) == 1 {
			receivers = c.largest[end : end+1]
		}
		for _, receiver := range receivers {
			c.compare(Share(bundle, receiver), sender, receiver)
		}
	}
}

// compare notes a link that is too narrow for what one host sends to another.
func (c *mtuCheck) compare(link, sender, receiver int) {
	needs := min(c.mtus[sender], c.mtus[receiver])
	if needs > max(c.widths[link], c.found[link].Needs) {
		hosts := [2]string{c.names[min(sender, receiver)], c.names[max(sender, receiver)]}
		c.found[link] = TooNarrow{link, c.widths[link], hosts, needs}
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
