package record

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// repacked packs the records of a folder and reads them, and returns how large they were, too.
func repacked(t *testing.T, dir string, withoutPorts bool) (*Results, int) {
	t.Helper()
	var packed bytes.Buffer
	if err := Pack(&packed, dir, withoutPorts); err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	if err := os.WriteFile(filepath.Join(to, FileName+".gz"), packed.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	got, err := Read(to)
	if err != nil {
		t.Fatal(err)
	}
	return got, packed.Len()
}

// TestPack packs records with and without ports: read again, they are the same but
// for the ports.
func TestPack(t *testing.T) {
	dir := filepath.Join("testdata")
	want, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	sizes := map[bool]int{}
	for _, withoutPorts := range []bool{false, true} {
		got, size := repacked(t, dir, withoutPorts)
		sizes[withoutPorts] = size

		got.Name = want.Name
		for i := range got.Cells {
			for k := range got.Cells[i].Executions {
				e := &got.Cells[i].Executions[k]
				if withoutPorts && len(e.Ports) > 0 {
					t.Fatalf("execution %d has ports", k)
				}
				e.Ports = want.Cells[i].Executions[k].Ports
			}
		}
		if diff := cmp.Diff(want.Cells, got.Cells); diff != "" {
			t.Errorf("without ports: %v (-want +got):\n%s", withoutPorts, diff)
		}
	}
	if sizes[true] >= sizes[false] {
		t.Errorf("%d bytes without ports, %d with them", sizes[true], sizes[false])
	}
	if err := Pack(&bytes.Buffer{}, t.TempDir(), false); err == nil {
		t.Error("a folder without records is packed")
	}
}

// TestPackPaths: a packed record does not tell where its folder lay, and has sums of what it
// says, not of what it said.
func TestPackPaths(t *testing.T) {
	for name, tc := range map[string]struct {
		command, want []string
		withoutPorts  bool
	}{
		"with ports": {[]string{"edgebed", "run", "/home/a & b/s.yaml", "--out", "results/s"},
			[]string{"edgebed", "run", "s.yaml", "--out", "results/s"}, false},
		"without ports": {[]string{"edgebed", "/tmp/deep/s.yaml"}, []string{"edgebed", "s.yaml"}, true},
	} {
		dir := t.TempDir()
		w, err := Create(dir)
		if err != nil {
			t.Fatal(err)
		}
		err = w.Campaign(Campaign{Version: Version, Scenario: "s", Command: tc.command})
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}

		got, _ := repacked(t, dir, tc.withoutPorts)
		if diff := cmp.Diff(tc.want, got.Campaign.Command); diff != "" || len(got.Warnings) > 0 {
			t.Errorf("%s: warnings %q, the command (-want +got):\n%s", name, got.Warnings, diff)
		}
	}
}
