package record

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"edgebed/nodes/fuzztest"
)

// FuzzRepair damages record files: what is repaired is sound, it can be read, and what was
// there is kept.
func FuzzRepair(f *testing.F) {
	text, err := os.ReadFile(filepath.Join("testdata", FileName))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(text[:len(text)-40])
	f.Add(bytes.ReplaceAll(text, []byte("cell_end"), []byte("cell_eNd")))
	f.Add(append(bytes.Clone(text), text...))
	f.Add([]byte(`{"type":"campaign","version":1}` + "\n" + `{"type":"execution","cell":"c"}` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		fuzztest.Watch(t, 2*time.Second)
		dir := t.TempDir()
		name := filepath.Join(dir, FileName)
		if err := os.WriteFile(name, text, 0o666); err != nil {
			t.Fatal(err)
		}

		before, err := Examine(dir)
		if err != nil {
			return // too long a line
		}
		_ = before.String()
		kept, err := Repair(dir)
		if errors.Is(err, ErrLost) {
			return
		}
		if err != nil {
			t.Fatalf("repair: %v", err)
		}
		if damaged := len(before.Damage) > 0; damaged != (kept != "") {
			t.Errorf("of %d damaged lines the old file is kept as %q", len(before.Damage), kept)
		}
		if kept != "" {
			if old, err := os.ReadFile(kept); err != nil || !bytes.Equal(old, text) {
				t.Errorf("the old file is not what was there: %v", err)
			}
		}
		if after, err := Examine(dir); err != nil || len(after.Damage) > 0 {
			t.Errorf("what is repaired has damage: %+v, %v", after, err)
		}
		if _, err := Read(dir); err != nil {
			t.Errorf("what is repaired cannot be read: %v", err)
		}
	})
}
