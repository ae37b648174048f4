package emu_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"time"

	"edgebed/harness/emu"
	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// example is two switches with a host each, a and b, and a link of 10 Mb/s.
const example = `version: 1
name: example
subnet: 10.9.0.0/24
switches: [s0, s1]
hosts:
  - {name: a, address: 10.9.0.1, switch: s0}
  - {name: b, address: 10.9.0.2, switch: s1}
link-classes:
  trunk: {rate: 10 Mb/s, delay: 1 ms}
links:
  - {between: [s0, s1], class: trunk}
`

// open builds the example's network. A program of its own calls sandbox.Enter
// and delayline.MaybeMain first thing in main, as the TestMain of these tests.
func open(opts emu.Options) (n *emu.Network, a, b *emu.Host, err error) {
	t, err := topology.Parse("example.yaml", []byte(example))
	if err != nil {
		return nil, nil, nil, err
	}
	if n, err = emu.Build(context.Background(), t, opts); err != nil {
		return nil, nil, nil, err
	}
	return n, n.Hosts()[0], n.Hosts()[1], nil
}

// send moves so many bytes from one host to another over TCP, and says how long
// that took.
func send(from, to *emu.Host, size int) (time.Duration, error) {
	ctx := context.Background()
	l, err := to.Listen(ctx, to.Address().String()+":80")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	begin := time.Now()
	go func() {
		if c, err := from.DialContext(ctx, l.Addr().String()); err == nil {
			_, _ = c.Write(make([]byte, size))
			c.Close()
		}
	}()

	c, err := l.Accept()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	got, err := io.Copy(io.Discard, c)
	if err == nil && got != int64(size) {
		err = fmt.Errorf("got %d of %d bytes", got, size)
	}
	return time.Since(begin), err
}

// Build an emulated network, move 500 kB over its link, and look at a counter.
func ExampleBuild() {
	n, a, b, err := open(emu.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer n.Close()
	fmt.Printf("%s is at %v behind %s\n", a.Name(), a.Address(), a.Switch())
	fmt.Println("something delays the link's frames:", n.Backend() != emu.None)

	before, err := n.Counters()
	if err != nil {
		fmt.Println(err)
		return
	}
	took, err := send(a, b, 500_000)
	if err != nil {
		fmt.Println(err)
		return
	}
	after, err := n.Counters()
	if err != nil {
		fmt.Println(err)
		return
	}

	for _, p := range after.Sub(before).Ports {
		if p.Name == "s0-s1" {
			fmt.Println("more bytes on the link than in the file:", p.TxBytes > 500_000)
		}
	}
	fmt.Println("no faster than the link:", took >= (10*units.Mbps).Time(500_000-1514))

	// Output:
	// a is at 10.9.0.1 behind s0
	// something delays the link's frames: true
	// more bytes on the link than in the file: true
	// no faster than the link: true
}

// Change links while the network runs: a class of them, and one direction of one.
func ExampleNetwork_SetClass() {
	// Without LiveDelay links that begin without delay could get none.
	n, a, b, err := open(emu.Options{LiveDelay: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer n.Close()

	slow, far := 5*units.Mbps, 50*time.Millisecond
	if err := n.SetClass("trunk", topology.Override{Rate: &slow}); err != nil {
		fmt.Println(err)
	}
	if err := n.SetLinks(topology.Change{From: "s0", To: "s1", Override: topology.Override{Delay: &far}}); err != nil {
		fmt.Println(err)
	}
	for _, ends := range [][2]string{{"s0", "s1"}, {"s1", "s0"}} {
		p, err := n.Topology().Params(ends[0], ends[1])
		if err != nil {
			fmt.Println(err)
		}
		fmt.Printf("%s to %s: %v, %v\n", ends[0], ends[1], p.Rate, p.Delay)
	}

	// A datagram from a to b takes the long way.
	ctx := context.Background()
	from, err := a.ListenPacket(ctx, a.Address().String()+":0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer from.Close()
	to, err := b.ListenPacket(ctx, b.Address().String()+":9")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer to.Close()

	begin := time.Now()
	if _, err := from.WriteTo([]byte("hello"), &net.UDPAddr{IP: b.Address().AsSlice(), Port: 9}); err != nil {
		fmt.Println(err)
	}
	text := make([]byte, 10)
	count, _, err := to.ReadFrom(text)
	fmt.Printf("%s %v, late enough: %v\n", text[:count], err, time.Since(begin) >= far)

	// Output:
	// s0 to s1: 5 Mb/s, 50ms
	// s1 to s0: 5 Mb/s, 1ms
	// hello <nil>, late enough: true
}

// Capture what passes a port, for Wireshark.
func ExampleNetwork_Capture() {
	n, a, b, err := open(emu.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer n.Close()

	var file bytes.Buffer // in pcapng
	capture, err := n.Capture("s0-s1", &file)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := send(a, b, 100_000); err != nil {
		fmt.Println(err)
	}
	stats, err := capture.Stop()
	fmt.Println("all frames are in the file:", err == nil && stats.Lost == 0 && file.Len() > int(stats.Bytes))
	fmt.Println("a frame for each segment and more:", stats.Packets > 100_000/1448)

	// Output:
	// all frames are in the file: true
	// a frame for each segment and more: true
}

// Run a program inside a host: it sees the host's devices and no others.
func ExampleHost_Start() {
	n, a, _, err := open(emu.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer n.Close()

	cmd := exec.Command("cat", "/proc/self/net/dev")
	var out strings.Builder
	cmd.Stdout = &out
	if err := a.Start(cmd); err != nil {
		fmt.Println(err)
		return
	}
	if err := cmd.Wait(); err != nil {
		fmt.Println(err)
	}
	for line := range strings.Lines(out.String()) {
		if device, _, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fmt.Println(device)
		}
	}

	// Unordered output:
	// lo
	// eth0
}
