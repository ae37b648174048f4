package emu

import (
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"

	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// TestChangesAreWhole asks for changes of both directions of a link, one of which is
// refused: the other one stays as it was, and so does the class of several links.
func TestChangesAreWhole(t *testing.T) {
	model := pair(topology.Override{Rate: new(20 * units.Mbps), Delay: new(time.Millisecond)})
	model.Links[0].Reverse.Rate = new(units.Rate(0)) // unshaped, and so it must stay
	n := build(t, model, Options{})
	before := n.Topology()

	slower := topology.Override{Rate: new(5 * units.Mbps), Delay: new(9 * time.Millisecond)}
	unchanged := func(what string, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("%s was accepted", what)
		}
		for _, ends := range [][2]string{{"s0", "s1"}, {"s1", "s0"}} {
			was, _ := before.Params(ends[0], ends[1])
			if now, err := n.Topology().Params(ends[0], ends[1]); err != nil || now != was {
				t.Errorf("%s: %v has %v, %v, want %v", what, ends, now, err, was)
			}
		}
		queues, err := n.fabricC.qdiscs()
		if err != nil {
			t.Fatal(err)
		}
		s, _, err := n.fabricC.readShape(n.links[0].port[0].index, queues)
		if err != nil || s.Rate != 20*units.Mbps {
			t.Errorf("%s: the kernel has %v, %v, want the old rate", what, s.Rate, err)
		}
	}
	unchanged("a rate for an unshaped direction",
		n.SetLinks(change("s0", "s1", slower), change("s1", "s0", slower)))
	unchanged("a link that is not there", n.SetLinks(change("s0", "s1", slower), change("s1", "s9", slower)))
	unchanged("a class with an unshaped direction", n.SetClass("trunk", topology.Override{Queue: new(0)}))

	delay := topology.Override{Delay: new(9 * time.Millisecond)}
	if err := n.SetLinks(change("s0", "s1", slower), change("s1", "s0", delay)); err != nil {
		t.Fatal(err)
	}
	if rtt := pings(t, n.Hosts()[0], n.Hosts()[1], 3); rtt[0] < 18*time.Millisecond {
		t.Errorf("with 9 ms each way, a round trip took %v", rtt[0])
	}
}

// TestRefusedByTheKernel takes a queue away, so that the kernel refuses a change of the
// second direction: the first one is put back, and the error says what stands.
func TestRefusedByTheKernel(t *testing.T) {
	model := pair(topology.Override{Rate: new(20 * units.Mbps), Delay: new(time.Millisecond)})
	n := build(t, model, Options{})
	port := n.links[0].port
	root := netlink.QdiscAttrs{LinkIndex: port[1].index, Handle: htbHandle, Parent: netlink.HANDLE_ROOT}
	if err := n.fabricC.QdiscDel(&netlink.GenericQdisc{QdiscAttrs: root, QdiscType: "htb"}); err != nil {
		t.Fatal(err)
	}

	slower := topology.Override{Rate: new(5 * units.Mbps), Delay: new(30 * time.Millisecond)}
	err := n.SetLinks(change("s0", "s1", slower), change("s1", "s0", slower))
	if err == nil || !strings.Contains(err.Error(), "link s1-s0 may have a part of the change") ||
		strings.Contains(err.Error(), "link s0-s1 may") {
		t.Errorf("the error is %v", err)
	}
	if _, partial := errors.AsType[*PartialError](err); !partial {
		t.Errorf("what stands is taken to be known: %v", err)
	}
	queues, err := n.fabricC.qdiscs()
	if err != nil {
		t.Fatal(err)
	}
	if s, _, err := n.fabricC.readShape(port[0].index, queues); err != nil || s.Rate != 20*units.Mbps {
		t.Errorf("the first direction has %v, %v", s.Rate, err)
	}
	if p, err := n.Topology().Params("s0", "s1"); err != nil || p.Rate != 20*units.Mbps {
		t.Errorf("the topology says %v, %v", p, err)
	}
	// The delay line, and netem, have their old delays.
	if rtt := pings(t, n.Hosts()[0], n.Hosts()[1], 3); rtt[1] > 30*time.Millisecond {
		t.Errorf("round trips with 1 ms each way take %v", rtt[1])
	}
}

// TestTakenBack lets the second of three edits fail: it and the first one are taken back,
// the last one first, and the error says that all is as it was.
func TestTakenBack(t *testing.T) {
	var calls []string
	refused := errors.New("refused")
	var before, after [2]topology.Params
	after[0].Rate = units.Mbps
	change := func(direction string, err error) edit {
		return edit{direction, before, after, func(from, to [2]topology.Params) error {
			switch {
			case from == before && to == after:
				calls = append(calls, "do "+direction)
				return err
			case from == after && to == before:
				calls = append(calls, "undo "+direction)
			default:
				t.Errorf("%s goes from %v to %v", direction, from, to)
			}
			return nil
		}}
	}
	err := makeAll([]edit{change("a-b", nil), change("b-a", refused), change("c-d", nil)})

	if want := []string{"do a-b", "do b-a", "undo b-a", "undo a-b"}; !slices.Equal(calls, want) {
		t.Errorf("calls %q, want %q", calls, want)
	}
	if !errors.Is(err, refused) || err.Error() != "change link b-a: refused\nall links are as they were" {
		t.Errorf("the error is %v", err)
	}
	if _, partial := errors.AsType[*PartialError](err); partial {
		t.Error("links are said to have a part of the change")
	}
}

// numbered sends packets with their numbers, and returns those that arrive in their order.
func numbered(t *testing.T, from, to *Host, packets int) (arrived []int) {
	t.Helper()
	in, err := to.ListenPacket(t.Context(), to.Address().String()+":6000")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := from.ListenPacket(t.Context(), from.Address().String()+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()

	const atOnce = 100 // which the socket holds
	for i := range packets {
		if _, err := out.WriteTo(binary.BigEndian.AppendUint32(nil, uint32(i)), in.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		if i%atOnce == atOnce-1 || i == packets-1 {
			arrived = append(arrived, received(t, in)...)
		}
	}
	return arrived
}

// received returns the numbers of the packets that arrive until none does for a while.
func received(t *testing.T, in net.PacketConn) (list []int) {
	t.Helper()
	var limit net.Error
	for b := make([]byte, 4); ; {
		if err := in.SetReadDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		switch _, _, err := in.ReadFrom(b); {
		case errors.As(err, &limit) && limit.Timeout():
			return list
		case err != nil:
			t.Fatal(err)
		}
		list = append(list, int(binary.BigEndian.Uint32(b)))
	}
}

// netemAttrs are the attributes that the kernel gives for the netem of a direction.
func netemAttrs(t *testing.T, n *Network, dir int) map[uint16][]byte {
	t.Helper()
	queues, err := n.mediumC.qdiscs()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range queues {
		if q.kind == "netem" && q.index == n.links[0].medium[1-dir] {
			attrs, err := nl.ParseRouteAttr(q.options[24:]) // behind struct tc_netem_qopt
			if err != nil {
				t.Fatal(err)
			}
			values := make(map[uint16][]byte)
			for _, a := range attrs {
				values[a.Attr.Type] = a.Value
			}
			return values
		}
	}
	t.Fatal("the direction has no netem")
	return nil
}

// TestLiveNetem switches corruption and the order of frames off and on in place, and looks
// whether the same frames are lost after each change.
func TestLiveNetem(t *testing.T) {
	if support, err := ProbeNetem(); support != Available || backend() == DelayLine {
		t.Skipf("for netem, which is %v here: %v", support, err)
	}
	start := func() *Network {
		return build(t, pair(topology.Override{}), Options{Delay: Netem, LiveDelay: true, Seed: 4})
	}
	n := start()
	a, b := n.Hosts()[0], n.Hosts()[1]
	set := func(n *Network, o topology.Override) {
		t.Helper()
		if err := n.SetLinks(change("s0", "s1", o)); err != nil {
			t.Fatal(err)
		}
	}
	const packets = 60
	ordered := func(list []int) bool { return slices.IsSorted(list) }

	// What is corrupted has another checksum, or another number.
	sent := make([]int, packets)
	for i := range sent {
		sent[i] = i
	}
	set(n, topology.Override{Corrupt: new(topology.Loss(0.9))})
	if got := numbered(t, a, b, packets); slices.Equal(got, sent) {
		t.Error("nothing was corrupted")
	}
	set(n, topology.Override{Corrupt: new(topology.Loss(0))})
	if got := numbered(t, a, b, packets); !slices.Equal(got, sent) {
		t.Errorf("without corruption %v arrive", got)
	}

	fifo, reorder := topology.FIFO, topology.Reorder
	jitter := topology.Override{
		Delay: new(30 * time.Millisecond), Jitter: new(25 * time.Millisecond), JitterOrder: &fifo,
	}
	for _, tc := range []struct {
		order *topology.JitterOrder
		want  bool
	}{{&fifo, true}, {&reorder, false}, {&fifo, true}, {&reorder, false}} {
		jitter.JitterOrder = tc.order
		set(n, jitter)
		if got := numbered(t, a, b, packets); len(got) != packets || ordered(got) != tc.want {
			t.Errorf("%s: %d frames arrive, in order %v: %v", *tc.order, len(got), ordered(got), got)
		}
	}
	set(n, topology.Override{Delay: new(time.Duration(0)), Jitter: new(time.Duration(0))})
	if rate := netemAttrs(t, n, 0)[netemRate]; len(rate) > 3 && binary.NativeEndian.Uint32(rate) != 0 {
		t.Errorf("netem has a rate of %v without jitter", rate)
	}

	// The seeds are those of the network and the number of changes.
	var lost [][]int
	var seeds [][]byte
	again := start()
	for k := range 4 {
		loss := topology.Loss(0.5)
		if k%2 == 1 {
			loss = 0.4
		}
		set(n, topology.Override{Loss: &loss})
		if got := numbered(t, a, b, packets); k%2 == 0 {
			lost = append(lost, got)
		}
		seeds = append(seeds, netemAttrs(t, n, 0)[netemSeed])
		if seed := seeds[k]; seed != nil && slices.ContainsFunc(seeds[:k], func(s []byte) bool { return slices.Equal(s, seed) }) {
			t.Errorf("change %d begins with the seed of another one", k)
		}
	}
	if slices.Equal(lost[0], lost[1]) {
		t.Errorf("after two changes the same frames arrive: %v", lost[0])
	}

	if seeds[0] == nil {
		t.Log("this kernel's netem has no seed")
		return
	}
	repeat := start()
	for _, n := range []*Network{again, repeat} {
		set(n, topology.Override{Loss: new(topology.Loss(0.5))})
		set(n, topology.Override{Loss: new(topology.Loss(0.4))})
	}
	if x, y := netemAttrs(t, again, 0)[netemSeed], netemAttrs(t, repeat, 0)[netemSeed]; !slices.Equal(x, y) {
		t.Errorf("two networks of one seed have other seeds after the same changes: %v, %v", x, y)
	}
	set(again, topology.Override{Queue: new(77)})
	if x, y := netemAttrs(t, again, 0)[netemSeed], netemAttrs(t, repeat, 0)[netemSeed]; !slices.Equal(x, y) {
		t.Error("a change that is not netem's began its draws anew")
	}
}

// change of one direction of a link.
func change(from, to string, o topology.Override) topology.Change {
	return topology.Change{From: from, To: to, Override: o}
}
