//go:build faketime

package simnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/pcapgo"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"

	"edgebed/harness/network"
	"edgebed/harness/topology"
	"edgebed/harness/topology/preset"
	"edgebed/nodes/units"
)

// ways are networks in which more than the shortest path decides about the way of a frame: with
// parallel links, and with several interfaces of a host, at one switch and apart, shaped and not.
var ways = map[string]string{
	"ring": `
switches: [s0, s1, s2, s3]
hosts: [{name: a, switch: s0}, {name: b, switch: s1}, {name: c, switch: s2, class: dsl}, {name: d, switch: s3}]
links: [{between: [s0, s1]}, {between: [s1, s2]}, {between: [s2, s3]}, {between: [s3, s0]}]
link-classes: {dsl: {rate: 10 Mb/s, delay: 3 ms}}
`,
	"parallel": `
switches: [s0, s1, s2]
hosts:
  - {name: a, switch: s0}
  - {name: b, switch: s1}
  - {name: c, switch: s1, class: fast}
  - {name: d, switch: s2}
  - {name: e, switch: s2}
links:
  - {between: [s0, s1], class: fast}
  - {between: [s1, s0], forward: {delay: 7 ms}}
  - {between: [s1, s2]}
  - {between: [s0, s1], class: fast}
  - {between: [s2, s1], class: fast}
link-classes: {fast: {rate: 100 Mb/s, delay: 1 ms}}
`,
	"interfaces": `
switches: [s0, s1, s2]
hosts:
  - {name: home, switch: s0, also: [{switch: s2, class: fast}, {switch: s2, address: 10.9.0.77}, {switch: s2, class: fast}]}
  - {name: a, switch: s0}
  - {name: m, switch: s1, also: [{switch: s1}]}
  - {name: b, switch: s2, class: fast}
links:
  - {between: [s0, s1], class: fast}
  - {between: [s1, s2]}
  - {between: [s1, s2], class: fast}
link-classes: {fast: {rate: 100 Mb/s, delay: 1 ms}}
`,
}

// way builds one of the networks in a mode.
func way(t *testing.T, name string, mode topology.Mode) *Network {
	t.Helper()
	return built(t, fmt.Sprintf("mode: %s\n%s", mode, ways[name]))
}

// greet opens a connection from an address to another one, or from no address in particular, sends
// a few bytes there and closes it. It returns the address that the other side sees.
func greet(n *Network, a, b *Host, from, to netip.Addr) (seen netip.Addr, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	l, err := b.Listen(ctx, netip.AddrPortFrom(to, 80).String())
	if err != nil {
		return seen, err
	}
	defer l.Close()
	served := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			seen = netip.MustParseAddrPort(c.RemoteAddr().String()).Addr()
			_, err = io.Copy(io.Discard, c)
			err = errors.Join(err, c.Close())
		}
		served <- err
	}()

	c, err := dial(ctx, a, from, netip.AddrPortFrom(to, 80))
	if err != nil {
		return seen, err
	}
	_, err = c.Write([]byte("hello"))
	err = errors.Join(err, c.Close(), <-served)
	_, idleErr := n.Idle(ctx, 50*time.Millisecond)
	return seen, errors.Join(err, idleErr)
}

// dial opens a connection from one of a host's addresses, or leaves the choice to the host.
func dial(ctx context.Context, a *Host, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	if !from.IsValid() {
		return a.DialContext(ctx, to.String())
	}
	return gonet.DialTCPWithBind(ctx, a.stack, full(netip.AddrPortFrom(from, 0)), full(to), ipv4.ProtocolNumber)
}

// count is of the frames that a port has sent and received.
type count struct{ tx, rx int64 }

// along adds what frames from one interface to another do to the ports on their way, as the
// tables of the topology say.
func along(tables []topology.Table, ports map[string]count, from, to topology.Interface, frames int64) {
	add := func(port string, tx, rx int64) {
		p := ports[port]
		ports[port] = count{p.tx + tx, p.rx + rx}
	}

	at := from.Switch
	add(at+"-"+from.Host+from.Suffix, 0, frames)
	for {
		table := tables[slices.IndexFunc(tables, func(t topology.Table) bool { return t.Switch == at })]
		k := slices.IndexFunc(table.Entries, func(e topology.Entry) bool { return e.Address == to.Address })
		next := table.Entries[k].Next
		add(at+"-"+next, frames, 0)
		name, number, parallel := strings.Cut(next, "#")
		if name == to.Host {
			return
		}
		before := at
		at = name
		if parallel {
			before += "#" + number
		}
		add(at+"-"+before, 0, frames)
	}
}

// TestWays sends between all addresses of all hosts, in both modes: exactly those ports count the
// frames that the topology's tables name, which are the emulation's, and all of them.
func TestWays(t *testing.T) {
	for name := range ways {
		for _, mode := range []topology.Mode{topology.Switched, topology.Routed} {
			n := way(t, name, mode)
			tables, all := n.topology.Tables(), slices.Collect(n.topology.Interfaces())
			for _, from := range all {
				for _, to := range all {
					if from.HostIndex == to.HostIndex {
						continue
					}
					before, err := n.Counters()
					if err != nil {
						t.Fatal(err)
					}
					seen, err := greet(n, n.hosts[from.HostIndex], n.hosts[to.HostIndex], from.Address, to.Address)
					if err != nil || seen != from.Address {
						t.Fatalf("%s, %s: from %v to %v, seen from %v: %v", name, mode, from.Address, to.Address, seen, err)
					}
					after, err := n.Counters()
					if err != nil {
						t.Fatal(err)
					}

					got := map[string]count{}
					for _, p := range after.Sub(before).Ports {
						got[p.Name] = count{p.TxPackets, p.RxPackets}
					}
					// SYN, ACK, data and FIN, and an ACK of the other's FIN; on the other side a SYN
					// and a FIN with what they acknowledge, and an ACK of the data.
					there := got[from.Switch+"-"+from.Host+from.Suffix].rx
					back := got[to.Switch+"-"+to.Host+to.Suffix].rx
					if there < 4 || there > 5 || back < 2 || back > 4 {
						t.Fatalf("%s, %s: %d frames from %v to %v, and %d back", name, mode, there, from.Address, to.Address, back)
					}
					want := map[string]count{}
					for port := range got {
						want[port] = count{}
					}
					along(tables, want, from, to, there)
					along(tables, want, to, from, back)
					for port := range want {
						if got[port] != want[port] {
							t.Errorf("%s, %s: from %v to %v port %s passed %+v, want %+v", name, mode, from.Address, to.Address,
								port, got[port], want[port])
						}
					}
				}
			}
		}
	}
}

// TestExits: a connection that chooses no address goes by the interface that is nearest to the
// other side, and the same one takes the answers.
func TestExits(t *testing.T) {
	for _, mode := range []topology.Mode{topology.Switched, topology.Routed} {
		n := way(t, "interfaces", mode)
		for host := range n.hosts {
			for i, exit := range n.topology.Exits(host) {
				to := n.cards[i]
				if to.host == n.hosts[host] {
					continue
				}
				seen, err := greet(n, n.hosts[host], to.host, netip.Addr{}, to.address)
				if want := n.hosts[host].cards[exit].address; err != nil || seen != want {
					t.Errorf("%s: %s seen at %v from %v, want %v: %v", mode, n.hosts[host].Name(), to.address, seen, want, err)
				}
			}
		}
	}
}

// TestOwnAddresses: what a host sends to itself, by whichever of its addresses, is on no port.
func TestOwnAddresses(t *testing.T) {
	n := way(t, "interfaces", topology.Switched)
	home := n.hosts[0]
	for _, c := range home.cards {
		if _, err := greet(n, home, home, netip.Addr{}, c.address); err != nil {
			t.Errorf("home to its %v: %v", c.address, err)
		}
	}
	if c, err := n.Counters(); err != nil || c.Moved(network.Counters{Ports: make([]network.PortCounters, len(c.Ports))}) {
		t.Errorf("the ports passed %+v: %v", c.Ports, err)
	}
}

// TestApart: a network of second interfaces alone carries what its members send each other, and
// what others send there ends at their switch.
func TestApart(t *testing.T) {
	for _, mode := range []topology.Mode{topology.Switched, topology.Routed} {
		n := built(t, fmt.Sprintf(`mode: %s
switches: [s0, private]
hosts:
  - {name: a, switch: s0, also: [{switch: private}]}
  - {name: b, switch: s0, also: [{switch: private}]}
  - {name: c, switch: s0}
`, mode))
		a, b, c := n.hosts[0], n.hosts[1], n.hosts[2]
		private := b.cards[1].address
		if seen, err := greet(n, a, b, netip.Addr{}, private); err != nil || seen != a.cards[1].address {
			t.Errorf("%s: a to the private address of b, seen from %v: %v", mode, seen, err)
		}
		if got := n.ahead(0, frame{to: private}); got < int64(100*365*24*time.Hour) {
			t.Errorf("%s: a frame that no way leads on is noticed after %d ns", mode, got)
		}
		if _, err := greet(n, c, b, netip.Addr{}, private); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: c to the private address of b: %v", mode, err)
		}
	}
}

// captured returns the packets that pass a port while something is done, those of each direction
// apart: what leaves the switch, and what comes.
func captured(t *testing.T, n *Network, port string, do func() error) (out, in []header.IPv4) {
	t.Helper()
	var file bytes.Buffer
	c, err := n.Capture(port, &file)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(do(), c.Stop()); err != nil {
		t.Fatal(err)
	}

	r, err := pcapgo.NewNgReader(&file, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	for {
		data, _, options, err := r.ReadPacketDataWithOptions()
		if err == io.EOF {
			return out, in
		}
		if err != nil {
			t.Fatal(err)
		}
		packet := header.IPv4(slices.Clone(data[ethernet:]))
		if options.Flags.Direction == outbound {
			out = append(out, packet)
		} else {
			in = append(in, packet)
		}
	}
}

// TestHops: each router takes one from a packet's time to live, in captures and for the host, and
// puts its checksum right; a switch and the box of an access link take none.
func TestHops(t *testing.T) {
	for mode, taken := range map[topology.Mode]uint8{topology.Switched: 0, topology.Routed: 1} {
		n := way(t, "ring", mode)
		a, c := n.hosts[0], n.hosts[2]
		path := n.topology.Path("a", "c")
		for k, name := range []string{path[0] + "-" + path[1], path[1] + "-" + path[2], path[2] + "-c"} {
			out, in := captured(t, n, name, func() error {
				_, err := greet(n, a, c, netip.Addr{}, c.Address())
				return err
			})
			// Up to this port k+1 routers have passed on what goes there; what comes back has passed
			// those behind it.
			there, back := 64-taken*uint8(k+1), 64-taken*uint8(2-k)
			if len(out) == 0 || len(in) == 0 {
				t.Fatalf("%s, port %s: %d and %d frames", mode, name, len(out), len(in))
			}
			for _, p := range slices.Concat(out, in) {
				want := there
				if p.SourceAddress().As4() == c.Address().As4() {
					want = back
				}
				if p.TTL() != want || !p.IsChecksumValid() {
					t.Errorf("%s, port %s: %d hops are left, want %d; checksum right: %v", mode, name, p.TTL(), want,
						p.IsChecksumValid())
				}
			}
		}
	}
}

// TestHopsEnd: a packet passes 63 routers and not 64, as with Linux's first time to live.
func TestHopsEnd(t *testing.T) {
	for _, switches := range []int{63, 64} {
		model, err := preset.Build(fmt.Sprintf("linear,%d,delay=0ms,mode=routed", switches))
		if err != nil {
			t.Fatal(err)
		}
		n, err := Build(model, Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = greet(n, n.hosts[0], n.hosts[switches-1], netip.Addr{}, n.hosts[switches-1].Address())
		if (err == nil) != (switches < 64) {
			t.Errorf("over %d routers: %v", switches, err)
		}
		c, err := n.Counters()
		if last := c.Ports[switches-1]; err != nil || (last.TxPackets > 0) != (switches < 64) {
			t.Errorf("the last of %d routers sent its host %d frames: %v", switches, last.TxPackets, err)
		}
		n.Close()
	}
}

// TestRouterHidesQueue: the kernel of a sender sees what waits for a switch's link, and holds its
// data back; it does not see what waits behind a router, where a connection that begins waits for
// a whole window.
func TestRouterHidesQueue(t *testing.T) {
	opens := map[topology.Mode]time.Duration{}
	for _, mode := range []topology.Mode{topology.Switched, topology.Routed} {
		n := built(t, fmt.Sprintf(`mode: %s
switches: [s0, s1]
hosts: [{name: a, switch: s0}, {name: b, switch: s1}]
links: [{between: [s0, s1], forward: {rate: 1 Mb/s, delay: 1 ms}, reverse: {rate: 1 Mb/s, delay: 1 ms}}]
`, mode))
		sent := make(chan struct{})
		go func() {
			transfer(t, n, 100_000)
			close(sent)
		}()
		time.Sleep(400 * time.Millisecond)
		began := time.Now()
		c, err := n.hosts[0].DialContext(t.Context(), "10.9.0.2:80")
		if err != nil {
			t.Fatal(err)
		}
		opens[mode] = time.Since(began)
		c.Close()
		<-sent
	}

	// Four full frames and one on its way; and what slow start has sent after 400 ms.
	queue := 2*time.Millisecond + units.Mbps.Time(6*topology.Frame)
	if opens[topology.Switched] > queue || opens[topology.Routed] < 3*queue {
		t.Errorf("connections open within %v, one way is %v at most", opens, queue)
	}
}

// TestParallelLinks: each link has its own rate, names, and events, and carries the share of hosts
// that it carries in the emulation.
func TestParallelLinks(t *testing.T) {
	n := built(t, `switches: [s0, s1]
hosts: [{name: a, switch: s0}, {name: b, switch: s1}, {name: c, switch: s1}]
links:
  - {between: [s0, s1], forward: {rate: 10 Mb/s}, reverse: {rate: 10 Mb/s}}
  - {between: [s1, s0], forward: {rate: 10 Mb/s}, reverse: {rate: 2 Mb/s, delay: 4 ms}}
`)
	if got := n.Ports(); !slices.Equal(got[3:], []string{"s0-s1", "s1-s0", "s1-s0#2", "s0-s1#2"}) {
		t.Fatalf("the ports are %v", got)
	}
	settings := n.Settings()
	if settings["link-rate.s0-s1#2"] != "2 Mb/s" || settings["link-rate.s0-s1"] != "10 Mb/s" {
		t.Errorf("the settings are %v", settings)
	}

	// b is the second host, and takes the second link; what comes back to a the first.
	const size = 100_000
	took, c := transfer(t, n, size)
	if ideal := (2 * units.Mbps).Time(size * 1514 / 1448); took < ideal || took > ideal*11/10 {
		t.Errorf("%d B take %v over a link that needs %v", size, took, ideal)
	}
	if c.Ports[6].TxBytes < size || c.Ports[3].TxBytes+c.Ports[5].TxBytes > 0 || c.Ports[4].TxBytes == 0 {
		t.Errorf("the links carried %+v", c.Ports[3:])
	}

	down := topology.Override{Loss: new(topology.Loss(1))}
	for _, change := range []topology.Change{{From: "s0", To: "s1#2", Override: down}, {From: "s1#2", To: "s0", Override: down}} {
		if err := n.SetLinks(change); err != nil {
			t.Fatal(err)
		}
	}
	a := n.hosts[0]
	for _, h := range n.hosts[1:] {
		_, err := greet(n, a, h, netip.Addr{}, h.Address())
		if isDown := h.Name() == "b"; (err != nil) != isDown {
			t.Errorf("with s0-s1#2 down, a to %s: %v", h.Name(), err)
		}
	}
	err := n.SetLinks(topology.Change{From: "s1#2", To: "s0", Override: topology.Override{Rate: new(units.Rate(0))}})
	if err == nil || !strings.HasPrefix(err.Error(), "change link s1-s0#2: ") {
		t.Errorf("a change that a link cannot follow: %v", err)
	}
}

// TestWaysAgain: all of it passes the same ports in the same order at the same times again.
func TestWaysAgain(t *testing.T) {
	run := func() (list []string) {
		Align()
		n := built(t, "mode: routed\n"+ways["interfaces"])
		var file bytes.Buffer
		c, err := n.Capture("s1-s2#2", &file)
		if err != nil {
			t.Fatal(err)
		}
		all := make(chan error)
		talks := 0
		for i, from := range n.hosts {
			for _, to := range n.cards {
				if to.host == from {
					continue
				}
				talks++
				go func() {
					port := uint16(100 + i)
					l, err := to.host.Listen(t.Context(), netip.AddrPortFrom(to.address, port).String())
					if err != nil {
						all <- err
						return
					}
					defer l.Close()
					go from.DialContext(t.Context(), l.Addr().String())
					_, err = l.Accept()
					all <- err
				}()
			}
		}
		for range talks {
			if err := <-all; err != nil {
				t.Fatal(err)
			}
		}
		if _, err := n.Idle(t.Context(), 50*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if err := c.Stop(); err != nil {
			t.Fatal(err)
		}

		r, err := pcapgo.NewNgReader(&file, pcapgo.DefaultNgReaderOptions)
		if err != nil {
			t.Fatal(err)
		}
		for {
			data, info, err := r.ReadPacketData()
			if err == io.EOF {
				return list
			}
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, fmt.Sprintf("%v %x", info.Timestamp.Sub(n.schedule.origin), data))
		}
	}
	one, two := run(), run()
	if len(one) < 20 || !slices.Equal(one, two) {
		t.Errorf("%d frames are captured, and then %d, or others", len(one), len(two))
	}
}
