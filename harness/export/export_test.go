package export

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"golang.org/x/perf/benchfmt"

	"edgebed/harness/record"
)

func results() *record.Results {
	r := &record.Results{Campaign: record.Campaign{Scenario: "exp400", Profile: "quick", Started: time.Unix(0, 0),
		Parameters: map[string]string{"link-delay": "1 ms"}, Axes: []record.Axis{{Name: "rate", Unit: "Mb/s"}, {Name: "model"}}}}
	for _, rate := range []float64{10, 1} {
		value := map[float64]string{1: "1 Mb/s", 10: "10 Mb/s"}[rate]
		c := record.CellResult{Cell: record.Cell{Point: []record.Coord{{Axis: "rate", Value: value, Number: rate}, {Axis: "model", Value: "state-prop"}}}}
		for i := range 2 {
			delay := int64(float64(1+2*i) * 1e9 / rate)
			c.Executions = append(c.Executions, record.Execution{OK: true, DelayNS: delay, CycleNS: delay, SwitchBytes: 1000, TrunkBytes: 700})
		}
		c.Executions = append(c.Executions, record.Execution{OK: true, WarmUp: true, DelayNS: 1}, record.Execution{DelayNS: 2})
		r.Cells = append(r.Cells, c)
	}
	return r
}

// TestBench reads the output with the reader that benchstat has.
func TestBench(t *testing.T) {
	var b bytes.Buffer
	if err := Bench(&b, results()); err != nil {
		t.Fatal(err)
	}
	reader := benchfmt.NewReader(&b, "bench")
	var names []string
	for reader.Scan() {
		switch r := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			t.Fatal(r)
		case *benchfmt.Result:
			names = append(names, string(r.Name))
			if got := r.GetConfig("scenario") + r.GetConfig("parameter-link-delay"); got != "exp4001 ms" {
				t.Errorf("configuration is %q", got)
			}
			if v, ok := r.Value("switch-B"); !ok || v != 1000 {
				t.Errorf("switch-B is %v, %v", v, ok)
			}
			if v, ok := r.Value("delay-sec"); !ok || v < 0.05 || v > 4 {
				t.Errorf("delay in seconds is %v, %v", v, ok)
			}
		}
	}
	if err := reader.Err(); err != nil {
		t.Fatal(err)
	}
	if len(names) != 4 || names[0] != "Exp400/rate=10Mbps/model=state-prop" || names[0] != names[1] {
		t.Errorf("benchmarks are %q", names)
	}
}

// TestBenchOfStrangers checks that no word of records makes lines or commands a terminal.
func TestBenchOfStrangers(t *testing.T) {
	r := results()
	evil := "a\nBenchmarkX 1 0 delay-ns\x1b]0;x\a/\u202e"
	r.Campaign.Machine.Kernel, r.Campaign.Tool.Version, r.Campaign.Profile = evil, evil, evil
	r.Campaign.Parameters = map[string]string{evil: evil}
	var plain, b bytes.Buffer
	if err := Bench(&plain, r); err != nil {
		t.Fatal(err)
	}
	for i := range r.Cells {
		for k := range r.Cells[i].Cell.Point {
			r.Cells[i].Cell.Point[k].Axis, r.Cells[i].Cell.Point[k].Value = evil, evil
		}
	}
	if err := Bench(&b, r); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Count(b.String(), "\n"), strings.Count(plain.String(), "\n"); got != want {
		t.Errorf("%d lines instead of %d:\n%s", got, want, &b)
	}
	if strings.ContainsAny(b.String(), "\x1b\a\u202e") {
		t.Errorf("the terminal is commanded:\n%q", b.String())
	}
}
