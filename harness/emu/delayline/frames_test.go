package delayline

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"edgebed/harness/fate"
)

func TestFramesPassUnmodified(t *testing.T) {
	for _, delay := range []time.Duration{0, 100 * time.Microsecond, 3 * time.Millisecond} {
		t.Run(delay.String(), func(t *testing.T) {
			c := newCable(t)
			ports := [2]*port{c.openPort(t, 0), c.openPort(t, 1)}
			r := c.start(t, Params{Delay: delay}, Params{Delay: delay}, 1)
			sizes := []int{22, 60, 64, 1000, 1513, 1514}
			total := 0
			for from := range ports {
				for i, size := range sizes {
					ports[from].send(t, frame(uint64(i), size))
				}
				total = 0
				for i, size := range sizes {
					total += size
					got, _ := ports[1-from].receive(t, patience)
					if want := frame(uint64(i), size); !bytes.Equal(got, want) {
						t.Errorf("from host %d: frame %d of %d B arrived changed: %d B %x", from, i, size, len(got), got)
					}
				}
			}
			n := uint64(len(sizes))
			for name, s := range map[string]DirStats{"AB": settle(t, r, n, true, forward), "BA": settle(t, r, n, true, backward)} {
				if s.Packets != n || s.Bytes != uint64(total) || s.Lost+s.Dropped+s.Queued != 0 {
					t.Errorf("%s has the counters %+v, want %d frames of %d B", name, s, len(sizes), total)
				}
			}
		})
	}
}

// TestVLANTagsPass covers tags, which the kernel takes out of frames for a
// packet socket.
func TestVLANTagsPass(t *testing.T) {
	const tag = 42
	c := newCable(t)
	from, to := c.openPort(t, 0), c.openPort(t, 1)
	r := c.start(t, Params{Delay: time.Millisecond}, Params{}, 1)
	for i := range uint64(3) {
		want := frame(i, 100)
		from.send(t, slices.Concat(want[:macPair], []byte{0x81, 0, 0, tag}, want[macPair:]))
		got, _ := to.receive(t, patience)
		if !bytes.Equal(got, want) {
			t.Fatalf("frame %d arrived as %x", i, got)
		}
		if to.tag != tag {
			t.Fatalf("frame %d arrived with the tag %d, want %d", i, to.tag, tag)
		}
	}
	if s := settle(t, r, 3, true, forward); s.Packets != 3 || s.Bytes != 3*104 {
		t.Errorf("3 frames of 104 B with their tags were sent, and the counters are %+v", s)
	}
}

// TestOrderUnderJitter checks that frames do not overtake each other, none gets
// lost, and the jitter is there.
func TestOrderUnderJitter(t *testing.T) {
	c := newCable(t)
	from, to := c.openPort(t, 0), c.openPort(t, 1)
	const delay, jitter = 10 * time.Millisecond, 8 * time.Millisecond
	c.start(t, Params{Delay: delay, Jitter: jitter}, Params{}, 3)
	const n = 400
	var sent, at [n]int64
	for i := range sent {
		sent[i] = from.send(t, frame(uint64(i), 64))
		time.Sleep(300 * time.Microsecond)
	}
	short, long := 0, 0
	for i := range n {
		var f []byte
		if f, at[i] = to.receive(t, patience); f == nil || number(f) != uint64(i) {
			t.Fatalf("frame %d is missing or out of order", i)
		}
		took := time.Duration(at[i] - sent[i])
		if took < delay-jitter-2*time.Duration(tolerance) {
			t.Errorf("frame %d took %v, less than the delay minus the jitter", i, took)
		}
		if took < delay-jitter/4 {
			short++
		}
		if took > delay+jitter/4 {
			long++
		}
	}
	if long < n/10 || short+long < n/4 {
		t.Errorf("of %d frames %d were early and %d late: there is no jitter", n, short, long)
	}
}

// TestReorder checks that frames overtake each other where that is asked for, each
// with the delay that it drew: all quarters of the range have their share. After
// the change back the order is kept.
func TestReorder(t *testing.T) {
	c := newCable(t)
	from, to := c.openPort(t, 0), c.openPort(t, 1)
	const delay, jitter = 10 * time.Millisecond, 8 * time.Millisecond
	r := c.start(t, Params{Delay: delay, Jitter: jitter, Reorder: true}, Params{}, 3)
	const n = 400
	var sent [2 * n]int64
	for i := range n {
		sent[i] = from.send(t, frame(uint64(i), 64))
		time.Sleep(300 * time.Microsecond)
	}
	var quarters [4]int
	overtaken, latest := 0, uint64(0)
	for range n {
		f, at := to.receive(t, patience)
		if f == nil {
			t.Fatal("a frame is missing")
		}
		i := number(f)
		if i < latest {
			overtaken++
		}
		latest = max(latest, i)
		share := float64(at-sent[i]-int64(delay-jitter)) / float64(2*jitter)
		quarters[min(max(int(share*4), 0), 3)]++
	}
	if overtaken < n/4 {
		t.Errorf("%d of %d frames were overtaken", overtaken, n)
	}
	for i, count := range quarters {
		if count < n/8 || count > n*3/8 {
			t.Errorf("quarter %d of the delays has %d of %d frames: %v", i, count, n, quarters)
		}
	}
	if err := r.Set(0, Params{Delay: delay, Jitter: jitter}, Params{}); err != nil {
		t.Fatal(err)
	}
	for i := n; i < n+100; i++ {
		from.send(t, frame(uint64(i), 64))
	}
	for i := n; i < n+100; i++ {
		if f, _ := to.receive(t, patience); f == nil || number(f) != uint64(i) {
			t.Fatalf("after the change back frame %d is missing or out of order", i)
		}
	}
}

// TestLiveChangeKeepsOrder lowers and raises the delay under way.
func TestLiveChangeKeepsOrder(t *testing.T) {
	c := newCable(t)
	from, to := c.openPort(t, 0), c.openPort(t, 1)
	const high, low = 200 * time.Millisecond, 2 * time.Millisecond
	r := c.start(t, Params{Delay: high}, Params{}, 1)
	var sent []int64
	phase := func(delay time.Duration) {
		if delay > 0 {
			if err := r.Set(0, Params{Delay: delay}, Params{}); err != nil {
				t.Fatal(err)
			}
		}
		for range 20 {
			sent = append(sent, from.send(t, frame(uint64(len(sent)), 64)))
		}
	}
	phase(0)
	settle(t, r, 20, false, forward) // the frames are in the line, not in a buffer before it
	phase(low)
	var at []int64
	collect := func() {
		for len(at) < len(sent) {
			f, stamp := to.receive(t, patience)
			if f == nil || number(f) != uint64(len(at)) {
				t.Fatalf("frame %d is missing or out of order", len(at))
			}
			at = append(at, stamp)
		}
	}
	collect()
	phase(0)
	collect()
	phase(high)
	collect()
	for i, want := range map[int]time.Duration{0: high, 19: high, 40: low, 60: high, 79: high} {
		took := time.Duration(at[i] - sent[i])
		if took < want-2*time.Duration(tolerance) {
			t.Errorf("frame %d took %v, want %v", i, took, want)
		}
		if want == low && took > high/2 {
			t.Errorf("frame %d took %v after the delay was lowered to %v", i, took, low)
		}
	}
	// Those sent after the lowering wait for those before, and not longer.
	if at[20] < at[19] {
		t.Error("frame 20 overtook frame 19")
	}
	if wait := time.Duration(at[39] - sent[0]); wait > 2*high {
		t.Errorf("the frames after the change left %v after the first", wait)
	}
}

// TestLossIsSeeded checks the rate of loss, and that the same seed loses the
// same frames.
func TestLossIsSeeded(t *testing.T) {
	const n, loss = 3000, 0.2
	run := func(seed uint64) (arrived []uint64) {
		c := newCable(t)
		from, to := c.openPort(t, 0), c.openPort(t, 1)
		r := c.start(t, Params{Delay: time.Millisecond, Odds: fate.Odds{Loss: loss}}, Params{Odds: fate.Odds{Loss: 1}}, seed)
		for i := range uint64(n) {
			from.send(t, frame(i, 64))
			if i%100 == 99 {
				settle(t, r, i+1, false, forward)
			}
		}
		s := settle(t, r, n, true, forward)
		if s.accounted() != n || s.Dropped != 0 {
			t.Fatalf("%d frames were sent, and the counters are %+v", n, s)
		}
		// 4.5 standard deviations of the binomial.
		if d := math.Abs(float64(s.Lost) - n*loss); d > 4.5*math.Sqrt(n*loss*(1-loss)) {
			t.Errorf("%d of %d frames were lost, want %v", s.Lost, n, n*loss)
		}
		for range n - s.Lost {
			f, _ := to.receive(t, patience)
			if f == nil {
				t.Fatalf("only %d of %d frames arrived", len(arrived), n-s.Lost)
			}
			arrived = append(arrived, number(f))
		}
		to.send(t, frame(0, 64))
		if s := settle(t, r, 1, true, backward); s.Lost != 1 {
			t.Errorf("with a loss of 1 the counters are %+v", s)
		}
		return arrived
	}
	a, b, other := run(7), run(7), run(8)
	if fmt.Sprint(a) != fmt.Sprint(b) {
		t.Error("the same seed lost other frames")
	}
	if fmt.Sprint(a) == fmt.Sprint(other) {
		t.Error("another seed lost the same frames")
	}
}

// TestDelayIsLinear compares the medians of two delays, so that what the rest
// of the way costs cancels out.
func TestDelayIsLinear(t *testing.T) {
	c := newCable(t)
	from, to := c.openPort(t, 0), c.openPort(t, 1)
	const low, high = 5 * time.Millisecond, 15 * time.Millisecond
	r := c.start(t, Params{Delay: low}, Params{}, 1)
	times := oneWay(t, from, to, 100, time.Millisecond)
	if d := time.Duration(times[0]); d < low-2*time.Duration(tolerance) {
		t.Errorf("a frame took %v with a delay of %v", d, low)
	}
	atLow := quantile(times, 0.5)
	if err := r.Set(0, Params{Delay: high}, Params{}); err != nil {
		t.Fatal(err)
	}
	times = oneWay(t, from, to, 100, time.Millisecond)
	ratio := (quantile(times, 0.5) - atLow) / float64(high-low)
	if ratio < 0.8 || ratio > 1.25 {
		t.Errorf("the difference of the medians is %.2f of the difference of the delays", ratio)
	}
	s := stats(t, r).AB
	if s.LateP50 > s.LateP99 || s.LateP99 > s.LateMax || s.LateMax == 0 {
		t.Errorf("the lateness is %v, %v, %v", s.LateP50, s.LateP99, s.LateMax)
	}
	if s.LateP50 < -2*time.Duration(tolerance) || s.LateP50 > low {
		t.Errorf("the median lateness is %v", s.LateP50)
	}
}

// TestSuperFramesPass sends a checksummed TCP stream with GSO through the line:
// large frames must arrive as such, and whole.
func TestSuperFramesPass(t *testing.T) {
	c := newCable(t)
	r := c.start(t, Params{Delay: 500 * time.Microsecond}, Params{Delay: 500 * time.Microsecond}, 1)
	client, server := c.stream(t)
	const n = 8 << 20
	source := rand.NewChaCha8([32]byte{1})
	sum := sha256.New()
	wrote := make(chan error, 1)
	go func() {
		_, err := io.CopyN(io.MultiWriter(client, sum), source, n)
		wrote <- errors.Join(err, client.Close())
	}()
	got := sha256.New()
	server.SetReadDeadline(time.Now().Add(patience))
	m, err := io.Copy(got, server)
	if err := errors.Join(err, <-wrote); err != nil || m != n {
		t.Fatalf("received %d of %d B: %v", m, n, err)
	}
	if !bytes.Equal(sum.Sum(nil), got.Sum(nil)) {
		t.Error("the stream arrived changed")
	}
	// A frame is counted after it was delivered.
	s := stats(t, r).AB
	for end := time.Now().Add(patience); s.Bytes < n && time.Now().Before(end); s = stats(t, r).AB {
		time.Sleep(time.Millisecond)
	}
	if s.Bytes < n || s.Packets == 0 || s.Bytes/s.Packets < 2*1514 {
		t.Errorf("%d B passed in %d frames: GSO frames were split", s.Bytes, s.Packets)
	}
	if s.Refused != 0 {
		t.Errorf("%d frames were refused", s.Refused)
	}
}
