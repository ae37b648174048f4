package preset

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// builder puts a topology together. Switches are s0, s1, ... and hosts host0,
// host1, ... in the order in which they are made, unless a shape names them;
// hosts have the addresses of the prototype's testbed, which count from 10.1.0.1.
type builder struct {
	t       topology.Topology
	linked  map[[2]string]bool // both ways round
	tooMany bool
}

func newBuilder(p Preset, reference string) *builder {
	return &builder{linked: map[[2]string]bool{}, t: topology.Topology{
		Version:     1,
		Name:        p.Name,
		Description: fmt.Sprintf("%s (preset %s).", p.Description, reference),
		Subnet:      netip.MustParsePrefix("10.1.0.0/16"),
		Classes:     map[string]topology.Class{},
	}}
}

// class defines a class of links.
func (b *builder) class(name string, rate units.Rate, delay time.Duration) {
	queue := topology.DefaultQueue
	b.t.Classes[name] = topology.Class{Override: topology.Override{Rate: &rate, Delay: &delay, Queue: &queue}}
}

// addSwitch adds a switch with the next name and returns its name.
func (b *builder) addSwitch() string { return b.namedSwitch(fmt.Sprintf("s%d", len(b.t.Switches))) }

// addSwitches adds n switches.
func (b *builder) addSwitches(n int) []string {
	var names []string
	for range n {
		names = append(names, b.addSwitch())
	}

	return names
}

func (b *builder) namedSwitch(name string) string {
	// A shape that asks for too many switches is refused at the end; until then
	// it must not take all memory.
	if len(b.t.Switches) > MaxHosts {
		b.tooMany = true

		return name
	}
	b.t.Switches = append(b.t.Switches, name)

	return name
}

// addHosts attaches n hosts with the next names to a switch.
func (b *builder) addHosts(n int, to string) {
	for range n {
		b.namedHost(fmt.Sprintf("host%d", len(b.t.Hosts)), to)
	}
}

func (b *builder) namedHost(name, to string) {
	n := len(b.t.Hosts) + 1
	if n > MaxHosts {
		b.tooMany = true

		return
	}

	address := netip.AddrFrom4([4]byte{10, 1, byte(n >> 8), byte(n)})
	b.t.Hosts = append(b.t.Hosts, topology.HostSpec{Name: name, Address: address, Switch: to})
}

// link connects two switches, unless they are connected already or are one.
func (b *builder) link(x, y, class string) {
	if x == y || b.tooMany || b.linked[[2]string{x, y}] {
		return
	}
	b.linked[[2]string{x, y}], b.linked[[2]string{y, x}] = true, true
	b.t.Links = append(b.t.Links, topology.LinkSpec{Between: [2]string{x, y}, Class: class})
}

// mesh connects all switches of a list with each other.
func (b *builder) mesh(switches []string, class string) {
	for i, x := range switches {
		for _, y := range switches[:i] {
			b.link(y, x, class)
		}
	}
}

// ring connects the switches of a list in a ring.
func (b *builder) ring(switches []string, class string) {
	for i, s := range switches {
		b.link(s, switches[(i+1)%len(switches)], class)
	}
}

// finish applies what the reference changes, and checks the whole.
func (b *builder) finish(change changes) (*topology.Topology, error) {
	if b.tooMany {
		return nil, fmt.Errorf("preset %s: more than %d hosts or switches; choose smaller numbers", b.t.Name, MaxHosts)
	}

	b.t.Mode = change.mode
	for _, name := range slices.Sorted(maps.Keys(b.t.Classes)) {
		b.t.Classes[name] = b.t.Classes[name].Merge(topology.Class{Override: change.Override})
	}
	for i := range b.t.Links {
		// A link with a delay of its own, from its length, has it in both
		// directions.
		if change.Delay != nil && b.t.Links[i].Forward.Delay != nil {
			b.t.Links[i].Forward.Delay, b.t.Links[i].Reverse.Delay = change.Delay, change.Delay
		}
	}

	if err := b.t.Validate(); err != nil {
		return nil, fmt.Errorf("preset %s: %w", b.t.Name, err)
	}

	return &b.t, nil
}
