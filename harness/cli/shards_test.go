package cli

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"edgebed/harness/record"
)

// TestShards: what is merged of two shards equals what one machine records, and
// what does not belong together is refused.
func TestShards(t *testing.T) {
	needSandbox(t)
	t.Setenv(envCommand, "1") // for the workers
	dir := t.TempDir()
	file := brisk(t, dir)
	edgebed := func(want int, args ...string) string {
		t.Helper()
		var log bytes.Buffer
		if code := Run(t.Context(), args, &log, &log); code != want {
			t.Fatalf("edgebed %v: exit code %d, want %d\n%s", args, code, want, log.String())
		}
		return log.String()
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	run := func(out string, more ...string) {
		t.Helper()
		edgebed(exitOK, append([]string{"run", file, "--where", "rate=100 Mb/s", "--filter", "S=3.*argument=10 kB.*(pure|prop)", "--reruns", "0", "--out", in(out)}, more...)...)
	}
	run("whole")
	run("one", "--shard", "1/2")
	run("two", "--shard", "2/2")
	edgebed(exitOK, "merge", in("merged"), in("one"), in("two"))
	whole, err := record.Read(in("whole"))
	if err != nil {
		t.Fatal(err)
	}
	merged, err := record.Read(in("merged"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(timeless(whole), timeless(merged)); diff != "" {
		t.Errorf("the records differ (-one machine +merged shards):\n%s", diff)
	}
	edgebed(exitOK, "merge", in("again"), in("one"), in("two"), in("one"))
	for _, c := range []struct {
		want  string
		code  int
		parts []string
	}{
		{"they differ", exitUsage, []string{in("whole"), in("two")}},
		{"cells are missing", exitIncomplete, []string{in("one")}},
		{"no such file", exitUsage, []string{in("one"), in("nowhere")}},
	} {
		if log := edgebed(c.code, append([]string{"merge", in(c.want)}, c.parts...)...); !strings.Contains(log, c.want) {
			t.Errorf("merge %v says\n%s\nwant %q", c.parts, log, c.want)
		}
	}
	if log := edgebed(exitUsage, "merge", in("merged"), in("one")); !strings.Contains(log, "has records already") {
		t.Errorf("merge to a folder with records says\n%s", log)
	}
	edgebed(exitOK, "run", file, "--where", "rate=50 Mb/s", "--filter", "S=3.*argument=10 kB.*pure", "--reruns", "0", "--out", in("other"))
	if log := edgebed(exitUsage, "merge", in("foreign"), in("one"), in("other")); !strings.Contains(log, "different campaigns") {
		t.Errorf("merge of different campaigns says\n%s", log)
	}
}
