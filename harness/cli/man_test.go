package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMan checks that each command that users see has a page, and that a page is what
// man reads.
func TestMan(t *testing.T) {
	dir := t.TempDir()
	var log bytes.Buffer
	if code := Run(t.Context(), []string{"man", dir}, &log, &log); code != exitOK {
		t.Fatalf("exit code %d\n%s", code, log.String())
	}
	for _, command := range []string{"edgebed", "edgebed-run", "edgebed-fsck", "edgebed-topo-convert"} {
		page, err := os.ReadFile(filepath.Join(dir, command+".1"))
		if err != nil {
			t.Error(err)
			continue
		}
		if text := string(page); !strings.Contains(text, ".TH \"EDGEBED\"") || !strings.Contains(text, ".SH SYNOPSIS") {
			t.Errorf("%s is no manual page:\n%.300s", command, text)
		}
	}
	if hidden, _ := filepath.Glob(filepath.Join(dir, "*worker*")); len(hidden) > 0 {
		t.Errorf("pages of commands that nobody calls: %q", hidden)
	}
}
