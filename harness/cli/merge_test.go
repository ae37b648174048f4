package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"edgebed/harness/record"
)

// TestMergeWithoutRoom: a merge that cannot be written to its end leaves no half of a campaign
// behind, and is no wrong usage.
func TestMergeWithoutRoom(t *testing.T) {
	part, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
	lines := `{"type":"campaign","version":2,"scenario":"s","profile":"p","scenario_sha256":"x","cells":1,"executions":1}
{"type":"cell","id":"a","executions":1}
{"type":"execution","cell":"a","index":0,"ok":false,"reason":"` + strings.Repeat("x", 5000) + `"}
{"type":"cell_end","cell":"a","ok":true}
`
	if err := os.WriteFile(filepath.Join(part, record.FileName), []byte(lines), 0o666); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}

	var log bytes.Buffer
	// Where the shell counts blocks of 512 bytes, and where of 1024, that is less.
	cmd := exec.Command("sh", "-c", `ulimit -f 4; exec "$@"`, "sh", self, "merge", out, part)
	cmd.Env = append(os.Environ(), envCommand+"=1")
	cmd.Stderr = &log
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != exitFailed {
		t.Errorf("it ends with %v: %s", err, &log)
	}
	if !strings.Contains(log.String(), "file too large") {
		t.Errorf("it says %s", &log)
	}
	if left, _ := os.ReadDir(out); len(left) > 0 {
		t.Errorf("it leaves %v", left)
	}
}
