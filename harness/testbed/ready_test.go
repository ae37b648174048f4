package testbed

import (
	"strings"
	"testing"

	"edgebed/harness/record"
	"edgebed/harness/scenario"
	"edgebed/harness/topology"
)

// TestReady checks that what the kernel does not have is found before a cell runs,
// once for all cells, at its place in the file.
func TestReady(t *testing.T) {
	sel := scenario.Selection{Where: map[string][]string{"panel": {"S=3,L=6"}, "argument": {"10 kB"}}}
	jobs := prepare(t, 1, sel)
	if _, err := Ready(t.Context(), jobs); err != nil {
		t.Fatalf("the shipped scenario cannot run here: %v", err)
	}
	for i := range jobs {
		jobs[i].Cell.Topology.Sysctls = map[string]string{"net.ipv4.no_such_setting": "1"}
	}
	_, err := Ready(t.Context(), jobs)
	if err == nil || strings.Count(err.Error(), "no_such_setting") != 1 || !strings.Contains(err.Error(), "exp400.yaml:") {
		t.Errorf("error %v, want one that names the setting and its place once", err)
	}
	for i := range jobs {
		jobs[i].Cell.Topology.Sysctls, jobs[i].Cell.Topology.CongestionControl = nil, "nosuch"
	}
	if _, err := Ready(t.Context(), jobs); err == nil || !strings.Contains(err.Error(), "congestion control nosuch") {
		t.Errorf("error %v, want one that names the congestion control", err)
	}
}

// TestReadyForRouters checks that both kinds of network have routers, and that virtual time refuses
// IPv6 before a cell runs, at its place.
func TestReadyForRouters(t *testing.T) {
	sel := scenario.Selection{Where: map[string][]string{"panel": {"S=3,L=6"}, "argument": {"10 kB"}}}
	jobs := prepare(t, 1, sel)
	for i := range jobs {
		jobs[i].Topology().Mode = topology.Routed
		if err := jobs[i].CanRunOn(record.Virtual); err != nil {
			t.Error(err)
		}
	}
	if _, err := Ready(t.Context(), jobs); err != nil {
		t.Error(err)
	}

	for i := range jobs {
		jobs[i].Topology().IPv6 = new(true)
		err := jobs[i].CanRunOn(record.Virtual)
		if err == nil || !strings.Contains(err.Error(), "ring6.yaml:") || !strings.Contains(err.Error(), "IPv4 alone") {
			t.Errorf("error %v, want one that says that there is IPv4 alone, with the place", err)
		}
	}
}

// TestDoctor checks that what can run here is called so.
func TestDoctor(t *testing.T) {
	facts, err := Doctor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(facts, "\n")
	for _, want := range []string{"sandbox: available", "netem: ", "ipv6: ", "network: a shaped, delayed link was built"} {
		if !strings.Contains(all, want) {
			t.Errorf("the facts do not say %q:\n%s", want, all)
		}
	}
}

// TestWorkersWith checks how many workers there may be with so many open files.
func TestWorkersWith(t *testing.T) {
	for files, want := range map[uint64]int{0: 0, 31: 0, 32: 1, 39: 1, 40: 2, 1024: 125} {
		n, err := workersWith(files)
		if n != want || (err == nil) != (want > 0) {
			t.Errorf("%d files are enough for %d workers, want %d: %v", files, n, want, err)
		}
		if err != nil && !strings.Contains(err.Error(), "ulimit -n") {
			t.Errorf("the error has no cure: %v", err)
		}
	}
}
