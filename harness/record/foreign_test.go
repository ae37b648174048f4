package record

import (
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestLinksAreNotFollowed: in the folder of somebody else the record file may be a link to
// any file of the user's. It is read, and never written.
func TestLinksAreNotFollowed(t *testing.T) {
	dir := t.TempDir()
	precious := filepath.Join(dir, "precious")
	const text = `{"half": "a line"`
	if err := os.WriteFile(precious, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(precious, filepath.Join(dir, FileName)); err != nil {
		t.Fatal(err)
	}

	if w, err := OpenAppend(dir); err == nil {
		w.Close()
		t.Error("records are appended to what a link leads to")
	} else if !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("the error is %v", err)
	}
	if _, err := Repair(dir); err == nil || !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("repairing gives %v", err)
	}
	if _, err := Create(dir); !errors.Is(err, ErrExists) {
		t.Errorf("creating gives %v", err)
	}
	if got, err := os.ReadFile(precious); err != nil || string(got) != text {
		t.Errorf("the file is %q, %v", got, err)
	}
}

// TestNoFile: pipes, devices and folders in the place of records are refused at once.
func TestNoFile(t *testing.T) {
	for what, make := range map[string]func(name string) error{
		"pipe":   func(name string) error { return syscall.Mkfifo(name, 0o666) },
		"folder": func(name string) error { return os.Mkdir(name, 0o777) },
		"device": func(name string) error { return os.Symlink("/dev/zero", name) },
	} {
		dir := t.TempDir()
		if err := make(filepath.Join(dir, FileName)); err != nil {
			t.Fatal(err)
		}
		done := time.AfterFunc(10*time.Second, func() { panic(what + ": it waits") })
		if _, err := Read(dir); err == nil {
			t.Errorf("%s: it was read", what)
		}
		if _, err := Examine(dir); err == nil {
			t.Errorf("%s: it was examined", what)
		}
		if _, err := OpenAppend(dir); err == nil {
			t.Errorf("%s: it was opened to go on", what)
		}
		done.Stop()
	}
}

// TestLongLine: packed, a line that memory does not hold is a small file.
func TestLongLine(t *testing.T) {
	dir := t.TempDir()
	file, err := os.Create(filepath.Join(dir, FileName+".gz"))
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewWriterLevel(file, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	for range longestLine>>20 + 1 {
		if _, err := z.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(z.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "MiB") {
		t.Errorf("a line of zeros gives %v", err)
	}
}
