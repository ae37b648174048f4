package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"edgebed/harness/emu"
	"edgebed/harness/emu/delayline"
	"edgebed/harness/record"
	"edgebed/harness/sandbox/sandboxtest"
	"edgebed/harness/topology"
	"edgebed/nodes/units"
	"edgebed/topologies"
)

func TestMain(m *testing.M) {
	delayline.MaybeMain()
	sandboxtest.Run(m)
}

// ring builds the paper's ring.
func ring(t *testing.T, rate units.Rate) *emu.Network {
	t.Helper()
	data, err := topologies.Files.ReadFile("ring6.yaml")
	if err != nil {
		t.Fatal(err)
	}
	model, err := topology.Parse("ring6.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	if err := model.SetClass("trunk", topology.Class{Override: topology.Override{Rate: &rate}}); err != nil {
		t.Fatal(err)
	}
	return built(t, model)
}

// built makes a network that is closed when the test ends.
func built(t *testing.T, model *topology.Topology) *emu.Network {
	t.Helper()
	n, err := emu.Build(t.Context(), model, emu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// sabotage changes the rate of the first shaped port that it finds in any
// namespace which this process holds, by netlink and past the network that owns
// it.
func sabotage(t *testing.T, factor float64) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		path := "/proc/self/fd/" + e.Name()
		if target, err := os.Readlink(path); err != nil || !strings.HasPrefix(target, "net:") {
			continue
		}
		done := make(chan error, 1)
		go func() {
			runtime.LockOSThread() // ends with the goroutine, wherever it is
			done <- slowDown(path, factor)
		}()
		switch err := <-done; {
		case err == nil:
			return
		case !errors.Is(err, errNoShaper):
			t.Fatal(err)
		}
	}
	t.Fatal("no shaper found")
}

var errNoShaper = errors.New("no shaper here")

func slowDown(namespace string, factor float64) error {
	ns, err := os.Open(namespace)
	if err != nil {
		return err
	}
	defer ns.Close()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return err
	}
	links, err := netlink.LinkList()
	if err != nil {
		return err
	}
	for _, l := range links {
		classes, err := netlink.ClassList(l, netlink.HANDLE_NONE)
		if err != nil {
			return err
		}
		for _, c := range classes {
			if htb, ok := c.(*netlink.HtbClass); ok {
				htb.Rate, htb.Ceil = uint64(float64(htb.Rate)*factor), uint64(float64(htb.Ceil)*factor)
				return netlink.ClassChange(htb)
			}
		}
	}
	return errNoShaper
}

// watch runs the audit of a network while busy runs.
func watch(t *testing.T, n *emu.Network, busy func()) *record.Audit {
	t.Helper()
	s, err := Start(t.Context(), n, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	busy()
	e, err := s.Stop(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return Judge(e)
}

func find(a *record.Audit, check string) []record.Finding {
	return slices.DeleteFunc(slices.Clone(a.Findings), func(f record.Finding) bool { return f.Check != check })
}

// TestShaperOff changes one link's shaper by 5 %, each way, without anybody's
// knowledge. A busy machine may disturb other checks meanwhile.
func TestShaperOff(t *testing.T) {
	for _, factor := range []float64{0.95, 1.05} {
		t.Run(fmt.Sprint(factor), func(t *testing.T) {
			n := ring(t, 2*units.Mbps)
			sabotage(t, factor)
			a := watch(t, n, func() { time.Sleep(3 * lagPeriod) })
			found := find(a, "link-rate")
			i := slices.IndexFunc(found, func(f record.Finding) bool { return f.Where == "s0-s1" })
			if a.Verdict != record.Disturbed || i < 0 {
				t.Fatalf("%s, found %+v", a.Verdict, a.Findings)
			}
			if off := found[i].Value - 100*(factor-1); off < -1 || off > 1 {
				t.Errorf("the link is %v %s, should be %v", found[i].Value, found[i].Unit, 100*(factor-1))
			}
		})
	}
}

// TestStarvedLink slows a link down while it has much to send. A machine that was busy all the
// while saw too little of it, and looks again.
func TestStarvedLink(t *testing.T) {
	const looks = 3
	for look := 1; ; look++ {
		a := starve(t)
		found := find(a, "link-starved")
		if len(found) == 0 && look < looks {
			t.Logf("seen for %.3g s alone", a.Measures["backlogged-s"])
			continue
		}
		if len(found) != 1 || found[0].Where != "s0-s1" || found[0].Value < 70 || found[0].Value > 90 {
			t.Errorf("found %+v, measures %v", a.Findings, a.Measures)
		}
		return
	}
}

// starve watches a link of 2 Mb/s that sends for 1.1 s at 80 % of its rate.
func starve(t *testing.T) *record.Audit {
	n := ring(t, 2*units.Mbps)
	return watch(t, n, func() {
		sabotage(t, 0.8)
		hosts := n.Hosts()
		sink, err := hosts[1].ListenPacket(t.Context(), hosts[1].Address().String()+":9000")
		if err != nil {
			t.Fatal(err)
		}
		defer sink.Close()
		source, err := hosts[0].ListenPacket(t.Context(), hosts[0].Address().String()+":9000")
		if err != nil {
			t.Fatal(err)
		}
		defer source.Close()

		for range 150 {
			if _, err := source.WriteTo(make([]byte, 1472), sink.LocalAddr()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
	})
}

// TestErrorsEndTheAudit closes the network under the audit.
func TestErrorsEndTheAudit(t *testing.T) {
	n := ring(t, 10*units.Mbps)
	s, err := Start(t.Context(), n, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stop(t.Context()); err == nil {
		t.Error("the audit of a closed network has no error")
	}
	if _, err := Start(t.Context(), n, nil); err == nil {
		t.Error("the audit of a closed network starts")
	}
}
