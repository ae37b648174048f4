package record

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// resumed reads the sample's campaign, gone on with by another run.
func resumed(t *testing.T, second Campaign) (*Results, error) {
	t.Helper()
	return resultsOf(t, func(w *Writer) error { return w.Campaign(second) })
}

// TestResumedCampaign says what differs from the first run, and refuses what must not.
func TestResumedCampaign(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Campaign)
		want   string // of the one warning
		mixed  bool
	}{
		"the same":        {func(*Campaign) {}, "", false},
		"another title":   {func(c *Campaign) { c.Title = "New" }, "", false},
		"another machine": {func(c *Campaign) { c.Machine.Cores = 9 }, "resumed on another machine: Linux 6.1, Test CPU, 9 cores instead of", true},
		"another build":   {func(c *Campaign) { c.Tool.Commit = "def" }, "resumed with another build: v0.1.0 (def) instead of v0.1.0 (abc)", true},
		"another network": {func(c *Campaign) { c.Network = Virtual }, "some cells were made on the emulated network, others on the virtual one", false},
	} {
		second := sampleCampaign()
		tc.change(&second)
		r, err := resumed(t, second)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		warned := strings.Join(r.Warnings, "\n")
		if !strings.HasPrefix(warned, tc.want) || (warned == "") != (tc.want == "") || len(r.Warnings) > 1 {
			t.Errorf("%s: warnings %q, want %q", name, r.Warnings, tc.want)
		}
		if r.Runs != 2 || r.Mixed != tc.mixed || r.Campaign.Title != second.Title {
			t.Errorf("%s: %d runs, mixed %v, title %q", name, r.Runs, r.Mixed, r.Campaign.Title)
		}
	}

	for name, change := range map[string]func(*Campaign){
		"file":     func(c *Campaign) { c.ScenarioSHA256 = "ff" },
		"scenario": func(c *Campaign) { c.Scenario = "other" },
		"profile":  func(c *Campaign) { c.Profile = "paper" },
	} {
		second := sampleCampaign()
		change(&second)
		if _, err := resumed(t, second); err == nil || !strings.Contains(err.Error(), "the file mixes two campaigns") {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

// TestCalibrationOfRuns: on one machine the fastest counts, on another none but the first.
func TestCalibrationOfRuns(t *testing.T) {
	for name, tc := range map[string]struct {
		first, second int64
		elsewhere     bool
		want          int64
	}{
		"faster later":       {100, 90, false, 90},
		"slower later":       {100, 110, false, 100},
		"none later":         {100, 0, false, 100},
		"none before":        {0, 110, false, 110},
		"faster elsewhere":   {100, 90, true, 100},
		"none, and none":     {0, 0, false, 0},
		"only the elsewhere": {0, 90, true, 0},
	} {
		p := newParser("x")
		first, second := sampleCampaign(), sampleCampaign()
		first.CalibrationNS, second.CalibrationNS = tc.first, tc.second
		if tc.elsewhere {
			second.Machine.CPU = "another"
		}
		if err := p.campaign(first); err != nil {
			t.Fatal(err)
		}
		if err := p.campaign(second); err != nil {
			t.Fatal(err)
		}
		if got := p.results.Campaign.CalibrationNS; got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
}

// TestVersions: only those that there have been are read.
func TestVersions(t *testing.T) {
	for version, want := range map[int]bool{0: false, 1: true, Version: true, Version + 1: false} {
		c := sampleCampaign()
		c.Version = version
		if err := newParser("x").campaign(c); (err == nil) != want {
			t.Errorf("version %d: %v", version, err)
		}
	}
}

// TestNegativeNumbers: no count and no time of an execution is below 0.
func TestNegativeNumbers(t *testing.T) {
	for field, change := range map[string]func(*Execution){
		"":                func(*Execution) {},
		"delay_ns":        func(e *Execution) { e.DelayNS = -1 },
		"cycle_ns":        func(e *Execution) { e.CycleNS = -1 },
		"switch_bytes":    func(e *Execution) { e.SwitchBytes = -1 },
		"switch_packets":  func(e *Execution) { e.SwitchPackets = -1 },
		"trunk_bytes":     func(e *Execution) { e.TrunkBytes = -1 },
		"trunk_packets":   func(e *Execution) { e.TrunkPackets = -1 },
		"drops":           func(e *Execution) { e.Drops = -1 },
		"retransmissions": func(e *Execution) { e.Retransmissions = -1 },
		"active_opens":    func(e *Execution) { e.ActiveOpens = -1 },
		"waited_ns":       func(e *Execution) { e.Arrival = &Arrival{WaitedNS: -1} },
	} {
		e := Execution{Arrival: &Arrival{}}
		change(&e)
		if name, value := e.negative(); name != field || name != "" && value != -1 {
			t.Errorf("%s is told of as %q, %d", field, name, value)
		}
	}
}

// TestFileNames: names of scenarios and figures leave no folder and trouble no file system.
func TestFileNames(t *testing.T) {
	long := strings.Repeat("a", 100)
	for name, want := range map[string]bool{
		"fig-17.a": true, "_x": true, long: true, "connect": true, "aux1": true,
		"": false, long + "a": false, ".hidden": false, "ends.": false, "a/b": false, "..": false, "CON": false, "lpt1.txt": false,
	} {
		if err := CheckFileName(name); (err == nil) != want {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestFindingInWords has the place only where there is one.
func TestFindingInWords(t *testing.T) {
	f := Finding{Check: "link-rate", Where: "s0-s1", Value: -5, Limit: -2, Unit: "% off"}
	if got := f.String(); got != "link-rate s0-s1: -5 % off (limit -2)" {
		t.Error(got)
	}
	f.Where = ""
	if got := f.String(); got != "link-rate: -5 % off (limit -2)" {
		t.Error(got)
	}
}

// TestNetworksOfResults lists each once: the campaign's, and those that cells name.
func TestNetworksOfResults(t *testing.T) {
	r := &Results{Cells: []CellResult{{}, {Cell: Cell{Settings: map[string]string{"network": "virtual"}}},
		{Cell: Cell{Settings: map[string]string{"network": "virtual"}}}, {Cell: Cell{Settings: map[string]string{"network": "emulated"}}}}}
	if got := r.Networks(); len(got) != 2 || got[0] != Emulated || got[1] != Virtual {
		t.Errorf("%q", got)
	}
}

// TestGoneWhileWriting: a record whose file was removed, replaced by another, or emptied, is
// not taken for written, nor is any after it.
func TestGoneWhileWriting(t *testing.T) {
	for name, test := range map[string]struct {
		harm func(file string) error
		want error
	}{
		"removed": {os.Remove, ErrGone},
		"replaced": {func(file string) error {
			return errors.Join(os.Remove(file), os.WriteFile(file, nil, 0o666))
		}, ErrGone},
		"emptied":   {func(file string) error { return os.Truncate(file, 0) }, ErrCut},
		"cut short": {func(file string) error { return os.Truncate(file, 100) }, ErrCut},
	} {
		dir := t.TempDir()
		w, err := Create(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Campaign(sampleCampaign()); err != nil {
			t.Fatal(err)
		}
		if err := test.harm(filepath.Join(dir, FileName)); err != nil {
			t.Fatal(err)
		}
		if err := w.Cell(sampleCell("pure-faas")); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		if err := w.Cell(sampleCell("state-local")); !errors.Is(err, test.want) {
			t.Errorf("%s, and a later record: %v, want %v", name, err, test.want)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestTornLineOfAnyLength: an unfinished last line is cut off, and no more, wherever its
// beginning lies in what is read at a time.
func TestTornLineOfAnyLength(t *testing.T) {
	for _, length := range []int{1, 4094, 4095, 4096, 4097, 8190, 8191, 8192, 10000} {
		dir := folder(t, campaignLine+"\n"+`{"type":"cell"}`+"\n"+"{"+strings.Repeat("x", length-1))
		w, err := OpenAppend(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, FileName))
		if err != nil || string(text) != campaignLine+"\n"+`{"type":"cell"}`+"\n" {
			t.Errorf("%d B torn: what is left has %d B (%v)", length, len(text), err)
		}
	}
}
