package delayline

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"edgebed/nodes/units"
)

// patience is how long the tests wait for what must come.
const patience = 20 * time.Second

// stats returns the counters of line 0.
func stats(t *testing.T, r *Relay) LineStats {
	t.Helper()
	st, err := r.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return st.Lines[0]
}

// accounted is how many frames the relay knows of.
func (s DirStats) accounted() uint64 { return s.Packets + s.Lost + s.Dropped + s.Queued }

// settle waits until a direction has accounted for n frames, or is done with
// them if none may be left waiting, and returns its counters.
func settle(t *testing.T, r *Relay, n uint64, done bool, dir func(LineStats) DirStats) DirStats {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		s := dir(stats(t, r))
		if s.accounted() >= n && (!done || s.Queued == 0) || time.Now().After(end) {
			return s
		}
	}
}

func forward(s LineStats) DirStats  { return s.AB }
func backward(s LineStats) DirStats { return s.BA }

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
		r := c.start(t, Params{Delay: time.Millisecond, Loss: loss}, Params{Loss: 1}, seed)
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

// TestFullLineAccountsForDrops sends more than a line holds.
func TestFullLineAccountsForDrops(t *testing.T) {
	c := newCable(t)
	from := c.openPort(t, 0)
	r := c.start(t, Params{Delay: MaxDelay}, Params{}, 1)
	f := frame(1, 1514)
	const held = QueueBytes / (1514 + vnetHead + entryHead)
	const n = held + 5000
	for i := range uint64(n) {
		from.send(t, f)
		if i%100 == 99 {
			settle(t, r, i+1, false, forward)
		}
	}
	s := settle(t, r, n, false, forward)
	if s.accounted() != n || s.Packets != 0 {
		t.Errorf("%d frames were sent, and the counters are %+v", n, s)
	}
	if s.RingFull == 0 || s.RingFull+s.SocketFull != s.Dropped {
		t.Errorf("the line was overfull by 5000 frames, and the counters are %+v", s)
	}
	if s.Queued < held*9/10 || s.Queued > held || s.QueuedBytes != s.Queued*1514 {
		t.Errorf("the line holds %d frames of %d B, want about %d of 1514 B", s.Queued, s.QueuedBytes, held)
	}
}

// TestSlowQueueBehindDoesNotPushBack checks that a queue further on, which
// holds on to frames of the relay's socket, decides by its own limit.
func TestSlowQueueBehindDoesNotPushBack(t *testing.T) {
	c := newCable(t)
	if n, err := unix.GetsockoptInt(int(c.line.A.Fd()), unix.SOL_SOCKET, unix.SO_SNDBUF); err != nil || n < sendBuffer {
		t.Skipf("the kernel permits a send buffer of %d B only (%v)", n, err)
	}
	from := c.openPort(t, 0)
	inNamespace(t, c.hosts[1], func() error {
		bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "bridge"}}
		veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "slow"}, PeerName: "sink"}
		for _, l := range []netlink.Link{bridge, veth} {
			if err := netlink.LinkAdd(l); err != nil {
				return err
			}
		}
		for _, name := range []string{hostInterface, "slow", "sink", "bridge"} {
			l, err := netlink.LinkByName(name)
			if err != nil {
				return err
			}
			if name == hostInterface || name == "slow" {
				if err := netlink.LinkSetMaster(l, bridge); err != nil {
					return err
				}
			}
			if err := netlink.LinkSetUp(l); err != nil {
				return err
			}
			if name == "slow" {
				if err := limitRate(l, units.Mbps); err != nil {
					return err
				}
			}
		}
		return nil
	})
	r := c.start(t, Params{Delay: time.Millisecond}, Params{}, 1)
	const n = 900 // of 12 ms each at the slow port, whose queue holds 1000
	for i := range uint64(n) {
		from.send(t, frame(i, 1514))
	}
	end := time.Now().Add(n * 12 * time.Millisecond / 2)
	for {
		s := stats(t, r).AB
		if s.Packets == n {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the slow queue held the relay up: %+v", s)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if s := stats(t, r).AB; s.Stalls != 0 {
		t.Errorf("sending stalled %d times", s.Stalls)
	}
}

// TestIdleRelaySleeps checks that a relay with nothing to do, or nothing to do
// for long, uses no processor.
func TestIdleRelaySleeps(t *testing.T) {
	c := newCable(t)
	r := c.start(t, Params{Delay: MaxDelay}, Params{Delay: time.Millisecond}, 1)
	t.Run("empty", func(t *testing.T) { checkIdle(t, r) })
	from := c.openPort(t, 0)
	for i := range uint64(10) {
		from.send(t, frame(i, 64))
	}
	settle(t, r, 10, false, forward)
	t.Run("waiting", func(t *testing.T) { checkIdle(t, r) })
}

func checkIdle(t *testing.T, r *Relay) {
	before, err := r.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const d = time.Second
	time.Sleep(d)
	after, err := r.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if used := after.CPU - before.CPU; used > d/50 {
		t.Errorf("the idle relay used %v of processor time in %v", used, d)
	}
}

// TestInterfaceDownIsSurvived takes the inner end down and up again.
func TestInterfaceDownIsSurvived(t *testing.T) {
	c := newCable(t)
	from, to := c.openPort(t, 0), c.openPort(t, 1)
	r := c.start(t, Params{Delay: time.Millisecond}, Params{}, 1)
	set := func(change func(netlink.Link) error) {
		inNamespace(t, c.wire, func() error {
			l, err := netlink.LinkByName("b")
			if err != nil {
				return err
			}
			return change(l)
		})
	}
	set(netlink.LinkSetDown)
	from.send(t, frame(1, 64))
	if s := settle(t, r, 1, true, forward); s.Refused != 1 {
		t.Errorf("with the far interface down the counters are %+v", s)
	}
	before, err := r.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	after, err := r.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if used := after.CPU - before.CPU; used > 30*time.Millisecond {
		t.Errorf("with an interface down the relay used %v of processor time in 300ms", used)
	}
	set(netlink.LinkSetUp)
	for i := uint64(2); ; i++ {
		from.send(t, frame(i, 64))
		if f, _ := to.receive(t, 100*time.Millisecond); f != nil {
			break
		}
		if i == 100 {
			t.Fatal("nothing passes after the interface came up again")
		}
	}
}

// TestSeveralLines checks that frames stay on their line.
func TestSeveralLines(t *testing.T) {
	const n = 5
	var cables [n]*cable
	var lines []Line
	for i := range cables {
		cables[i] = newCable(t)
		line := cables[i].line
		line.AB.Delay = time.Duration(n-i) * time.Millisecond
		lines = append(lines, line)
	}
	r, err := Start(t.Context(), lines)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for i, c := range cables {
		from, to := c.openPort(t, 0), c.openPort(t, 1)
		for j := range i + 1 {
			from.send(t, frame(uint64(100*i+j), 64))
		}
		for j := range i + 1 {
			if f, _ := to.receive(t, patience); f == nil || number(f) != uint64(100*i+j) {
				t.Fatalf("line %d: frame %d did not arrive", i, j)
			}
		}
	}
	var st Stats
	for end := time.Now().Add(patience); ; {
		if st, err = r.Stats(t.Context()); err != nil {
			t.Fatal(err)
		}
		delivered := uint64(0)
		for _, l := range st.Lines {
			delivered += l.AB.Packets
		}
		if delivered >= n*(n+1)/2 || time.Now().After(end) {
			break
		}
	}
	for i, l := range st.Lines {
		if l.AB.Packets != uint64(i+1) || l.BA.accounted() != 0 {
			t.Errorf("line %d has the counters %+v", i, l)
		}
	}
}

// processState returns the letter for the state of a process, or nothing if
// there is none.
func processState(pid int) string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, fields, _ := strings.Cut(string(data), ") ")
	return fields[:min(1, len(fields))]
}

// gone tells whether a process has ended, counting one that nobody waits for.
func gone(pid int) bool {
	state := processState(pid)
	return state == "" || state == "Z" || state == "X"
}

func TestChildDiesWithParent(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), victimMarker+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(line, &pid); err != nil {
		t.Fatalf("read process id from %q: %v", line, err)
	}
	if gone(pid) {
		t.Fatalf("the relay %d does not run", pid)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); !gone(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the relay %d outlives its parent", pid)
		}
	}
}

func TestUnexpectedEndIsReported(t *testing.T) {
	c := newCable(t)
	r, err := Start(t.Context(), []Line{c.line})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Err(); err != nil {
		t.Errorf("a running relay has the error %v", err)
	}
	if err := unix.Kill(r.Pid(), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-r.Done():
	case <-time.After(patience):
		t.Fatal("the end of the child was not noticed")
	}
	for name, err := range map[string]error{"Err": r.Err(), "Set": r.Set(0, Params{}, Params{}), "Close": r.Close()} {
		if err == nil || !strings.Contains(err.Error(), "killed") {
			t.Errorf("%s returns %v, want the signal that killed the child", name, err)
		}
	}
	if _, err := r.Stats(t.Context()); err == nil {
		t.Error("Stats of a dead relay returns no error")
	}
}

func TestClose(t *testing.T) {
	c := newCable(t)
	r, err := Start(t.Context(), []Line{c.line})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.line.A.Stat(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Start left its files open: %v", err)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if !gone(r.Pid()) {
		t.Error("the child still runs")
	}
	if _, err := r.Stats(t.Context()); err == nil {
		t.Error("Stats of a closed relay returns no error")
	}
}

func TestStatsHonoursContext(t *testing.T) {
	c := newCable(t)
	r := c.start(t, Params{}, Params{}, 1)
	if err := unix.Kill(r.Pid(), unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); processState(r.Pid()) != "T"; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the child does not stop")
		}
	}
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if _, err := r.Stats(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Stats of a stopped relay returns %v", err)
		}
		cancel()
	}
	if err := unix.Kill(r.Pid(), unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Stats(t.Context()); err != nil {
		t.Error("after the child went on:", err)
	}
}

func TestBadInput(t *testing.T) {
	for _, p := range []Params{
		{Delay: -1},
		{Delay: MaxDelay + 1},
		{Jitter: time.Millisecond},
		{Delay: time.Second, Jitter: -1},
		{Loss: -0.1},
		{Loss: 1.1},
		{Loss: math.NaN()},
	} {
		if p.Validate() == nil {
			t.Errorf("%+v is accepted", p)
		}
	}
	c := newCable(t)
	if _, err := Start(t.Context(), []Line{{A: c.line.A}}); err == nil {
		t.Error("a line with one end is accepted")
	}
	c = newCable(t)
	c.line.BA.Loss = 2
	if _, err := Start(t.Context(), []Line{c.line}); err == nil {
		t.Error("a loss of 2 is accepted")
	}
	c = newCable(t)
	r := c.start(t, Params{}, Params{}, 1)
	for _, line := range []int{-1, 1} {
		if r.Set(line, Params{}, Params{}) == nil {
			t.Errorf("line %d of one is accepted", line)
		}
	}
	if r.Set(0, Params{}, Params{Delay: -1}) == nil {
		t.Error("a negative delay is accepted")
	}
	if _, err := Open("nothing"); err == nil || !strings.Contains(err.Error(), "nothing") {
		t.Errorf("opening an absent interface returns %v", err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), []Line{{A: null, B: null}}); err == nil || !strings.Contains(err.Error(), "line 0") {
		t.Errorf("a file that is no socket returns %v", err)
	}
}
