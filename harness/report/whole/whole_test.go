package whole

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestHalfWritten: a file that cannot be written whole, as on a full disk, leaves the
// one of an earlier time, and nothing else.
func TestHalfWritten(t *testing.T) {
	name := filepath.Join(t.TempDir(), "figure.svg")
	text := func(s string, err error) func(io.Writer) error {
		return func(w io.Writer) error {
			_, writeErr := io.WriteString(w, s)
			return errors.Join(writeErr, err)
		}
	}
	if err := Write(name, text("first", nil)); err != nil {
		t.Fatal(err)
	}

	full := errors.New("disk full")
	if err := Write(name, text("sec", full)); !errors.Is(err, full) {
		t.Errorf("error %v, want that of the writer", err)
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != "first" {
		t.Errorf("the file holds %q, %v; want what was there before", got, err)
	}

	if err := os.WriteFile(name+".part", []byte("left of one that was killed"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := Write(name, text("third", nil)); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(name); string(got) != "third" {
		t.Errorf("the file holds %q, want what was written last", got)
	}
	entries, err := os.ReadDir(filepath.Dir(name))
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v; want one file", entries, err)
	}
}

// TestLinksAreReplaced: where the folder of somebody else has links in the place of what is
// written, what they lead to stays as it was.
func TestLinksAreReplaced(t *testing.T) {
	dir := t.TempDir()
	precious := filepath.Join(dir, "precious")
	if err := os.WriteFile(precious, []byte("mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "report.html")
	for _, link := range []string{name, name + ".part"} {
		if err := os.Symlink(precious, link); err != nil {
			t.Fatal(err)
		}
	}
	err := Write(name, func(w io.Writer) error { _, err := io.WriteString(w, "report"); return err })
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(precious); err != nil || string(got) != "mine" {
		t.Errorf("what the links lead to holds %q, %v", got, err)
	}
	if info, err := os.Lstat(name); err != nil || !info.Mode().IsRegular() {
		t.Errorf("the report is %v, %v", info, err)
	}
}

// TestNowhere: a folder that is not there is an error.
func TestNowhere(t *testing.T) {
	err := Write(filepath.Join(t.TempDir(), "no", "file"), func(io.Writer) error { return nil })
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want that there is no such folder", err)
	}
}
