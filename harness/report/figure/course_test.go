package figure

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"edgebed/harness/record"
	"edgebed/harness/report/reporttest"
)

// sampled makes cells with samples: each second port a sends 1 MB at first and then
// nothing, port b half of that throughout, and a computer has ever more calls waiting.
func sampled() *record.Results {
	r := reporttest.Synthesize(reporttest.Small())
	for i := range r.Cells {
		c := &r.Cells[i]
		s := &record.Samples{
			Ports: []record.PortSamples{{Name: "a"}, {Name: "b"}}, Computers: []record.ComputerSamples{{Host: "host1"}},
		}
		for k := range int64(10) {
			s.AtNS = append(s.AtNS, (k+1)*1e9)
			a, b, h := &s.Ports[0], &s.Ports[1], &s.Computers[0]
			a.SentBytes, b.SentBytes = append(a.SentBytes, 1_000_000*max(0, min(1, 5-k))), append(b.SentBytes, 500_000)
			a.QueuedBytes, b.QueuedBytes = append(a.QueuedBytes, 3000), append(b.QueuedBytes, 0)
			h.Running, h.Waiting = append(h.Running, 2), append(h.Waiting, int(k))
		}
		c.End.Load = &record.Load{Started: c.Cell.Started, Samples: s}
		c.End.Events = []record.Event{{At: c.Cell.Started.Add(2 * time.Second), What: "link a is down"}}
	}
	return r
}

// TestCourse checks what timelines of samples show, of which ports.
func TestCourse(t *testing.T) {
	r := sampled()
	f := record.Figure{Name: "f", Title: "T", Kind: record.KindTimeline, Metric: record.PortRate, Panels: []string{"model"},
		Where: map[string]string{"rate": "1 Mb/s", "argument": "10 kB"}}
	c := mustChart(t, r, f)
	if !slices.Equal(c.Series, []string{"a", "b"}) || len(c.Panels) != 2 || len(c.Xs) != 10 || c.YTitle != "Sent by ports (Mb/s)" {
		t.Fatalf("series %q, %d panels, %d positions, %q", c.Series, len(c.Panels), len(c.Xs), c.YTitle)
	}
	for k := range c.Xs {
		a, b := c.Panels[0].Points[0][k].Value, c.Panels[0].Points[1][k].Value
		if want := 8 * float64(max(0, min(1, 5-k))); math.Abs(a-want) > 1e-9 || math.Abs(b-4) > 1e-9 {
			t.Errorf("up to %v s ports send %v and %v Mb/s, want %v and 4", c.Xs[k], a, b, want)
		}
	}
	if len(c.Panels[0].Marks) != 1 || !strings.Contains(c.Caption, "Grey: from 2 s link a is down.") {
		t.Errorf("marks %v, caption %q", c.Panels[0].Marks, c.Caption)
	}
	if files, err := Render(r, f, t.TempDir()); err != nil || len(files) != 2 {
		t.Errorf("files %q, %v", files, err)
	}

	f.Metric = record.ComputerWaiting
	if c = mustChart(t, r, f); c.Series[0] != "host1" || c.Panels[0].Points[0][7].Value != 7 {
		t.Errorf("computer %q has %v calls waiting", c.Series, c.Panels[0].Points[0][7])
	}
	f.Metric, f.At = record.PortQueue, []string{"a"}
	if c = mustChart(t, r, f); !slices.Equal(c.Series, []string{"a"}) || c.Panels[0].Points[0][3].Value != 3 {
		t.Errorf("ports %q have %v kB waiting", c.Series, c.Panels[0].Points[0][3])
	}
	f.At = []string{"c"}
	if all, err := Charts(r, f); err == nil {
		t.Errorf("a port that nothing left makes %d charts", len(all))
	}
}
