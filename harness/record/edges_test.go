package record

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestSamplesCSV: of each sample there is a row for each port and each computer that has it,
// and cells without samples have none.
func TestSamplesCSV(t *testing.T) {
	r := loadedCell()
	if r.HasSamples() {
		t.Error("a cell under load that has no samples has some")
	}
	r.Cells = append(r.Cells, r.Cells[0], CellResult{Cell: sampleCell("state-local")})
	if r.HasSamples() {
		t.Error("cells without samples have some")
	}
	r.Cells[1].End = &CellEnd{OK: true, Load: &Load{Samples: &Samples{
		AtNS: []int64{0, 500_000_000},
		Ports: []PortSamples{
			{Name: "s0-s1", SentBytes: []int64{10, 20}, QueuedBytes: []int64{1, 2}},
			{Name: "s1-s0", SentBytes: []int64{30, 40}, QueuedBytes: []int64{3}}, // cut short
		},
		Computers: []ComputerSamples{
			{Host: "host1", Running: []int{4, 5}, Waiting: []int{6, 7}}, {Host: "host2", Running: []int{8}, Waiting: []int{9, 9}},
		},
	}}}
	if !r.HasSamples() {
		t.Error("a cell with samples has none")
	}

	var b bytes.Buffer
	if err := SamplesCSV(&b, r); err != nil {
		t.Fatal(err)
	}
	want := `rate [Mb/s],model,seed,time_s,port,sent_bytes,queued_bytes,computer,running,waiting
1,pure-faas,1,0.000000000,s0-s1,10,1,,,
1,pure-faas,1,0.000000000,s1-s0,30,3,,,
1,pure-faas,1,0.000000000,,,,host1,4,6
1,pure-faas,1,0.000000000,,,,host2,8,9
1,pure-faas,1,0.500000000,s0-s1,20,2,,,
1,pure-faas,1,0.500000000,,,,host1,5,7
`
	if b.String() != want {
		t.Errorf("the samples are\n%s\nwant\n%s", b.String(), want)
	}
}

// TestPortsOfTwo: each port has its row.
func TestPortsOfTwo(t *testing.T) {
	r := loadedCell()
	r.Cells[0].End.Load.Traffic.Ports = []Port{{Name: "a", TxBytes: 1}, {Name: "b", TxBytes: 2}}
	var b bytes.Buffer
	if err := PortsCSV(&b, r); err != nil || !strings.HasSuffix(b.String(), ",a,1,0,0,0\n1,pure-faas,1,,,b,2,0,0,0\n") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

// TestExaminationInWords counts what is left, executions without warm-ups.
func TestExaminationInWords(t *testing.T) {
	for text, want := range map[string]string{
		strings.Join(twoCells, "\n") + "\n":      "s, profile : 2 of 2 cells complete, 4 of 4 executions; 0 of 10 lines damaged",
		strings.Join(twoCells[:4], "\n") + "\n":  "s, profile : 0 of 2 cells complete, 1 of 4 executions; 0 of 4 lines damaged",
		strings.Join(twoCells[1:3], "\n") + "\n": "2 lines, and no campaign",
	} {
		x, err := Examine(folder(t, text))
		if err != nil || x.String() != want {
			t.Errorf("%q, %v; want %q", x, err, want)
		}
	}
}

// TestAlteredCampaign: the line of the first campaign is kept though it was changed, since all
// else hangs on it; that of a resumed run is not, nor is any other line before a campaign.
func TestAlteredCampaign(t *testing.T) {
	campaign := string(seal([]byte(twoCells[0])))
	cell := string(seal([]byte(twoCells[1])))
	other := strings.Replace(campaign, `"executions":4`, `"executions":5`, 1)
	for name, tc := range map[string]struct {
		lines []string
		want  []int
	}{
		"sound":             {[]string{campaign, cell, campaign}, nil},
		"the first":         {[]string{other, cell}, nil},
		"of a resumed run":  {[]string{campaign, cell, other}, []int{3}},
		"a cell before all": {[]string{strings.Replace(cell, `"executions":2`, `"executions":3`, 1), campaign}, []int{1}},
	} {
		x, err := Examine(folder(t, strings.Join(tc.lines, "\n")+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, d := range x.Damage {
			if got = append(got, d.Line); d.Why != changed {
				t.Errorf("%s: line %d: %s", name, d.Line, d.Why)
			}
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: damaged lines %v, want %v", name, got, tc.want)
		}
	}
}

// TestRepairedTwice: each repair keeps what was there before it, under a number of its own.
func TestRepairedTwice(t *testing.T) {
	dir := folder(t, strings.Join(twoCells, "\n")+"\n")
	for n := 1; n <= 3; n++ {
		file, err := os.OpenFile(filepath.Join(dir, FileName), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = file.WriteString("{}\n")
		if err := errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
		if kept, err := Repair(dir); err != nil || filepath.Base(kept) != fmt.Sprintf("records.damaged-%d.jsonl", n) {
			t.Errorf("repair %d kept %s, %v", n, kept, err)
		}
	}
}

// TestCounted: statistics are made of executions that are no warm-ups and did not fail.
func TestCounted(t *testing.T) {
	c := CellResult{Executions: []Execution{
		{Index: 0, OK: true}, {Index: 1}, {Index: 2, OK: true, WarmUp: true}, {Index: 3, WarmUp: true}, {Index: 4, OK: true},
	}}
	if got := c.Counted(); len(got) != 2 || got[0].Index != 0 || got[1].Index != 4 {
		t.Errorf("counted %+v, want executions 0 and 4", got)
	}
}

// TestStoppedOrNot: an attempt without executions can be gone on with as one that never began.
func TestStoppedOrNot(t *testing.T) {
	for name, tc := range map[string]struct {
		c    CellResult
		want int
	}{
		"no execution": {CellResult{}, 0},
		"two":          {CellResult{Executions: []Execution{{Index: -1, WarmUp: true}, {Index: 0}, {Index: 1}}}, 2},
		"a gap":        {CellResult{Executions: []Execution{{Index: 0}, {Index: 2}}}, 0},
		"disturbed":    {CellResult{Executions: []Execution{{Index: 0, Findings: []Finding{{}}}}}, 0},
		"at its end":   {CellResult{Executions: []Execution{{Index: 0}}, End: &CellEnd{}}, 0},
	} {
		if got := tc.c.Stopped(); got != tc.want {
			t.Errorf("%s: stopped after %d, want %d", name, got, tc.want)
		}
	}
}

// TestWhoCanSave: fsck is named where a campaign was read, since without one it saves nothing.
func TestWhoCanSave(t *testing.T) {
	for text, want := range map[string]bool{
		twoCells[0] + "\nnonsense\n": true, "nonsense\n" + twoCells[0] + "\n": false,
	} {
		_, err := ReadFrom("r", strings.NewReader(text))
		if err == nil || strings.Contains(err.Error(), "edgebed fsck") != want {
			t.Errorf("%q: %v; want that fsck is named: %v", text, err, want)
		}
	}
}

// TestJoinedPaths: a packed record has the last elements of absolute paths, also behind a
// flag, and other paths as they are.
func TestJoinedPaths(t *testing.T) {
	line := `{"type":"campaign","command":["--out=/home/a/b","--set=x=y/z","--in=results/s","a/b"]}`
	got, err := dropPaths([]byte(line))
	if want := `{"type":"campaign","command":["--out=b","--set=x=y/z","--in=results/s","a/b"]}`; err != nil || string(got) != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}

// TestDirtyWithoutCommit: a tree that was changed has no name where the commit is not known.
func TestDirtyWithoutCommit(t *testing.T) {
	info := &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.modified", Value: "true"}}}
	if got := toolInfo(info, "", ""); got.Commit != unknown {
		t.Errorf("the commit is %q, want %q", got.Commit, unknown)
	}
}

// TestSumsInWords: up to five lines are named, of more how many there are; and what is only a
// sum says nothing that it could be the sum of.
func TestSumsInWords(t *testing.T) {
	for n, want := range map[int]string{1: "(1)", 5: "(1, 2, 3, 4, 5)", 6: "(1, 2, 3, 4, 5, and 1 more)", 8: "(1, 2, 3, 4, 5, and 3 more)"} {
		var lines []int
		for i := range n {
			lines = append(lines, i+1)
		}
		if got := alteredWarning("r", lines); !strings.Contains(got, want) {
			t.Errorf("%d lines: %s, want %s", n, got, want)
		}
	}
	if new(sums).altered([]byte(`,"sum":"00000000"}`)) {
		t.Error("a sum alone passes for a line that was altered")
	}
}

// TestNoLocks: a file system that says in either way that it has no locks is used without.
func TestNoLocks(t *testing.T) {
	for err, want := range map[error]bool{
		errors.ErrUnsupported: true, syscall.ENOTSUP: true, syscall.ENOLCK: true, syscall.EWOULDBLOCK: false, ErrBusy: false,
	} {
		if got := noLocks(fmt.Errorf("lock: %w", err)); got != want {
			t.Errorf("%v means that there are no locks: %v", err, got)
		}
	}
	if noLocks(nil) {
		t.Error("a lock that was taken means that there are none")
	}
}

// TestNegative: no duration or count of an execution can be less than 0, and each may be 0.
func TestNegative(t *testing.T) {
	const before = `{"type":"campaign","version":3,"scenario":"s"}` + "\n" + `{"type":"cell","id":"c"}` + "\n"
	for _, name := range []string{
		"delay_ns", "cycle_ns", "switch_bytes", "switch_packets", "trunk_bytes", "trunk_packets", "drops",
		"retransmissions", "active_opens", "waited_ns",
	} {
		for value, refused := range map[string]bool{"-1": true, "0": false, "1": false} {
			member := fmt.Sprintf("%q:%s", name, value)
			if name == "waited_ns" {
				member = `"arrival":{` + member + "}"
			}
			_, err := ReadFrom("f", strings.NewReader(before+`{"type":"execution","cell":"c","index":0,`+member+"}\n"))
			want := fmt.Sprintf(`execution 0 of cell "c": %s is %s, and cannot be less than 0`, name, value)
			if refused != (err != nil) || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", member, err)
			}
		}
	}
}
