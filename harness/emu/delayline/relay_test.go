package delayline

import (
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

func forward(s LineStats) DirStats { return s.AB }

func backward(s LineStats) DirStats { return s.BA }

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
