package main

import (
	"bytes"
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
