package main

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"edgebed/harness/sandbox"
	"edgebed/harness/virtual"
)

// TestMain: the sandbox that is probed for starts this program again.
func TestMain(m *testing.M) {
	sandbox.Enter()
	os.Exit(m.Run())
}

// TestChaos harms small campaigns with what a build of this tree makes of it.
// EDGEBED_CHAOS_SEED gives another seed.
func TestChaos(t *testing.T) {
	dir := t.TempDir()
	for name, flags := range map[string][]string{"edgebed": nil, "edgebed-virtual": virtual.BuildFlags()} {
		args := slices.Concat([]string{"build", "-o", filepath.Join(dir, name)}, flags,
			[]string{"edgebed/harness/cmd/" + name})
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, out)
		}
	}

	faults := 50
	if testing.Short() {
		faults = 25
	}
	var out bytes.Buffer
	err := run(t.Context(), &out, options{seed: 13, faults: faults, edgebed: filepath.Join(dir, "edgebed")})
	t.Logf("%s", out.String())
	if err != nil {
		t.Error(err)
	}
}

func TestParseSlab(t *testing.T) {
	const text = "slabinfo - version: 2.1\n# name <active_objs>\nnet_namespace 42 56 4288 7\ndentry 9 9\n" +
		"pid_namespace x\nuser_namespace 3 4 5\n"
	got := parseSlab([]byte(text))
	if want := map[string]int{"net_namespace": 42, "user_namespace": 3}; !maps.Equal(got, want) {
		t.Errorf("objects %v, want %v", got, want)
	}
}
