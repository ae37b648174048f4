package alone

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"edgebed/harness/sandbox"
	"edgebed/harness/sandbox/sandboxtest"
)

func TestMain(m *testing.M) {
	sandbox.Enter()
	os.Exit(m.Run())
}

// module writes a module that needs this one, in versions that this one needs, and the
// program in it.
func module(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ours, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	theirs := strings.Replace(string(ours), "module edgebed\n", "module example.org/alone\n", 1) +
		fmt.Sprintf("\nrequire edgebed v0.0.0\n\nreplace edgebed => %s\n", root)
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(theirs), 0o644); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{filepath.Join(root, "go.sum"): "go.sum", "testdata/main.go": "main.go"} {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, to), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestAlone builds a program of another module that imports the emulation, sees that it
// needs nothing of nodes, records or the command line, and runs it.
func TestAlone(t *testing.T) {
	dir := module(t)
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, errs.Bytes())
		}
		return string(out)
	}

	for _, dep := range strings.Fields(run("go", "list", "-deps", ".")) {
		inside, ours := strings.CutPrefix(dep, "edgebed/")
		allowed := inside == "nodes/units" || inside == "nodes/yamlfile" || strings.HasPrefix(inside, "harness/emu") ||
			inside == "harness/fate" || inside == "harness/topology" || inside == "harness/network" ||
			inside == "harness/sandbox" || inside == "harness/tail"
		if ours && !allowed || strings.Contains(dep, "cobra") || strings.Contains(dep, "grpc") {
			t.Errorf("the emulation alone needs %s", dep)
		}
	}

	program := filepath.Join(dir, "alone")
	run("go", "build", "-o", program, ".")
	if err := sandbox.Probe(context.Background(), sandbox.Options{}); err != nil {
		var refused *sandbox.RefusedError
		if errors.As(err, &refused) && os.Getenv(sandboxtest.EnvRequire) == "" {
			t.Skipf("built, and not run: %v", err)
		}
		t.Fatal(err)
	}
	var received, counted int64
	var rate float64
	out := run(program)
	if _, err := fmt.Sscan(out, &received, &counted, &rate); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	if received != 500_000 || counted < received || rate > 10 {
		t.Errorf("%d B arrived at %v Mb/s, and the link counts %d", received, rate, counted)
	}
}
