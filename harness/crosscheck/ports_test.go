package crosscheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	counters "edgebed/harness/network"
	"edgebed/harness/topology"
	"edgebed/nodes/wire"
)

// shape is a topology whose ports are to count the same on both networks.
type shape struct{ name, text string }

// shapes have what decides about the ways of frames: parallel links, routers, and hosts with
// several interfaces, alone and together.
var shapes = []shape{
	{"parallel", `
switches: [s0, s1, s2]
hosts: [{name: a, switch: s0}, {name: b, switch: s1}, {name: c, switch: s1}, {name: d, switch: s2, class: dsl}]
links:
  - {between: [s0, s1], class: slow}
  - {between: [s1, s0], class: fast}
  - {between: [s1, s2], class: fast}
  - {between: [s0, s1], class: fast, forward: {delay: 3 ms}}
`},
	{"ring of routers", `
mode: routed
switches: [s0, s1, s2, s3]
hosts: [{name: a, switch: s0}, {name: b, switch: s1}, {name: c, switch: s2, class: dsl}, {name: d, switch: s3}]
links:
  - {between: [s0, s1], class: slow}
  - {between: [s1, s2], class: fast}
  - {between: [s2, s3], class: slow}
  - {between: [s3, s0], class: fast}
`},
	{"interfaces", `
switches: [s0, s1, s2, private]
hosts:
  - {name: home, switch: s0, also: [{switch: s2, class: dsl}, {switch: s2}, {switch: private}]}
  - {name: a, switch: s0, also: [{switch: private}]}
  - {name: b, switch: s2, class: fast}
links:
  - {between: [s0, s1], class: fast}
  - {between: [s1, s2], class: slow}
`},
	{"all", `
mode: routed
switches: [s0, s1, s2]
hosts:
  - {name: home, switch: s0, also: [{switch: s2, class: dsl}, {switch: s2, class: fast}]}
  - {name: a, switch: s1, class: dsl}
  - {name: b, switch: s2}
links:
  - {between: [s0, s1], class: fast}
  - {between: [s1, s0], class: slow}
  - {between: [s1, s2], class: fast}
  - {between: [s1, s2], class: fast}
`},
}

// topology reads the shape's text, with the classes that all of them have.
func (s shape) topology() (*topology.Topology, error) {
	return topology.Parse(s.name, []byte("name: shape\nsubnet: 10.9.0.0/24\nlink-classes:\n"+
		"  slow: {rate: 5 Mb/s, delay: 1 ms}\n  fast: {rate: 20 Mb/s, delay: 500 us}\n"+
		"  dsl: {delay: 2 ms, forward: {rate: 4 Mb/s}, reverse: {rate: 16 Mb/s}}\n"+s.text))
}

// Sizes of what is sent there and back, in bytes.
const there, back = 30_000, 12_000

// talk has each host talk to each address of each other one that it has a way to, one after the
// other, and returns what the ports have counted.
func (s shape) talk(ctx context.Context, t *topology.Topology, host func(string) (wire.Net, error),
	idle func(context.Context, time.Duration) (counters.Counters, error),
) (counters.Counters, error) {
	for to := range t.Interfaces() {
		for from := range t.Hosts {
			if from == to.HostIndex || to.Switch == "private" && t.Hosts[from].Also == nil {
				continue
			}
			a, errA := host(t.Hosts[from].Name)
			b, errB := host(to.Host)
			if err := errors.Join(errA, errB, exchange(ctx, a, b, netip.AddrPortFrom(to.Address, 80))); err != nil {
				return counters.Counters{}, fmt.Errorf("from %s to %v: %w", t.Hosts[from].Name, to.Address, err)
			}
		}
	}
	return idle(ctx, 50*time.Millisecond)
}

// exchange sends over a new connection, and back.
func exchange(ctx context.Context, from, to wire.Net, address netip.AddrPort) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	l, err := to.Listen(ctx, address.String())
	if err != nil {
		return err
	}
	defer l.Close()

	served := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			defer c.Close()
			_, err = io.CopyN(io.Discard, c, there)
		}
		if err == nil {
			_, err = c.Write(make([]byte, back))
		}
		served <- err
	}()

	c, err := from.DialContext(ctx, address.String())
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Write(make([]byte, there))
	if err == nil {
		_, err = io.CopyN(io.Discard, c, back)
	}
	return errors.Join(err, <-served)
}
