package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gopacket/gopacket/pcapgo"

	"edgebed/harness/record"
)

// captured is what a capture's file holds.
type captured struct {
	name, comment string
	frames, bytes int64
}

// readCapture reads a file with pcapng.
func readCapture(t *testing.T, file string) captured {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewNgReader(f, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	var c captured
	for {
		data, _, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		c.frames, c.bytes = c.frames+1, c.bytes+int64(len(data))
	}
	on, err := r.Interface(0)
	if err != nil {
		t.Fatal(err)
	}
	c.name, c.comment = on.Name, r.SectionInfo().Comment
	return c
}

// TestCapture captures executions of a scenario, and holds what is in the files against
// the counters of the ports: by a reader of our own libraries, and by tshark.
func TestCapture(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "captured.yaml")
	const text = `
name: captured
topology: {preset: "ring,switches=4,rate=$rate"}
matrix: [{axis: rate, values: [100 Mb/s]}]
execution: {model: state-prop}
workload: {argument: 1 kB}
profiles: {quick: {executions: 3}}
capture: {of: [s0-s1, host2], executions: [1, 2]}
`
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	results, out := runPrograms(t, file, exitOK, "--reruns", "0")
	cell := results.Cells[0]
	for _, e := range cell.Executions {
		if want := e.Index > 0; (len(e.Captures) == 2) != want {
			t.Fatalf("execution %d has captures %+v", e.Index, e.Captures)
		}
		for k, c := range e.Captures {
			port := []string{"s0-s1", "s2-host2"}[k]
			path := filepath.Join(out, cell.Cell.Files, c.File)
			var counted record.Port
			for _, p := range e.Ports {
				if p.Name == port {
					counted = p
				}
			}

			got := readCapture(t, path)
			if got.name != port || c.Port != port || !strings.Contains(got.comment, fmt.Sprintf("execution %d of", e.Index)) {
				t.Errorf("%s is of %q and %q, with the comment %q", c.File, got.name, c.Port, got.comment)
			}
			frames, bytes := counted.TxPackets+counted.RxPackets, counted.TxBytes+counted.RxBytes
			if got.frames != frames && cell.Disturbed() {
				t.Skipf("%s has %d frames, the port counted %d: the machine was disturbed, so that one was late",
					c.File, got.frames, frames)
			}
			if got.frames != frames || got.bytes != bytes || c.Frames != frames || c.Bytes != bytes || frames == 0 || c.Lost != 0 {
				t.Errorf("%s has %d frames of %d B, the record says %+v, the port counted %d of %d B",
					c.File, got.frames, got.bytes, c, frames, bytes)
			}
			byTshark(t, path, frames, bytes)
		}
	}
}

// byTshark holds a capture against what tshark reads, where there is one.
func byTshark(t *testing.T, file string, frames, bytes int64) {
	t.Helper()
	program, err := exec.LookPath("tshark")
	if err != nil {
		t.Logf("not read by tshark, which is not here: %v", err)
		return
	}
	out, err := exec.Command(program, "-r", file, "-T", "fields", "-e", "frame.len").Output()
	if err != nil {
		t.Fatal(err)
	}
	var sum, number int64
	for _, field := range strings.Fields(string(out)) {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum, number = sum+n, number+1
	}
	if number != frames || sum != bytes {
		t.Errorf("tshark reads %d frames of %d B in %s, the port counted %d of %d B", number, sum, file, frames, bytes)
	}
}

// TestCaptureRing checks that files make room for newer ones, and end at their limit.
func TestCaptureRing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "captured.yaml")
	const text = `
name: captured
topology: {preset: "ring,switches=4,rate=$rate"}
matrix: [{axis: rate, values: [100 Mb/s]}]
execution: {model: pure-faas}
profiles: {quick: {executions: 4}}
capture: {of: [host0], files: 2, size: 5 kB}
`
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	results, out := runPrograms(t, file, exitOK, "--reruns", "0")
	cell := results.Cells[0]
	for _, e := range cell.Executions {
		c := e.Captures[0]
		path := filepath.Join(out, cell.Cell.Files, c.File)
		info, err := os.Stat(path)
		if e.Index < 2 {
			if !os.IsNotExist(err) {
				t.Errorf("%s is still there: %v", c.File, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		got := readCapture(t, path)
		if c.LeftOut == 0 || got.frames != c.Frames-c.LeftOut || info.Size() > 5000 {
			t.Errorf("%s has %d frames in %d B, the record says %+v", c.File, got.frames, info.Size(), c)
		}
	}
}

// TestCaptureMistakes checks that a wrong capture is a mistake with its place.
func TestCaptureMistakes(t *testing.T) {
	for section, want := range map[string]string{
		"[s0-s9]":                  ":6:11: capture.of[0]: topology ring has no port and no host s0-s9; did you mean s0-s1",
		"{of: [host0], size: 1 B}": "size of 1 B is out of range",
		"{of: []}":                 "number of ports and hosts of 0",
		"{ports: [host0]}":         "unknown key \"ports\"",
	} {
		file := filepath.Join(t.TempDir(), "captured.yaml")
		text := "name: captured\ntopology: {preset: \"ring,rate=$rate\"}\nmatrix: [{axis: rate, values: [100 Mb/s]}]\n" +
			"execution: {model: pure-faas}\nprofiles: {quick: {executions: 1}}\ncapture: " + section + "\n"
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		flags := selectionFlags{profile: "quick"}
		if _, _, err := flags.prepare(file, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", section, err, want)
		}
	}
}

// TestCaptureUnderLoad checks that a cell under load has one file for each port, with what
// its port counted, and that what programs cannot do there is refused.
func TestCaptureUnderLoad(t *testing.T) {
	file := filepath.Join(t.TempDir(), "captured.yaml")
	const text = `
name: captured
topology: {preset: "ring,switches=4,rate=$rate"}
matrix: [{axis: rate, values: [100 Mb/s]}]
execution: {model: pure-faas}
profiles: {quick: {executions: 4}}
clients: {count: 2}
capture: [host0]
`
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	results, out := runPrograms(t, file, exitOK, "--reruns", "0")
	cell := results.Cells[0]
	if len(cell.End.Captures) != 1 || cell.End.Captures[0].File != "cell-s0-host0.pcapng" {
		t.Fatalf("captures %+v", cell.End.Captures)
	}
	c := cell.End.Captures[0]
	got := readCapture(t, filepath.Join(out, cell.Cell.Files, c.File))
	for _, p := range cell.End.Load.Traffic.Ports {
		if p.Name == c.Port && !cell.Disturbed() && (got.bytes != p.TxBytes+p.RxBytes || got.bytes != c.Bytes) {
			t.Errorf("the file has %d B, the record says %+v, the port counted %+v", got.bytes, c, p)
		}
	}

	flags := selectionFlags{profile: "quick"}
	_, _, err := flags.prepare(withPrograms(t, serverAndClient, "clients: {count: 2}\n"), nil)
	if err == nil || !strings.Contains(err.Error(), "the cell is under load; let it run as long as the cell") {
		t.Errorf("a program for each execution under load: %v", err)
	}
}
