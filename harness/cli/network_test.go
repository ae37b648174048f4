package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"edgebed/harness/network"
)

// TestCannot: what the network cannot do that --network names is refused by each command,
// all at once and with its place, before anything is started; and fine on the other one.
func TestCannot(t *testing.T) {
	dir := t.TempDir()
	file, out := filepath.Join(dir, "mine.yaml"), filepath.Join(dir, "out")
	err := os.WriteFile(file, []byte(`name: mine
topology:
  preset: "ring,switches=4,rate=$rate"
  classes: {trunk: {corrupt: 1 %}}
  changes: [{link: [s0, s1], forward: {discipline: red}}]
  sysctls: {net.ipv4.tcp_sack: "0"}
matrix: [{axis: rate, values: [1 Mb/s, 10 Mb/s]}]
events: [{at: 1 s, link: [s1, s2], set: {corrupt: 2 %}}]
`), 0o666)
	if err != nil {
		t.Fatal(err)
	}

	for _, args := range [][]string{
		{"validate", file}, {"plan", file}, {"run", file, "--out", out}, {"run", file, "--dry-run"}, {"trace", file},
	} {
		var stdout, stderr bytes.Buffer
		code := Run(t.Context(), append(args, "--network", "virtual"), &stdout, &stderr)
		if code != exitUsage || stdout.Len() > 0 {
			t.Errorf("%v: exit code %d, output %q", args, code, &stdout)
		}
		for _, want := range []string{
			"mine.yaml:4:30: topology.classes.trunk.corrupt: link s0-s1: in virtual time no frame is corrupted",
			"mine.yaml:5:52: topology.changes[0].forward.discipline: link s0-s1: in virtual time the only discipline is fifo",
			`mine.yaml:6:32: topology.sysctls."net.ipv4.tcp_sack": set sysctl net.ipv4.tcp_sack: a network in virtual time`,
			"mine.yaml:8:51: events[0].set.corrupt: link s1-s2: in virtual time no frame is corrupted",
		} {
			if strings.Count(stderr.String(), want) != 1 {
				t.Errorf("%v: %s\nwant %s", args, &stderr, want)
			}
		}
		if n := strings.Count(stderr.String(), "mine.yaml:"); n != 4 {
			t.Errorf("%v: %d mistakes, want 4", args, n)
		}
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a refused run has begun results")
	}

	var stdout, stderr bytes.Buffer
	if code := Run(t.Context(), []string{"validate", file}, &stdout, &stderr); code != exitOK {
		t.Errorf("on emulated links: %s", &stderr)
	}
	stderr.Reset()
	code := Run(t.Context(), []string{"validate", file, "--network", "vritual"}, &stdout, &stderr)
	if code != exitUsage || !strings.Contains(stderr.String(), "--network: unknown network") {
		t.Errorf("an unknown network: %d, %s", code, &stderr)
	}
}

// TestCannotTopology: a topology alone is held against the network, too.
func TestCannotTopology(t *testing.T) {
	const file = "testdata/errors/cannot.yaml"
	var stdout, stderr bytes.Buffer
	if code := Run(t.Context(), []string{"validate", file}, &stdout, &stderr); code != exitOK {
		t.Errorf("on emulated links: %s", &stderr)
	}
	code := Run(t.Context(), []string{"validate", file, "--network", "virtual"}, &stdout, &stderr)
	for _, want := range []string{
		file + ":5:47: link-classes.wire.forward.discipline: link left-right: in virtual time",
		file + ":5:74: link-classes.wire.corrupt: link left-right: in virtual time",
	} {
		if code != exitUsage || !strings.Contains(stderr.String(), want) {
			t.Errorf("exit code %d, %s\nwant %s", code, &stderr, want)
		}
	}
}

// TestLacks: each thing that virtual time lacks is refused in a scenario of the wrong ones.
func TestLacks(t *testing.T) {
	message := refusal(t, "testdata/errors/scenario-virtual-cannot.yaml")
	lacks := network.Virtual().Lacks()
	if len(lacks) < 6 {
		t.Errorf("it lacks %v", lacks)
	}
	for _, ability := range lacks {
		if reason := network.Virtual().Can(ability).Error(); !strings.Contains(message, reason) {
			t.Errorf("%s: %q is not in\n%s", ability, reason, message)
		}
	}
}
