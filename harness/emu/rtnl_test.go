package emu

import (
	"errors"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"edgebed/harness/topology"
)

// TestAddEntries adds more neighbours than one call to the kernel takes, and
// then one of them again.
func TestAddEntries(t *testing.T) {
	n := build(t, pair(topology.Override{}), Options{})
	h := n.Hosts()[0]
	c, err := h.ns.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	add := func(entries ...entry) error {
		b := c.batch()
		for _, e := range entries {
			if err := b.addMessage(e.appendTo(nil), "add", e.address.String()); err != nil {
				return err
			}
		}
		return b.send()
	}
	var entries []entry
	address := netip.MustParseAddr("10.9.1.0")
	for i := range 3 * batchSize / 60 {
		address = address.Next()
		entries = append(entries, entry{index: eth0, address: address, hardware: hardware(macHost, i)})
	}
	if err := add(entries...); err != nil {
		t.Fatal(err)
	}
	list, err := c.NeighList(eth0, netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, e := range list {
		if e.State == netlink.NUD_PERMANENT {
			found[e.IP.String()] = e.HardwareAddr.String()
		}
	}
	for _, e := range entries {
		if found[e.address.String()] != e.hardware.String() {
			t.Fatalf("neighbour %v is %q, want %v", e.address, found[e.address.String()], e.hardware)
		}
	}
	if err := add(entries[5]); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("adding an entry again: %v, want %v", err, syscall.EEXIST)
	}
	// An error in the middle is not lost among the successes around it.
	again := []entry{
		{index: eth0, address: address.Next(), hardware: hardware(macHost, 1)}, entries[7],
		{index: eth0, address: address.Next().Next(), hardware: hardware(macHost, 2)},
	}
	if err := add(again...); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("adding an entry again between others: %v, want %v", err, syscall.EEXIST)
	}
}

// TestFileLimit asks for more hosts than the process may have files.
func TestFileLimit(t *testing.T) {
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	lower := unix.Rlimit{Cur: 250, Max: before.Max}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &lower); err != nil {
		t.Fatal(err)
	}
	n, err := Build(t.Context(), star(100), Options{})
	if restore := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); restore != nil {
		t.Fatal(restore)
	}
	if err == nil {
		n.Close()
		t.Fatal("a network of 100 hosts fits into 250 files")
	}
	if !strings.Contains(err.Error(), "ulimit -n") {
		t.Errorf("the error gives no advice: %v", err)
	}
}

// TestSettingsOfMany checks that the settings of a host do not depend on which instance of
// proc they were made in, and that no instance stays open.
func TestSettingsOfMany(t *testing.T) {
	before := openFiles(t)
	n, err := Build(t.Context(), star(perProc+6), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(n.procs.open) < 2 {
		t.Errorf("%d instances of proc were used for %d hosts", len(n.procs.open), len(n.hosts))
	}
	if got := n.Settings()["sysctl.net.ipv4.tcp_no_metrics_save"]; got != "1" {
		t.Errorf("settings say %q for all hosts, want 1", got)
	}
	err = n.hosts[perProc+5].Do(func() error {
		got, err := sysctl{name: "net.ipv4.tcp_no_metrics_save"}.read()
		if err == nil && got != "1" {
			t.Errorf("the last host has %q, want 1", got)
		}
		return err
	})
	if err := errors.Join(err, n.Close()); err != nil {
		t.Fatal(err)
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d files are open, %d before", after, before)
	}
}

// TestOneQueue looks at the devices of a host and of the switches: they have no queues for each
// processor, whose number would be the machine's.
func TestOneQueue(t *testing.T) {
	n := build(t, pair(topology.Override{}), Options{})
	for _, ns := range []*namespace{n.hosts[0].ns, n.fabric} {
		c, err := ns.dial()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		links, err := c.LinkList()
		if err != nil {
			t.Fatal(err)
		}
		if len(links) < 2 {
			t.Errorf("there are %d devices, want at least two", len(links))
		}
		for _, l := range links {
			if a := l.Attrs(); a.NumTxQueues != 1 || a.NumRxQueues != 1 {
				t.Errorf("device %s has %d and %d queues, want one each way", a.Name, a.NumTxQueues, a.NumRxQueues)
			}
		}
	}
}

// TestForwardingTables holds the kernel's forwarding tables against the topology's, on a line,
// where each way from a switch to a host is in another place of its table.
func TestForwardingTables(t *testing.T) {
	model := line(12)
	n := build(t, model, Options{})
	entries, err := n.fabricC.NeighList(0, unix.AF_BRIDGE)
	if err != nil {
		t.Fatal(err)
	}
	hosts, ports := map[string]string{}, map[int]*port{}
	for _, f := range n.interfaces {
		hosts[f.mac.String()] = f.spec.Host
	}
	for _, p := range n.ports {
		ports[p.index] = p
	}

	next := map[[2]string]string{} // by switch and host
	for _, e := range entries {
		p, host := ports[e.LinkIndex], hosts[e.HardwareAddr.String()]
		if p == nil || host == "" {
			continue // what a port knows of itself
		}
		if e.State != netlink.NUD_NOARP {
			t.Errorf("the entry of %s at %s has state %#x, want a static one", host, p.name, e.State)
		}
		next[[2]string{p.at, host}] = p.toward
	}
	for at := range model.Switches {
		for to, host := range model.Hosts {
			want := host.Name
			switch {
			case to < at:
				want = model.Switches[at-1]
			case to > at:
				want = model.Switches[at+1]
			}
			if got := next[[2]string{model.Switches[at], host.Name}]; got != want {
				t.Errorf("switch %s sends what is for %s to %q, want %q", model.Switches[at], host.Name, got, want)
			}
		}
	}
	if want := len(model.Switches) * len(model.Hosts); len(next) != want {
		t.Errorf("there are %d entries for hosts, want %d", len(next), want)
	}
}
