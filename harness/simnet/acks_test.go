package simnet

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"

	"edgebed/harness/network"
)

// sent is a segment that a host's stack makes, at a time in ms.
type sent struct {
	at   float64
	ack  int // bytes
	data int
	// flags beside ACK, and whether there are blocks of a selective acknowledgment.
	flags header.TCPFlags
	sack  bool
}

// leaving returns the times in ms at which segments leave a host whose card holds
// acknowledgments back as Linux does.
func leaving(t *testing.T, segments []sent) (times []float64) {
	t.Helper()
	n := still(t)
	n.dispatch, n.home = newPlan(n.transmit), map[netip.Addr]*card{}
	c := &card{host: &Host{network: n}, flows: map[flow]*connection{}, segment: 1000, smallQueue: 1 << 20}
	c.port = &port{counters: network.PortCounters{Name: "s-h"}, network: n, card: c}
	n.cards, n.next = []*card{c}, [][]*port{{c.port}}
	key := flow{netip.MustParseAddr("10.9.0.2"), 80, 40000}

	// note passes time, and notes what leaves.
	note := func(until int64) {
		for n.due(until) {
			before, at := c.port.counters.RxPackets, n.schedule.plans.list[0].at
			n.pass(at)
			for range c.port.counters.RxPackets - before {
				times = append(times, float64(at)/1e6)
			}
		}
	}
	for _, s := range segments {
		at := int64(s.at * 1e6)
		note(at)
		before := c.port.counters.RxPackets
		p := segment(s)
		c.transmit(at, key, p, frame{packet: p.Clone(), size: 66 + s.data, to: key.to})
		p.DecRef()
		for range c.port.counters.RxPackets - before {
			times = append(times, s.at)
		}
		n.replan()
		if next := n.schedule.next(); next < never/4 {
			t.Errorf("somebody looks for what is held back at %d ns, and it goes to nobody", next)
		}
	}
	note(int64(time.Hour))
	if n.held != 0 {
		t.Errorf("%d acknowledgments are still held", n.held)
	}
	return times
}

// segment makes the packet of a segment.
func segment(s sent) *stack.PacketBuffer {
	length := header.TCPMinimumSize + timestamps
	if s.sack {
		length += 12
	}
	p := stack.NewPacketBuffer(stack.PacketBufferOptions{
		ReserveHeaderBytes: length + header.IPv4MinimumSize,
		Payload:            buffer.MakeWithData(make([]byte, s.data)),
	})
	header.TCP(p.TransportHeader().Push(length)).Encode(&header.TCPFields{
		SrcPort: 80, DstPort: 40000, AckNum: uint32(s.ack), DataOffset: uint8(length), Flags: s.flags | header.TCPFlagAck,
	})
	return p
}

// TestAcknowledgments: which acknowledgments leave at once, and how long others wait.
func TestAcknowledgments(t *testing.T) {
	// steps are acknowledgments of so many bytes each, every ms from the given one on.
	steps := func(from float64, ack *int, sizes ...int) (list []sent) {
		for _, size := range sizes {
			*ack += size
			list = append(list, sent{at: from, ack: *ack})
			from++
		}
		return list
	}
	ms := func(from float64, n int) (list []float64) {
		for k := range n {
			list = append(list, from+float64(k))
		}
		return list
	}
	syn := sent{at: 0, flags: header.TCPFlagSyn}

	for name, script := range map[string]func(ack *int) (segments []sent, want []float64){
		"those of a connection's first segments": func(ack *int) ([]sent, []float64) {
			return append([]sent{syn}, steps(1, ack, slices.Repeat([]int{100}, firstACKs)...)...), ms(0, 1+firstACKs)
		},
		// Of short ones the second, of full ones that in a row of three which has PSH, or two
		// and what exceeds them.
		"short ones after them": func(ack *int) ([]sent, []float64) {
			list := append([]sent{syn}, steps(1, ack, slices.Repeat([]int{100}, firstACKs+5)...)...)
			return list, append(ms(0, 1+firstACKs), 24, 26, 67) // the last one alone
		},
		"full ones after them": func(ack *int) ([]sent, []float64) {
			list := append([]sent{syn}, steps(1, ack, slices.Repeat([]int{1000}, firstACKs+6)...)...)
			return list, nil
		},
		"a duplicate": func(ack *int) ([]sent, []float64) {
			list := append([]sent{syn}, steps(1, ack, slices.Repeat([]int{100}, firstACKs+1)...)...)
			return append(list, sent{at: 24, ack: *ack}), append(ms(0, 1+firstACKs), 24)
		},
		"a duplicate of one that has left": func(ack *int) ([]sent, []float64) {
			list := append([]sent{syn}, steps(1, ack, slices.Repeat([]int{100}, firstACKs)...)...)
			return append(list, sent{at: 30, ack: *ack}), append(ms(0, 1+firstACKs), 30)
		},
		"selective ones": func(ack *int) ([]sent, []float64) {
			list := append([]sent{syn}, steps(1, ack, slices.Repeat([]int{100}, firstACKs)...)...)
			return append(list, sent{at: 30, ack: *ack + 100, sack: true}), append(ms(0, 1+firstACKs), 30)
		},
		"the end": func(ack *int) ([]sent, []float64) {
			list := append([]sent{syn}, steps(1, ack, slices.Repeat([]int{100}, firstACKs)...)...)
			return append(list, sent{at: 30, ack: *ack + 100, flags: header.TCPFlagFin}), append(ms(0, 1+firstACKs), 30)
		},
		// Data that answers within 40 ms begins a conversation: what follows waits for data.
		"a conversation": func(ack *int) ([]sent, []float64) {
			list := append([]sent{syn}, steps(1, ack, 100)...)
			list = append(list, sent{at: 5, ack: 100, data: 50}) // answers
			list = append(list, sent{at: 10, ack: 200})          // waits
			list = append(list, sent{at: 20, ack: 200, data: 50})
			list = append(list, sent{at: 30, ack: 300}) // waits in vain, and ends it
			return append(list, sent{at: 80, ack: 400}, sent{at: 81, ack: 500}), []float64{0, 1, 5, 20, 70, 80, 81}
		},
		"an answer that is late": func(ack *int) ([]sent, []float64) {
			list := append([]sent{syn}, steps(1, ack, 100)...)
			list = append(list, sent{at: 42, ack: 100, data: 50})
			return append(list, sent{at: 50, ack: 200}), []float64{0, 1, 42, 50}
		},
		"an answer in time": func(ack *int) ([]sent, []float64) {
			list := append([]sent{syn}, steps(1, ack, 100)...)
			list = append(list, sent{at: 40, ack: 100, data: 50})
			return append(list, sent{at: 50, ack: 200}), []float64{0, 1, 40, 90}
		},
		// After a pause as many as at first, but some, leave at once.
		"a pause": func(ack *int) ([]sent, []float64) {
			list := append([]sent{syn}, steps(1, ack, slices.Repeat([]int{100}, firstACKs)...)...)
			list = append(list, steps(273, ack, slices.Repeat([]int{100}, quickACKs+1)...)...)
			return list, slices.Concat(ms(0, 1+firstACKs), ms(273, quickACKs), []float64{273 + quickACKs + 40})
		},
		"a pause that is too short": func(ack *int) ([]sent, []float64) {
			list := append([]sent{syn}, steps(1, ack, slices.Repeat([]int{100}, firstACKs)...)...)
			return append(list, steps(272, ack, 100)...), append(ms(0, 1+firstACKs), 312)
		},
	} {
		segments, want := script(new(int))
		got := leaving(t, segments)
		if name == "full ones after them" {
			// Of six at most every second may wait, and none for its time.
			if last := got[len(got)-1]; len(got) < 1+firstACKs+3 || len(got) > 1+firstACKs+4 || last > 28+40 {
				t.Errorf("%s leave at %v", name, got)
			}
			continue
		}
		if !slices.Equal(got, want) {
			t.Errorf("acknowledgments, %s: leave at %v ms, want %v", name, got, want)
		}
	}
}

// TestCardForgets: a card remembers flows from their SYN to their end.
func TestCardForgets(t *testing.T) {
	n := still(t)
	n.dispatch, n.home = newPlan(n.transmit), map[netip.Addr]*card{}
	c := &card{host: &Host{network: n}, flows: map[flow]*connection{}, segment: 1000, smallQueue: 1 << 20}
	c.port = &port{counters: network.PortCounters{Name: "s-h"}, network: n, card: c}
	key := flow{netip.MustParseAddr("10.9.0.2"), 80, 40000}
	for _, tc := range []struct {
		flags header.TCPFlags
		known int
	}{
		{0, 0}, {header.TCPFlagSyn, 1}, {0, 1}, {header.TCPFlagSyn, 1}, {header.TCPFlagFin, 0}, {0, 0},
		{header.TCPFlagSyn, 1}, {header.TCPFlagRst, 0},
	} {
		p := segment(sent{flags: tc.flags})
		c.transmit(0, key, p, frame{packet: p.Clone(), size: 66, to: key.to})
		p.DecRef()
		if len(c.flows) != tc.known {
			t.Errorf("after flags %v the card knows %d flows, want %d", tc.flags, len(c.flows), tc.known)
		}
	}
}
