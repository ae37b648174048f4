package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"edgebed/harness/job"
	"edgebed/harness/record"
	"edgebed/harness/testbed"
	"edgebed/harness/virtual"
)

// program puts this test binary, which behaves as edgebed, into a folder of its own.
func program(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// A link would name the folder that it leads to.
	path := filepath.Join(t.TempDir(), "edgebed")
	data, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o777); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestVirtual: in virtual time, shards that are merged and a campaign that was
// stopped and gone on with record what one run records, to the byte; a trace is
// made as on emulated links; and without the worker the error says how to build it.
func TestVirtual(t *testing.T) {
	edgebed := program(t)
	run := func(want int, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), edgebed, args...)
		cmd.Env = append(os.Environ(), envCommand+"=1")
		text, err := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != want {
			t.Fatalf("edgebed %v: %v, exit code %d, want %d\n%s", args, err, code, want, text)
		}
		return string(text)
	}
	dir := t.TempDir()
	file := brisk(t, dir)
	in := func(name string) string { return filepath.Join(dir, name) }
	cells := []string{"run", file, "--network", "virtual", "--where", "rate=100 Mb/s", "--where", "argument=10 kB"}
	campaign := func(out string, more ...string) {
		t.Helper()
		run(exitOK, append(append(cells, "--out", in(out)), more...)...)
	}

	if text := run(exitFailed, append(cells, "--out", in("none"))...); !strings.Contains(text, "go build -tags faketime") {
		t.Errorf("without its worker edgebed says\n%s", text)
	}
	buildWorker(t, filepath.Dir(edgebed))

	campaign("whole")
	campaign("one", "--shard", "1/2")
	campaign("two", "--shard", "2/2")
	run(exitOK, "merge", in("merged"), in("one"), in("two"))
	campaign("stopped", "--filter", "pure")
	campaign("stopped", "--resume")

	whole := executions(t, in("whole"))
	if len(whole) != 2*3*4 {
		t.Fatalf("%d executions, want 24", len(whole))
	}
	for _, other := range []string{"merged", "stopped"} {
		if diff := cmp.Diff(whole, executions(t, in(other)), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("the records differ (-one run +%s):\n%s", other, diff)
		}
	}

	// A dry run for emulated links tells how long they take from what it runs here.
	var sequential time.Duration
	for _, e := range whole {
		sequential += time.Duration(e.DelayNS) + 20*time.Millisecond // with the pause
	}
	sequential += 6 * job.Beside
	text := run(exitOK, "run", file, "--where", "rate=100 Mb/s", "--where", "argument=10 kB", "--dry-run")
	said := regexp.MustCompile(`(\S+) one after another`).FindStringSubmatch(text)
	if said == nil {
		t.Fatalf("a dry run says\n%s", text)
	}
	foretold, err := time.ParseDuration(said[1])
	if off := (foretold - sequential).Abs(); err != nil || off > sequential/5 {
		t.Errorf("a dry run says %v (%v) one after another, want %v within a fifth", foretold, err, sequential)
	}

	run(exitOK, "trace", file, "--network", "virtual", "--where", "rate=100 Mb/s", "--where", "argument=10 kB",
		"--filter", "S=3.*pure", "--out", in("trace"))
	if found, err := filepath.Glob(in("trace") + "/*.svg"); err != nil || len(found) == 0 {
		t.Errorf("trace wrote %v (%v), want a drawing", found, err)
	}
}

// TestVirtualInJail: virtual time needs neither privileges nor namespaces.
func TestVirtualInJail(t *testing.T) {
	for _, tool := range []string{"unshare", "setpriv"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("building the jail needs ", tool, ": ", err)
		}
	}
	edgebed := program(t)
	buildWorker(t, filepath.Dir(edgebed))

	// Its root may make no further namespace, and nobody gains a privilege.
	const jail = `echo 0 >/proc/sys/user/max_user_namespaces && ! unshare -U true 2>/dev/null &&
		exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all "$@"`
	if out, err := exec.CommandContext(t.Context(), "unshare", "-Ur", "sh", "-c", jail, "sh", "true").CombinedOutput(); err != nil {
		t.Skipf("this machine has no such jail: %v: %s", err, out)
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "unshare", "-Ur", "sh", "-c", jail, "sh",
		edgebed, "run", brisk(t, dir), "--network", "virtual", "--where", "rate=100 Mb/s", "--where", "argument=10 kB",
		"--filter", "S=3.*pure", "--out", filepath.Join(dir, "out"))
	cmd.Env = append(os.Environ(), envCommand+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	if n := len(executions(t, filepath.Join(dir, "out"))); n != 4 {
		t.Errorf("%d executions, want 4", n)
	}
}

// buildWorker builds the worker for virtual time into a folder.
func buildWorker(t *testing.T, dir string) {
	t.Helper()
	worker := filepath.Join(dir, testbed.VirtualProgram)
	args := slices.Concat([]string{"build", "-o", worker}, virtual.BuildFlags(),
		[]string{"edgebed/harness/cmd/edgebed-virtual"})
	build := exec.CommandContext(t.Context(), "go", args...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
}

// executions returns what was recorded of each, by cell and index.
func executions(t *testing.T, dir string) map[string]record.Execution {
	t.Helper()
	results, err := record.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]record.Execution{}
	for _, cell := range results.Cells {
		for _, e := range cell.Executions {
			if !e.WarmUp {
				all[e.Cell+" "+e.Workload] = e
			}
		}
	}
	return all
}
