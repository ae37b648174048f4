package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"edgebed/harness/record"
	"edgebed/harness/report/reporttest"
)

// underLoad makes cells under load of made-up ones: an execution is due each second, and
// a link is cut from 1.5 s on, in every other cell for a second.
func underLoad() *record.Results {
	r := reporttest.Synthesize(reporttest.Small())
	r.Campaign.Figures = []record.Figure{{
		Name: "over-time", Title: "Over time", Kind: record.KindTimeline, Metric: record.Delay, Series: "model", Panels: []string{"rate"},
	}}
	for i := range r.Cells {
		c := &r.Cells[i]
		began := c.Cell.Started
		l := &record.Load{Clients: 3, Started: began, Began: began, Ended: began.Add(4 * time.Second), MostConcurrent: 2}
		for k := range c.Executions {
			e := &c.Executions[k]
			*e = record.Execution{
				Cell: e.Cell, Index: e.Index, WarmUp: e.WarmUp, Workload: e.Workload, DelayNS: e.DelayNS, OK: e.OK, Reason: e.Reason,
				Arrival: &record.Arrival{Client: "host0/1", Due: began.Add(time.Duration(k) * time.Second)},
			}
			if !e.WarmUp {
				l.Executions++
			}
			if !e.OK {
				l.Failures = map[string]int{"callback": 1}
			}
		}
		l.Traffic = record.Traffic{Executions: len(c.Executions), ElapsedNS: 5e9, SwitchBytes: 500_000}
		c.End.Load = l
		c.End.Events = []record.Event{{At: began.Add(1500 * time.Millisecond), What: "link s0-s1 is down"}}
		if i%2 == 0 {
			c.End.Events = append(c.End.Events, record.Event{At: began.Add(2500 * time.Millisecond), What: "link s0-s1 is as before", Over: true})
		}
	}
	return r
}

// TestUnderLoad checks what reports say of cells under load: a timeline with its events,
// a table of what executions have in common, and bytes of cells alone.
func TestUnderLoad(t *testing.T) {
	r, dir := underLoad(), t.TempDir()
	if _, _, err := Write(dir, r); err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}

	failed := 0
	for _, c := range r.Cells {
		for _, e := range c.Executions {
			if !e.OK {
				failed++
			}
		}
	}
	stems, err := filepath.Glob(filepath.Join(dir, "over-time*.svg"))
	if err != nil || len(stems) == 0 {
		t.Fatalf("no timeline was drawn: %v", err)
	}
	for name, wants := range map[string][]string{
		filepath.Base(stems[0]): {"Time since the load began (s)", "Delay (s)", "Grey:"},
		"report.html":           {`class="band"`, "link s0-s1 is down", "Under load", "due at 1.000 s", "1 callback"},
		"report.md":             {"## Under load", "## Events", "1.5s | link s0-s1 is down", "1 callback"},
		"executions.csv":        {",client,client_group,due,waited_s\n", ",host0/1,", "_s,cycle_s,"},
		"ports.csv":             {"seed,index,warm_up,port"},
	} {
		for _, want := range wants {
			if !strings.Contains(read(name), want) {
				t.Errorf("%s does not have %q", name, want)
			}
		}
	}
	if crosses := strings.Count(read("report.html"), "l7 7m0 -7l-7 7"); crosses != failed || failed == 0 {
		t.Errorf("%d crosses for %d failed executions", crosses, failed)
	}
	for line := range strings.Lines(read("executions.csv")) {
		if strings.Contains(line, ",0,0,0,0,0,") {
			t.Fatalf("an execution under load has bytes: %s", line)
		}
	}
}
