package testbed

import (
	"os"
	"path/filepath"
	"testing"

	"edgebed/harness/job"
	"edgebed/harness/scenario"
)

// TestAttemptFolder: each attempt at a cell has a folder of its own, and in the results of
// somebody else no link leads out of them.
func TestAttemptFolder(t *testing.T) {
	results := t.TempDir()
	j := job.Job{Results: results, Cell: scenario.Cell{ID: "../model=a/b, rate=5 Mb/s"}}
	var names []string
	for range 2 {
		folder, err := attemptFolder(&j)
		if err != nil {
			t.Fatal(err)
		}
		if err := folder.Close(); err != nil {
			t.Fatal(err)
		}
		if !filepath.IsLocal(j.Files) {
			t.Errorf("the folder is %s, which is not below the results", j.Files)
		}
		names = append(names, j.Files)
	}
	if names[0] == names[1] {
		t.Errorf("two attempts share %s", names[0])
	}

	outside, other := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(other, filesFolder)); err != nil {
		t.Fatal(err)
	}
	j.Results = other
	if folder, err := attemptFolder(&j); err == nil {
		folder.Close()
		t.Error("a link that leads out of the results was followed")
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) > 0 {
		t.Errorf("outside there are %v, %v", entries, err)
	}
}
