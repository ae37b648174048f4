//go:build faketime

package simnet

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/pcapgo"

	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// TestIdle: a network is idle when nothing has passed for the time asked for, and nothing
// is on its way, however long that takes.
func TestIdle(t *testing.T) {
	n := chain(t, "delay: 300 ms", 1)
	start := time.Now()
	if _, err := n.Idle(t.Context(), 80*time.Millisecond); err != nil || time.Since(start) != 80*time.Millisecond {
		t.Errorf("a network without frames is idle after %v: %v", time.Since(start), err)
	}

	// A SYN and its answer cross the link; nothing passes while either does.
	a, err := n.Host("a")
	if err != nil {
		t.Fatal(err)
	}
	start = time.Now()
	refused := make(chan error, 1)
	go func() {
		_, err := a.DialContext(t.Context(), "10.9.0.2:80")
		refused <- err
	}()
	time.Sleep(time.Millisecond)
	c, err := n.Idle(t.Context(), 80*time.Millisecond)
	took := time.Since(start)
	if err := errors.Join(err, <-refused); !strings.Contains(err.Error(), "refused") {
		t.Error(err)
	}
	if frames := c.Ports[0].RxPackets + c.Ports[0].TxPackets; frames != 2 {
		t.Errorf("%d frames passed the port of a, want a SYN and its answer", frames)
	}
	if least := 600*time.Millisecond + 80*time.Millisecond; took < least || took > least+10*time.Millisecond {
		t.Errorf("idle after %v, want a little more than %v", took, least)
	}
}

// TestLookahead: nobody looks at what a host has sent before it can have arrived.
func TestLookahead(t *testing.T) {
	n := chain(t, "delay: 300 ms", 1)
	a, err := n.Host("a")
	if err != nil {
		t.Fatal(err)
	}
	go a.DialContext(t.Context(), "10.9.0.2:80")
	time.Sleep(time.Microsecond)

	n.schedule.mu.Lock()
	defer n.schedule.mu.Unlock()
	leaves := outgoing{at: 7, card: n.cards[0], frame: frame{to: netip.MustParseAddr("10.9.0.2")}}
	if seen := n.seen(leaves); seen != 7+300*int64(time.Millisecond) {
		t.Errorf("what leaves after 7 ns is seen after %d ns, want 300 ms later", seen)
	}
	if left := time.Duration(n.schedule.next() - n.schedule.now()); left < 299*time.Millisecond || left > 300*time.Millisecond {
		t.Errorf("somebody looks after %v, want 300 ms", left)
	}
}

// TestLate: a frame that reaches a host after its time is counted.
func TestLate(t *testing.T) {
	n := still(t)
	n.wakes = newPlan(func(int64) {})
	time.Sleep(time.Millisecond)
	now := n.schedule.now()
	for _, at := range []int64{now + 1, now, now - 1, 0} {
		n.hand(at, &card{}, frame{})
	}
	if n.late != 2 {
		t.Errorf("%d of four frames are late, want 2", n.late)
	}
}

// TestLooks: a frame between two hosts of a switch takes two looks, one when it leaves and
// one when it is taken, and none follows when all is done.
func TestLooks(t *testing.T) {
	n := built(t, "switches: [s]\nhosts: [{name: a, switch: s}, {name: b, switch: s}]\n")
	a, err := n.Host("a")
	if err != nil {
		t.Fatal(err)
	}
	if c, err := a.DialContext(t.Context(), "10.9.0.2:80"); err == nil {
		c.Close()
		t.Error("nobody listens, and the connection is open")
	}
	time.Sleep(time.Millisecond)
	c, err := n.Counters()
	if err != nil {
		t.Fatal(err)
	}
	frames := c.Ports[0].TxPackets + c.Ports[1].TxPackets
	if frames == 0 || n.schedule.made != uint64(2*frames) {
		t.Errorf("%d frames took %d looks", frames, n.schedule.made)
	}
}

// TestIdleEnds: waiting ends with its context, and with the network.
func TestIdleEnds(t *testing.T) {
	n := chain(t, "delay: 300 ms", 1)
	a, err := n.Host("a")
	if err != nil {
		t.Fatal(err)
	}
	go a.DialContext(t.Context(), "10.9.0.2:80")
	time.Sleep(time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err = n.Idle(ctx, 80*time.Millisecond)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 frames on the wire") ||
		time.Since(start) != 200*time.Millisecond {
		t.Errorf("after %v: %v", time.Since(start), err)
	}

	time.AfterFunc(200*time.Millisecond, func() { n.Close() })
	if _, err := n.Idle(t.Context(), 80*time.Millisecond); err == nil {
		t.Error("a network that was closed was waited for, and has counters")
	}
}

// TestSleep: no time takes none, and an ended context ends it.
func TestSleep(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tc := range []struct {
		ctx  context.Context
		d    time.Duration
		took time.Duration
		err  error
	}{
		{t.Context(), 0, 0, nil},
		{t.Context(), -time.Second, 0, nil},
		{t.Context(), time.Second, time.Second, nil},
		{ended, 0, 0, context.Canceled},
		{ended, time.Second, 0, context.Canceled},
	} {
		start := time.Now()
		if err := Sleep(tc.ctx, tc.d); err != tc.err || time.Since(start) != tc.took {
			t.Errorf("sleeping for %v took %v: %v; want %v, %v", tc.d, time.Since(start), err, tc.took, tc.err)
		}
	}
}

// TestCaptureOnce: a port has one capture at a time, which ends with Stop.
func TestCaptureOnce(t *testing.T) {
	n := chain(t, "rate: 10 Mb/s, queue: 1000", 1)
	if _, err := n.Capture("s0-s2", &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "did you mean s0-s1?") {
		t.Errorf("a port that there is not: %v", err)
	}
	for _, name := range n.Ports() {
		c, err := n.Capture(name, io.Discard)
		if err == nil {
			err = c.Stop()
		}
		if err != nil {
			t.Errorf("port %s: %v", name, err)
		}
	}
	var file bytes.Buffer
	c, err := n.Capture("s0-s1", &file, "one", "two")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Capture("s0-s1", &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "it is being captured") {
		t.Errorf("a second capture of a port: %v", err)
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	size := file.Len()
	transfer(t, n, 10_000)
	if file.Len() != size {
		t.Error("the capture goes on after its end")
	}
	r, err := pcapgo.NewNgReader(&file, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.SectionInfo().Comment; got != "one\ntwo" {
		t.Errorf("the comments are %q", got)
	}

	c, err = n.Capture("s0-s1", broken{})
	if err == nil {
		transfer(t, n, 100_000)
		err = c.Stop()
	}
	if !errors.Is(err, errBroken) {
		t.Errorf("a capture that cannot be written ends with %v", err)
	}
}

// broken takes no more than a file's start.
type broken struct{}

var errBroken = errors.New("broken")

func (broken) Write(p []byte) (int, error) {
	return 0, errBroken
}

// TestNearer: frames that are under way when a link's delay changes arrive as they would
// have, and those behind them by the new one, in time for their hosts.
func TestNearer(t *testing.T) {
	for _, tc := range []struct {
		rate     units.Rate
		size     int
		from, to time.Duration
	}{
		{units.Mbps, 100_000, 50 * time.Millisecond, time.Millisecond},
		{units.Mbps, 100_000, time.Millisecond, 50 * time.Millisecond},
		// Nothing is on the wire most of the time, but some waits for it.
		{100 * units.Kbps, 20_000, 50 * time.Millisecond, time.Millisecond},
	} {
		n := chain(t, "rate: "+tc.rate.String()+", delay: "+tc.from.String()+", queue: 1000", 1)
		change := topology.Override{Delay: &tc.to}
		time.AfterFunc(500*time.Millisecond, func() {
			if err := n.SetClass("trunk", change); err != nil {
				t.Error(err)
			}
		})
		took, _ := transfer(t, n, tc.size)
		// A full pipe hides the delay, all but that of the last byte and of connecting.
		ideal := tc.rate.Time(units.Size(tc.size-2*1448) * 1514 / 1448)
		if most := ideal + 2*tc.rate.Time(1514) + 2*tc.from + tc.to + 150*time.Millisecond; took < ideal || took > most {
			t.Errorf("%v, from %v to %v: took %v, want %v to %v", tc.rate, tc.from, tc.to, took, ideal, most)
		}
	}
}

// TestWaiting: a network is not idle as long as anything waits, whatever it is.
func TestWaiting(t *testing.T) {
	n := chain(t, "delay: 1 ms", 1)
	for k := 1; k < 1<<4; k++ {
		set := func(k int) {
			n.schedule.mu.Lock()
			defer n.schedule.mu.Unlock()
			n.flying, n.held = k&1, k>>1&1
			n.outbox, n.arrived = make([]outgoing, k>>2&1), make([]arrival, k>>3&1)
		}
		set(k)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		if _, err := n.Idle(ctx, 10*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("on wires, held back, sent, and arrived are frames as the bits of %04b say: %v", k, err)
		}
		cancel()
		set(0)
	}
}

// TestSmallQueue: of a connection's data so much waits in the network as Linux lets its
// hosts' queues have, and the rest at the host, so that others' need not wait behind it.
// It counts until a link delays it.
func TestSmallQueue(t *testing.T) {
	for _, tc := range []struct {
		connections int
		first       string // link, before a slow one
		limited     bool
	}{
		{1, "", true}, {2, "", true}, {3, "", true}, {1, "rate: 50 Mb/s", true},
		{1, "rate: 50 Mb/s, delay: 1 ms", false}, {1, "rate: 50 Mb/s, duplicate: 0.0001 %", false},
	} {
		n := built(t, `switches: [s, m, r]
hosts: [{name: a, switch: s}, {name: b, switch: r}]
links: [{between: [s, m], forward: {`+tc.first+`}}, {between: [m, r], forward: {rate: 1 Mb/s}}]
`)
		talks := make(chan error, tc.connections)
		for k := range tc.connections {
			go func() { talks <- converse(n, 80+k, []turn{{request: 60_000}}) }()
		}
		most := int64(0)
		for range 20 * tc.connections {
			time.Sleep(20 * time.Millisecond)
			c, err := n.Counters()
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range c.Ports {
				if p.Name == "m-r" {
					most = max(most, p.Backlog)
				}
			}
		}
		for range tc.connections {
			if err := <-talks; err != nil {
				t.Fatal(err)
			}
		}
		// A frame is sent as long as no more than four wait, or what the faster link, which the
		// host's queue goes to, sends in a millisecond.
		each := (int64(n.cards[0].smallQueue)/1514 + 1) * 1514
		limit := int64(tc.connections) * each
		if limited := most <= limit+100*int64(tc.connections) && most >= limit; limited != tc.limited {
			t.Errorf("%d connections over a link with %q: up to %d B wait, want about %d: %t",
				tc.connections, tc.first, most, limit, tc.limited)
		}
	}
}

// TestWake: a frame that reaches a host over a link with a delay waits for the machine to
// wake up, if it has had nothing to do for longer than it stays awake.
func TestWake(t *testing.T) {
	const pause, wakeUp = int64(pause), int64(50 * time.Microsecond)
	for name, tc := range map[string]struct {
		idle    int64 // since a host last sent or was sent something
		delayed bool
		waits   int64
	}{
		"after a long time": {10 * pause, true, wakeUp}, "a little longer": {pause + 1, true, wakeUp},
		"still awake": {pause, true, 0}, "over no delay": {10 * pause, false, 0},
	} {
		n := &Network{opts: Options{WakeUp: time.Duration(wakeUp)}, active: 1000}
		now := 1000 + tc.idle
		f := frame{delayed: tc.delayed}
		if at := n.wake(now, f); at != now+tc.waits {
			t.Errorf("%s: a frame waits for %d ns, want %d", name, at-now, tc.waits)
		}
		// Another one that comes meanwhile waits as long as the first, and one after it not.
		if at := n.wake(now+1, f); at != max(now+1, now+tc.waits) {
			t.Errorf("%s: a frame behind it is taken after %d ns, want %d", name, at-now, tc.waits)
		}
		if later := now + tc.waits + pause; n.wake(later, f) != later {
			t.Errorf("%s: a frame before the machine sleeps again waits", name)
		}
	}
}

// TestAwake: while the machine wakes up it does not begin to, however long ago something
// was sent.
func TestAwake(t *testing.T) {
	const active, awake = 100_000, 600_000
	n := &Network{opts: Options{WakeUp: 500 * time.Microsecond}, active: active, awake: awake}
	if at := n.wake(awake, frame{delayed: true}); at != awake {
		t.Errorf("a frame that arrives when the machine is awake is taken %d ns later", at-awake)
	}
}

// TestAlign: who runs first does not depend on how much has run before.
func TestAlign(t *testing.T) {
	var first int
	for before := range 2 * turns {
		time.Sleep(time.Millisecond) // what other tests have left ends
		spin(before, func() {})
		Align()
		// This goroutine comes back when the scheduler next looks at the global queue.
		ran := spin(3*turns, runtime.Gosched)
		if before == 0 {
			first = ran
		}
		if ran != first {
			t.Errorf("with %d goroutines before, %d run first, want %d", before, ran, first)
		}
	}
}
