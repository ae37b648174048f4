package workflow

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"edgebed/nodes/units"
)

// ring returns the number of links between two of six hosts on a ring, named
// 10.1.0.1 to 10.1.0.6.
func ring(a, b string) int {
	d := (int(a[len(a)-1]) - int(b[len(b)-1]) + 6) % 6
	return min(d, 6-d)
}

// byName places functions that are named by their host.
func byName(w *Workflow) Placement {
	return Placement{Client: "10.1.0.1", Host: func(i int) string { return AliasOf(w.Functions[i]) }}
}

// TestPrototype compares predictions with what was measured on the authors'
// prototype: each model and rate started with cold daemons and then ran all
// workloads in order.
func TestPrototype(t *testing.T) {
	data, err := os.ReadFile("testdata/prototype/prototype-400-f6s3.json")
	if err != nil {
		t.Fatal(err)
	}
	var runs []struct {
		Model       string  `json:"model"`
		InputSize   int64   `json:"inputsize"`
		Rate        float64 `json:"bw_mbps"`
		Run         int     `json:"run"`
		Workload    string  `json:"workload"`
		Bytes       float64 `json:"interswitch_bytes"`
		ActiveOpens int     `json:"tcp_active_opens"`
	}
	if err := json.Unmarshal(data, &runs); err != nil {
		t.Fatal(err)
	}
	if len(runs) != 138 {
		t.Fatalf("%d runs, want 138", len(runs))
	}
	models := map[string]Model{"embedded": PureFaaS, "hopbyhop": StateProp, "remotestate": StateLocal}
	type group struct {
		model Model
		rate  float64
	}
	type sums struct {
		measured, predicted, worst float64
		n                          int
	}
	groups := map[group]*sums{}
	var conns *Connections
	for _, run := range runs {
		text, err := os.ReadFile(filepath.Join("testdata/prototype", run.Workload))
		if err != nil {
			t.Fatal(err)
		}
		w, err := ParseJSON(run.Workload, text)
		if err != nil {
			t.Fatal(err)
		}
		if run.Run == 0 {
			conns = &Connections{}
		}
		p, err := Predict(w, Run{models[run.Model], Carry, units.Size(run.InputSize)}, byName(w), conns)
		if err != nil {
			t.Fatal(err)
		}
		if p.ActiveOpens != run.ActiveOpens {
			t.Errorf("%s at %g Mb/s, run %d: predicted %d connections, measured %d", run.Model, run.Rate, run.Run, p.ActiveOpens, run.ActiveOpens)
		}
		g := group{models[run.Model], run.Rate}
		if groups[g] == nil {
			groups[g] = &sums{}
		}
		predicted := float64(p.WireBytes(ring))
		s := groups[g]
		s.n++
		s.measured += run.Bytes
		s.predicted += predicted
		s.worst = max(s.worst, math.Abs(predicted/run.Bytes-1))
	}
	if len(groups) != 9 {
		t.Errorf("%d combinations of model and rate, want 9", len(groups))
	}
	for g, s := range groups {
		residual := s.predicted/s.measured - 1
		// At 1 Mb/s the prototype's tail-loss probes send segments again that are
		// still in the shaper's queue, which the prediction leaves out.
		limit := 0.01
		if g.rate == 1 {
			limit = 0.03
		}
		if math.Abs(residual) > limit {
			t.Errorf("%s at %g Mb/s: the predicted mean is off by %+.2f %%, more than %g %%", g.model, g.rate, 100*residual, 100*limit)
		}
		t.Logf("%-11s %3g Mb/s: %2d runs, residual of the mean %+.2f %%, largest of a run %.2f %%", g.model, g.rate, s.n, 100*residual, 100*s.worst)
	}
}
