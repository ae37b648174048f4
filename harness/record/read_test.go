package record

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"edgebed/nodes/fuzztest"
)

func TestReadZipped(t *testing.T) {
	plain, err := os.ReadFile(filepath.Join("testdata", FileName))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write(plain)
	z.Close()
	if err := os.WriteFile(filepath.Join(dir, FileName+".gz"), zipped.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	r, err := Read(dir)
	if err != nil || len(r.Cells) != 2 {
		t.Errorf("Read = %v, %v; want 2 cells", r, err)
	}
	if _, err := Create(dir); !errors.Is(err, ErrExists) {
		t.Errorf("Create over zipped records: %v, want ErrExists", err)
	}
}

// TestReadMarked: a byte-order mark, which some editors write, is not part of the records.
func TestReadMarked(t *testing.T) {
	plain, err := os.ReadFile(filepath.Join("testdata", FileName))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, FileName), append([]byte("\ufeff"), plain...), 0o666); err != nil {
		t.Fatal(err)
	}
	if r, err := Read(dir); err != nil || len(r.Cells) != 2 {
		t.Errorf("Read = %v, %v; want 2 cells", r, err)
	}

	if r, _ := repacked(t, dir, false); len(r.Cells) != 2 {
		t.Errorf("packed and read: %d cells, want 2", len(r.Cells))
	}
	if r, err := Merge(t.TempDir(), []string{dir}, MergeOptions{}); err != nil || len(r.Cells) != 2 || r.Campaign.Scenario == "" {
		t.Errorf("Merge = %v, %v; want 2 cells of a scenario", r, err)
	}
}

// TestTruncatedAnywhere cuts a file at each byte, as a kill during a write
// may: all records that are whole are read, and a resumed run goes on.
func TestTruncatedAnywhere(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", FileName))
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(text, []byte{'\n'})
	wholeIn := func(cut int) (records, executions int) {
		end := 0
		for _, line := range lines {
			// A record is whole once its closing brace is there.
			if end += len(line); len(line) == 0 || end-1 > cut {
				break
			}
			records++
			if bytes.HasPrefix(line, []byte(`{"type":"execution"`)) {
				executions++
			}
		}
		return records, executions
	}
	count := func(r *Results) (records, executions int) {
		records = 1
		for _, c := range r.Cells {
			records += 1 + len(c.Executions)
			executions += len(c.Executions)
			if c.End != nil {
				records++
			}
		}
		return records, executions
	}
	dir := t.TempDir()
	name := filepath.Join(dir, FileName)
	for cut := 0; cut <= len(text); cut++ {
		records, executions := wholeIn(cut)
		r, err := ReadFrom("sample", bytes.NewReader(text[:cut]))
		if records == 0 {
			if !errors.Is(err, ErrNoCampaign) {
				t.Fatalf("cut at %d: %v, want ErrNoCampaign", cut, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if gotRecords, gotExecutions := count(r); gotRecords != records || gotExecutions != executions {
			t.Fatalf("cut at %d: %d records with %d executions, want %d with %d", cut, gotRecords, gotExecutions, records, executions)
		}
		partial := text[cut-1] != '\n' && (cut == len(text) || text[cut] != '\n')
		if partial != (len(r.Warnings) == 1) {
			t.Fatalf("cut at %d: warnings %q", cut, r.Warnings)
		}
		if err := os.WriteFile(name, text[:cut], 0o666); err != nil {
			t.Fatal(err)
		}
		w, err := OpenAppend(dir)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if err := errors.Join(w.Cell(sampleCell("resumed")), w.file.Close()); err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		r, err = Read(dir)
		if err != nil {
			t.Fatalf("cut at %d and resumed: %v", cut, err)
		}
		if gotRecords, _ := count(r); gotRecords != records+1 || len(r.Warnings) > 0 {
			t.Fatalf("cut at %d and resumed: %d records, want %d; warnings %q", cut, gotRecords, records+1, r.Warnings)
		}
	}
}

// TestLongTail checks the search for the last newline over many chunks.
func TestLongTail(t *testing.T) {
	dir := t.TempDir()
	writeSample(t, dir)
	name := filepath.Join(dir, FileName)
	before, _ := os.ReadFile(name)
	tail := append(slices.Clone(before), []byte(`{"type":"execution","workload":"`+strings.Repeat("x", 20_000))...)
	if err := os.WriteFile(name, tail, 0o666); err != nil {
		t.Fatal(err)
	}
	w, err := OpenAppend(dir)
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	if after, _ := os.ReadFile(name); !bytes.Equal(before, after) {
		t.Errorf("%d bytes after mending, want the %d before the cut record", len(after), len(before))
	}
}

func TestReadErrors(t *testing.T) {
	const campaign = `{"type":"campaign","version":1,"scenario":"s"}` + "\n"
	const cell = `{"type":"cell","id":"c"}` + "\n"
	const execution = `{"type":"execution","cell":"c","index":0}` + "\n"
	const end = `{"type":"cell_end","cell":"c","ok":true}` + "\n"
	for name, tc := range map[string]struct{ text, want string }{
		"garbage":            {campaign + "garbage\n" + cell, "f:2: parse record"},
		"cut in the middle":  {campaign + `{"type":"cell","id` + "\n" + cell, "f:2: parse cell record"},
		"no type":            {campaign + "{}\n", `f:2: parse record: it has no "type"`},
		"unknown type":       {campaign + `{"type":"figure"}` + "\n", `f:2: unknown record type "figure"`},
		"not an object":      {campaign + "12\n", "f:2: parse record"},
		"last not an object": {campaign + "12", "f:2: parse record"},
		"no campaign":        {cell, "f:1: the first record must be a campaign"},
		"newer":              {`{"type":"campaign","version":4}`, "f:1: the records have version 4, this program reads up to 3"},
		"no version":         {`{"type":"campaign"}`, "f:1: the campaign record has version 0"},
		"wrong field":        {campaign + `{"type":"cell","id":7}` + "\n", "f:2: parse cell record"},
		"cell without id":    {campaign + `{"type":"cell"}` + "\n", "f:2: the cell record has no id"},
		"no such cell":       {campaign + execution, `f:2: execution of cell "c", which never started`},
		"after the end":      {campaign + cell + end + execution, `f:4: execution of cell "c", which had ended`},
		"two ends":           {campaign + cell + end + end, `f:4: end of cell "c", which had ended`},
		"end of no cell":     {campaign + `{"type":"cell_end"}`, "f:2: the cell_end record has no cell"},
		"twice":              {campaign + cell + execution + execution, `f:4: execution 0 of cell "c" appears twice`},
		"negative cells":     {`{"type":"campaign","version":2,"cells":-1}` + "\n", "has -1 cells"},
		"an axis twice":      {`{"type":"campaign","version":2,"axes":[{"name":"a"},{"name":"a"}]}` + "\n", `the axis "a" twice`},
		"negative delay":     {campaign + cell + `{"type":"execution","cell":"c","delay_ns":-5}`, `execution 0 of cell "c": delay_ns is -5`},
		"negative traffic":   {campaign + cell + `{"type":"execution","cell":"c","trunk_bytes":-1}`, "trunk_bytes is -1"},
		"empty":              {"", "no campaign record"},
	} {
		if r, err := ReadFrom("f", strings.NewReader(tc.text)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, %v; want an error with %q", name, r, err, tc.want)
		}
	}
	if _, err := Read(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Read of an empty folder: %v, want ErrNotExist", err)
	}
}

// TestForeignForm checks that spaces, blank lines, another order of fields and
// unknown fields are accepted, as other tools leave or add them.
func TestForeignForm(t *testing.T) {
	text := "\n" + `{ "version": 1, "type": "campaign", "colour": "red" }` + "\r\n" + `{"id":"c","type":"cell"}`
	r, err := ReadFrom("f", strings.NewReader(text))
	if err != nil || len(r.Cells) != 1 || len(r.Warnings) > 0 {
		t.Errorf("ReadFrom = %+v, %v; want one cell", r, err)
	}
}

// FuzzRead checks that no input makes the reader panic, and that what it reads
// is consistent.
func FuzzRead(f *testing.F) {
	text, err := os.ReadFile(filepath.Join("testdata", FileName))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(text[:len(text)-40])
	f.Add([]byte(`{"type":"campaign","version":1}` + "\n" + `{"type":"cell","id":"c"}` + "\n" + `{"type":"cell_end","cell":"c"}`))
	f.Add([]byte(`{"type":"campaign","version":9}`))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, text []byte) {
		fuzztest.Watch(t, time.Second)
		r, err := ReadFrom("fuzz", bytes.NewReader(text))
		if err != nil {
			return
		}
		if v := r.Campaign.Version; v < 1 || v > Version || r.Runs < 1 {
			t.Errorf("read version %d in %d runs", v, r.Runs)
		}
		seen := make(map[string]bool)
		for _, c := range r.Cells {
			if seen[c.Cell.ID] {
				t.Errorf("cell %q appears twice", c.Cell.ID)
			}
			seen[c.Cell.ID] = true
			for _, e := range c.Executions {
				if e.Cell != c.Cell.ID {
					t.Errorf("cell %q holds an execution of %q", c.Cell.ID, e.Cell)
				}
			}
		}
		var csv bytes.Buffer
		if err := errors.Join(ExecutionsCSV(&csv, r), PortsCSV(&csv, r)); err != nil {
			t.Errorf("write CSV: %v", err)
		}
	})
}

// TestLongestLine: a line may have 64 MiB with its end, and what is longer is passed over up to
// the next one.
func TestLongestLine(t *testing.T) {
	for _, tc := range []struct {
		size int // with the end
		long bool
	}{{longestLine, false}, {longestLine + 1, true}} {
		text := io.MultiReader(strings.NewReader("first\n"),
			bytes.NewReader(append(bytes.Repeat([]byte{'x'}, tc.size-1), '\n')), strings.NewReader("last\n"))
		var sizes, long []int
		err := scanOver(text, func(_ int, text []byte, _ bool) error {
			sizes = append(sizes, len(text))
			return nil
		}, func(number int) error {
			long = append(long, number)
			return nil
		})
		want := []int{5, tc.size - 1, 4}
		if tc.long {
			want = []int{5, 4}
		}
		if err != nil || !slices.Equal(sizes, want) || slices.Equal(long, []int{2}) != tc.long {
			t.Errorf("a line of %d: lines of %d, too long %v, %v", tc.size, sizes, long, err)
		}
	}
}
