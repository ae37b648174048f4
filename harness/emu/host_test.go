package emu

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"edgebed/harness/topology"
	"edgebed/nodes/units"
	"edgebed/nodes/wire"
)

var _ wire.Net = (*Host)(nil)

func TestSettings(t *testing.T) {
	model := ring6(t, topology.Override{Rate: new(20 * units.Mbps), Queue: new(77)})
	model.Links[2].Reverse.Rate = new(5 * units.Mbps)
	n := build(t, model, Options{Sysctls: map[string]string{"net.ipv4.tcp_rmem": "4096 65536 1000000"}})
	got := n.Settings()
	for key, want := range map[string]string{
		"topology":                       "ring6",
		"congestion-control":             "cubic",
		"port-gso-max-segs":              "1",
		"mtu":                            "1500",
		"link-rate.s0-s1":                "20 Mb/s",
		"link-rate.s2-s3":                "20 Mb/s",
		"link-rate.s3-s2":                "5 Mb/s",
		"link-burst":                     "1514 B",
		"link-cburst":                    "1514 B",
		"link-queue":                     "77 packets",
		"link-delay":                     "1ms",
		"sysctl.net.ipv4.tcp_rmem":       "4096 65536 1000000",
		"sysctl.net.ipv4.tcp_timestamps": "1",
	} {
		if got[key] != want {
			t.Errorf("setting %s is %q, want %q", key, got[key], want)
		}
	}
	if b := Backend(got["delay-backend"]); b != Netem && b != DelayLine || backend() != "" && b != backend() {
		t.Errorf("delay back end %q", b)
	}
	// One frame is more than 0.5 ms of 20 Mb/s; at 100 Mb/s it is less.
	n = build(t, ring6(t, topology.Override{Rate: new(100 * units.Mbps), Delay: new(time.Duration(0))}), Options{})
	if got := n.Settings()["link-burst"]; got != "6250 B" {
		t.Errorf("burst at 100 Mb/s is %s, want 6250 B", got)
	}
}

// TestCongestionControl looks at both ends of connections, between hosts and
// within one.
func TestCongestionControl(t *testing.T) {
	for _, want := range []string{"cubic", "reno"} {
		n := build(t, pair(topology.Override{}), Options{CongestionControl: want})
		a, b := n.Hosts()[0], n.Hosts()[1]
		for _, ends := range [][2]*Host{{a, b}, {b, b}} {
			l, err := ends[1].Listen(t.Context(), "10.9.0.2:7000")
			if err != nil {
				t.Fatal(err)
			}
			out, err := ends[0].DialContext(t.Context(), "10.9.0.2:7000")
			if err != nil {
				t.Fatal(err)
			}
			in, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range []net.Conn{out, in} {
				if got, err := congestionControl(c); err != nil || strings.TrimRight(got, "\x00") != want {
					t.Errorf("connection from %s uses %q, %v; want %s", ends[0].Name(), got, err, want)
				}
				c.Close()
			}
			l.Close()
		}
	}
	_, err := Build(t.Context(), pair(topology.Override{}), Options{CongestionControl: "nonsense"})
	if err == nil || !strings.Contains(err.Error(), "nonsense") || !strings.Contains(err.Error(), "this kernel has") {
		t.Errorf("an unknown congestion control gives %v", err)
	}
}

func TestHost(t *testing.T) {
	n := build(t, pair(topology.Override{}), Options{})
	a, b := n.Hosts()[0], n.Hosts()[1]
	before, err := a.TCP()
	if err != nil {
		t.Fatal(err)
	}
	transfer(t, a, b, 10_000)
	after, err := a.TCP()
	if err != nil {
		t.Fatal(err)
	}
	if got := after["ActiveOpens"] - before["ActiveOpens"]; got != 1 {
		t.Errorf("%d active opens, want 1", got)
	}
	for _, name := range []string{"RetransSegs", "PassiveOpens", "TCPTimeouts", "TCPLossProbes"} {
		if _, ok := after[name]; !ok {
			t.Errorf("counter %s is missing", name)
		}
	}
	// A program in the host has the host's network and no other.
	cmd := exec.CommandContext(t.Context(), "/bin/cat", "/proc/thread-self/net/dev")
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := b.Start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "eth0") || strings.Count(out.String(), ":") != 2 {
		t.Errorf("the program sees devices:\n%s", out.String())
	}
	for _, address := range []string{"host1:80", "10.9.0.1", ":80"} {
		if _, err := a.Listen(t.Context(), address); err == nil {
			t.Errorf("listening at %q works, want literal addresses only", address)
		}
		if _, err := a.DialContext(t.Context(), address); err == nil {
			t.Errorf("dialling %q works, want literal addresses only", address)
		}
	}
	if _, err := n.Host("hostb"); err == nil {
		t.Error("an unknown host was found")
	}
	// The thread of a function that ends its goroutine is not used again.
	if err := a.Do(func() error { runtime.Goexit(); return nil }); err == nil {
		t.Error("a function that ended its goroutine gave no error")
	}
}

// TestDialGivesUp checks that dialling obeys its context while the other end is
// silent.
func TestDialGivesUp(t *testing.T) {
	n := build(t, pair(topology.Override{Loss: new(topology.Loss(1))}), Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := n.Hosts()[0].DialContext(ctx, "10.9.0.2:80"); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("dialling over a dead link: %v, want a deadline's error", err)
	}
}
