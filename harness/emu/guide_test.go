package emu

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// TestGuide has all hosts of a line ping one at the same time, which know nothing of each other,
// and one an address that is nobody's. On the links are the pings alone.
func TestGuide(t *testing.T) {
	if !canGuide() {
		t.Skip("this process may not hear other namespaces (CAP_NET_BROADCAST)")
	}
	// A few switches are enough, and the kernel takes its time to remove each.
	const target, switches = mostKnown / 2, 9
	model := line(mostKnown + 1)
	model.Switches, model.Links = model.Switches[:switches], model.Links[:switches-1]
	at := func(host int) int { return host * switches / (mostKnown + 1) }
	for i := range model.Hosts {
		model.Hosts[i].Switch = model.Switches[at(i)]
	}
	n := build(t, model, Options{})
	hosts := n.Hosts()

	before := idle(t, n)
	var want int64
	var work errgroup.Group
	for i, h := range hosts {
		if i == target {
			continue
		}
		const echo = 14 + 20 + 8 + 56 // Ethernet, IP, ICMP and what it carries
		crossed := max(at(i), at(target)) - min(at(i), at(target)) + 1
		want += 2 * int64(crossed) * echo

		p := newPinger(t, h)
		work.Go(func() error {
			_, err := p.ping(hosts[target], 56, 10*time.Second)
			return err
		})
	}
	work.Go(func() error {
		_, err := hosts[5].DialContext(t.Context(), "10.77.0.1:9")
		if !errors.Is(err, unix.EHOSTUNREACH) {
			t.Errorf("a connection to nobody: %v, want %v", err, unix.EHOSTUNREACH)
		}
		return nil
	})
	if err := work.Wait(); err != nil {
		t.Fatal(err)
	}

	delta := idle(t, n).Sub(before)
	if got, _ := delta.SentAll(); got != want {
		t.Errorf("switches sent %d B, want %d", got, want)
	}
}

// TestWithoutGuide has hosts of a large network ping each other where no guide can be.
func TestWithoutGuide(t *testing.T) {
	restore := dropBroadcast(t)
	n := build(t, star(mostKnown+1), Options{})
	restore()

	if n.guide != nil {
		t.Error("the network has a guide, which hears nothing")
	}
	pings(t, n.Hosts()[mostKnown], n.Hosts()[1], 1)
	pings(t, n.Hosts()[5], n.Hosts()[mostKnown], 1)
}

// dropBroadcast takes the capability that a guide needs from the calling thread, and returns what
// gives it back.
func dropBroadcast(tb testing.TB) (restore func()) {
	tb.Helper()
	runtime.LockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var before [2]unix.CapUserData
	if err := unix.Capget(&header, &before[0]); err != nil {
		tb.Fatal(err)
	}
	without := before
	without[0].Effective &^= 1 << unix.CAP_NET_BROADCAST
	if err := unix.Capset(&header, &without[0]); err != nil {
		tb.Fatal(err)
	}
	return func() {
		if err := unix.Capset(&header, &before[0]); err != nil {
			tb.Fatal(err) // and the thread ends with its goroutine
		}
		runtime.UnlockOSThread()
	}
}
