package campaign

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"edgebed/harness/record"
)

// TestResumeAltered: nothing is added to records of which a line was changed after it was
// written.
func TestResumeAltered(t *testing.T) {
	dir := t.TempDir()
	header := record.Campaign{Version: record.Version, Scenario: "s", Title: "One", Cells: 1, Executions: 1}
	jobs := jobs(t, "1 Mb/s")[:1]
	opened, err := Open(dir, header, jobs, OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := opened.Writer.Close(); err != nil {
		t.Fatal(err)
	}

	name := filepath.Join(dir, record.FileName)
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Replace(text, []byte("One"), []byte("Two"), 1)
	if err := os.WriteFile(name, changed, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, header, jobs, OpenOptions{Resume: true}); err == nil ||
		!strings.Contains(err.Error(), "changed after they were written: 1 (edgebed fsck says") {
		t.Errorf("Open: %v", err)
	}
	if after, err := os.ReadFile(name); err != nil || !bytes.Equal(after, changed) {
		t.Errorf("the records are\n%s, %v", after, err)
	}
}
