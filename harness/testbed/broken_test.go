package testbed

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"edgebed/harness/emu"
	"edgebed/harness/topology"
)

// TestBroken kills the delay line of a network: what fails from then on is not the
// network's doing.
func TestBroken(t *testing.T) {
	model := &topology.Topology{
		Version: 1, Name: "two", Subnet: topology.DefaultSubnet(), Switches: []string{"s0", "s1"},
		Links: []topology.LinkSpec{{Between: [2]string{"s0", "s1"}}},
		Hosts: []topology.HostSpec{{Name: "a", Address: netip.MustParseAddr("10.1.0.1"), Switch: "s0"}},
	}
	n, err := emu.Build(t.Context(), model, emu.Options{LiveDelay: true, Delay: emu.DelayLine})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close() // says that the delay line has ended, too
	network := emulated{n}
	if err := network.Broken(); err != nil {
		t.Errorf("a new network is broken: %v", err)
	}

	if err := syscall.Kill(n.Relay().Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); network.Broken() == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a network whose delay line was killed is not broken")
		}
	}
}
