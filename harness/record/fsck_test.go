package record

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// folder returns a result folder with the text as its record file.
func folder(t testing.TB, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, FileName), []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	return dir
}

// twoCells are the records of two complete cells of two executions, a line each.
var twoCells = []string{
	`{"type":"campaign","version":2,"scenario":"s","cells":2,"executions":4}`,
	`{"type":"cell","id":"a","executions":2}`,
	`{"type":"execution","cell":"a","index":-1,"warm_up":true}`,
	`{"type":"execution","cell":"a","index":0,"ok":true}`,
	`{"type":"cell","id":"b","executions":2}`,
	`{"type":"execution","cell":"b","index":0,"ok":true}`,
	`{"type":"execution","cell":"a","index":1,"ok":true}`,
	`{"type":"cell_end","cell":"a","ok":true}`,
	`{"type":"execution","cell":"b","index":1,"ok":true}`,
	`{"type":"cell_end","cell":"b","ok":true}`,
}

// TestFsck: what is wrong is found at its line, all else is kept, and what cannot be
// complete any more is not taken for complete.
func TestFsck(t *testing.T) {
	// with returns the records with some lines replaced, counted from 1.
	with := func(lines map[int]string) string {
		l := slices.Clone(twoCells)
		for n, text := range lines {
			l[n-1] = text
		}
		return strings.Join(l, "\n") + "\n"
	}
	sound, tooLong := with(nil), strings.Repeat("x", longestLine+1)
	for name, tc := range map[string]struct {
		text     string
		damage   []int
		why      string
		complete string
	}{
		"sound":                  {sound, nil, "", "ab"},
		"without the last end":   {strings.TrimSuffix(sound, "\n"), nil, "", "ab"},
		"blank lines":            {"\n" + strings.ReplaceAll(sound, "\n", "\r\n\r\n"), nil, "", "ab"},
		"cut":                    {sound[:len(sound)-5], []int{10}, "cut short", "a"},
		"garbage":                {with(map[int]string{3: "\x00\x00\x00"}), []int{3}, "parse record", "ab"},
		"an execution lost":      {with(map[int]string{4: `{"type":"execution","cell":"a","in`}), []int{4, 8}, "parse execution record", "b"},
		"a cell lost":            {with(map[int]string{2: "x"}), []int{2, 3, 4, 7, 8}, "parse record", "b"},
		"twice":                  {with(map[int]string{9: twoCells[5]}), []int{9, 10}, "appears twice", "a"},
		"after the end":          {sound + twoCells[6] + "\n", []int{11}, "which had ended", "ab"},
		"two ends":               {sound + twoCells[7] + "\n", []int{11}, "which had ended", "ab"},
		"another campaign":       {sound + strings.Replace(twoCells[0], `"s"`, `"other"`, 1), []int{11}, "mixes two campaigns", "ab"},
		"resumed":                {sound + twoCells[0], nil, "", "ab"},
		"goes on from nowhere":   {sound + `{"type":"cell","id":"a","first":1}` + "\n", []int{11}, "not where an attempt was stopped", "ab"},
		"a number that is a NaN": {with(map[int]string{6: `{"type":"execution","cell":"b","index":0,"delay_ns":NaN}`}), []int{6, 10}, "parse execution record", "a"},
		"too long":               {with(map[int]string{6: tooLong}), []int{6, 10}, "more than 64 MiB", "a"},
		"too long at the end":    {sound + tooLong, []int{11}, "more than 64 MiB", "ab"},
		"two in one line":        {with(map[int]string{9: twoCells[8] + twoCells[8]}), []int{9, 10}, "parse execution record", "a"},
	} {
		dir := folder(t, tc.text)
		x, err := Examine(dir)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var lines []int
		for _, d := range x.Damage {
			lines = append(lines, d.Line)
		}
		if !slices.Equal(lines, tc.damage) || len(lines) > 0 && !strings.Contains(x.Damage[0].Why, tc.why) {
			t.Errorf("%s: damage %v, want lines %v and %q", name, x.Damage, tc.damage, tc.why)
		}

		kept, err := Repair(dir)
		if err != nil || (kept == "") != (len(tc.damage) == 0) {
			t.Errorf("%s: Repair = %q, %v", name, kept, err)
		}
		if kept != "" {
			if old, err := os.ReadFile(kept); err != nil || string(old) != tc.text {
				t.Errorf("%s: the file as it was is not in %s: %v", name, kept, err)
			}
		}
		r, err := Read(dir)
		if err != nil {
			t.Errorf("%s: after the repair: %v", name, err)
			continue
		}
		complete := r.Complete()
		if got := map[bool]string{true: "a"}[complete["a"]] + map[bool]string{true: "b"}[complete["b"]]; got != tc.complete {
			t.Errorf("%s: cells %q are complete, want %q", name, got, tc.complete)
		}
	}
}

// TestFsckLost: without a campaign record nothing can be saved, and nothing is
// touched; nor is it while a campaign writes.
func TestFsckLost(t *testing.T) {
	text := "x\n" + strings.Join(twoCells[1:], "\n") + "\n"
	dir := folder(t, text)
	if x, err := Examine(dir); err != nil || x.Results != nil || len(x.Damage) != len(twoCells) {
		t.Errorf("Examine without a campaign = %+v, %v", x, err)
	}
	if _, err := Repair(dir); !errors.Is(err, ErrLost) {
		t.Errorf("Repair without a campaign: %v, want ErrLost", err)
	}
	if after, _ := os.ReadFile(filepath.Join(dir, FileName)); string(after) != text {
		t.Errorf("the file changed to\n%s", after)
	}

	packed := t.TempDir()
	if err := os.WriteFile(filepath.Join(packed, FileName+".gz"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Examine(packed); err == nil || !strings.Contains(err.Error(), "unpack it first") {
		t.Errorf("Examine of packed records: %v", err)
	}

	dir = folder(t, strings.Join(twoCells, "\n")+"\n")
	w, err := OpenAppend(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := Repair(dir); !errors.Is(err, ErrBusy) {
		t.Errorf("Repair while another writes: %v, want ErrBusy", err)
	}
}

// TestFsckAnything: whatever happens to a record file behind its first line, what
// Repair leaves can be read, is sound, and invents nothing: each of its lines was
// there, and a cell is complete only with all its executions.
func TestFsckAnything(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		lines := slices.Clone(twoCells)
		for range rapid.IntRange(1, 4).Draw(rt, "faults") {
			k := rapid.IntRange(1, len(lines)-1).Draw(rt, "line")
			switch rapid.IntRange(0, 5).Draw(rt, "fault") {
			case 0:
				lines = slices.Delete(lines, k, k+1)
			case 1:
				lines = slices.Insert(lines, k, lines[rapid.IntRange(0, len(lines)-1).Draw(rt, "copy")])
			case 2:
				lines[k] = lines[k][:rapid.IntRange(0, len(lines[k])).Draw(rt, "cut")]
			case 3:
				other := rapid.IntRange(1, len(lines)-1).Draw(rt, "other")
				lines[k], lines[other] = lines[other], lines[k]
			case 4:
				lines[k] = string(rapid.SliceOf(rapid.Byte()).Draw(rt, "bytes"))
			case 5:
				lines[k] = strings.Replace(lines[k], "0", rapid.SampledFrom([]string{"-7", "1e400", "9223372036854775807", `"0"`}).Draw(rt, "number"), 1)
			}
			if len(lines) < 2 {
				break
			}
		}
		text := strings.Join(lines, "\n")
		dir := folder(t, text)
		if _, err := Repair(dir); err != nil {
			rt.Fatal(err)
		}
		x, err := Examine(dir)
		if err != nil || len(x.Damage) > 0 {
			rt.Fatalf("after the repair: %+v, %v", x, err)
		}
		r, err := Read(dir)
		if err != nil {
			rt.Fatal(err)
		}
		for _, c := range r.Cells {
			made := 0
			for _, e := range c.Executions {
				if !e.WarmUp {
					made++
				}
			}
			if c.Complete() && made < c.Cell.Executions {
				rt.Errorf("cell %s is complete with %d of %d executions", c.Cell.ID, made, c.Cell.Executions)
			}
		}
		after, err := os.ReadFile(filepath.Join(dir, FileName))
		if err != nil {
			rt.Fatal(err)
		}
		for line := range bytes.Lines(after) {
			if !strings.Contains(text, string(bytes.TrimSpace(line))) {
				rt.Errorf("the line %s was not there", line)
			}
		}
	})
}
