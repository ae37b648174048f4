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

// TestCourseGaps checks that a course shows the most that was seen in each part of its
// time, keeps it up to the next sample, and has a hole where nobody looked for long.
func TestCourseGaps(t *testing.T) {
	c := course{at: []float64{1, 2, 2.5, 3, 4, 12, 13}, values: []float64{1, 7, 2, 3, 4, 5, 6}}
	for _, tc := range []struct {
		from, to, want float64
		ok             bool
	}{
		{0, 1, 1, true}, {1, 2.6, 7, true}, {3, 3.5, 3, true}, {4, 5, 4, true},
		{6.5, 7.5, 4, false}, {10, 11, 4, false}, {11, 12, 5, true}, {13, 14, 0, false},
	} {
		if got, ok := c.value(tc.from, tc.to); ok != tc.ok || ok && got != tc.want {
			t.Errorf("from %v to %v it shows %v, %v, want %v, %v", tc.from, tc.to, got, ok, tc.want, tc.ok)
		}
	}

	// Bytes that were counted over a long time are known to have come in it.
	c.sums = true
	if got, ok := c.value(6, 8); !ok || math.Abs(got-5.0/8) > 1e-9 {
		t.Errorf("between two counts the rate is %v, %v, want %v", got, ok, 5.0/8)
	}
}

// TestStairs checks that samples are drawn as level steps, and not joined across a gap.
func TestStairs(t *testing.T) {
	r := sampled()
	f := record.Figure{Name: "f", Title: "T", Kind: record.KindTimeline, Metric: record.ComputerWaiting,
		Where: map[string]string{"rate": "1 Mb/s", "argument": "10 kB", "model": "pure-faas"}}
	for i := range r.Cells {
		s := r.Cells[i].End.Load.Samples
		for k := 5; k < 10; k++ {
			s.AtNS[k] += 10e9
		}
	}
	c := mustChart(t, r, f)
	if c.Stair <= 0 || !strings.Contains(c.Caption, "Each step is the most seen in") {
		t.Errorf("steps of %v, caption %q", c.Stair, c.Caption)
	}
	holes := 0
	for k := range c.Xs {
		if c.Breaks(c.Panels[0], 0, k) {
			holes++
		}
	}
	if holes < 3 || holes > len(c.Xs)-5 {
		t.Errorf("%d of %d positions are holes, want those between 7.5 and 15 s", holes, len(c.Xs))
	}
}
