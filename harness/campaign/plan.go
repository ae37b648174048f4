package campaign

import (
	"fmt"
	"io"
	"math"
	"time"

	"edgebed/harness/job"
	"edgebed/harness/machine"
)

// Plan is what a campaign would do, worked out beforehand.
type Plan struct {
	Scenario string        `json:"scenario"`
	Profile  string        `json:"profile"`
	Cells    []PlannedCell `json:"cells"`
	// TotalNS is the time of the cells one after another, SideBySideNS of as many at
	// once as the Cores are expected to keep up with.
	TotalNS      time.Duration `json:"total_ns"`
	SideBySideNS time.Duration `json:"side_by_side_ns"`
	Cores        float64       `json:"cores"`
	// TrafficBytes is what switches send, every frame once for each switch.
	TrafficBytes int64 `json:"traffic_bytes"`
	// MemoryBytes is about what the cells that run at once take.
	MemoryBytes int64 `json:"memory_bytes"`
	// Lacks says what this machine lacks to run it; empty where nothing is known to.
	Lacks string `json:"lacks,omitempty"`
}

// PlannedCell is a cell of a plan.
type PlannedCell struct {
	Cell         string        `json:"cell"`
	Executions   int           `json:"executions"`
	ExpectedNS   time.Duration `json:"expected_ns"`
	TrafficBytes int64         `json:"traffic_bytes"`
	MemoryBytes  int64         `json:"memory_bytes"`
}

// Estimate returns the plan of a campaign of the jobs.
func Estimate(jobs []job.Job, o Options) Plan {
	cores, _ := machine.Cores()
	o.Cores = cores
	p := Plan{Cores: cores, SideBySideNS: Expected(jobs, o)}
	var largest int64
	for i := range jobs {
		j := &jobs[i]
		c := PlannedCell{
			Cell: j.Cell.ID, Executions: j.Left(), ExpectedNS: o.Expected(j),
			TrafficBytes: int64(j.Traffic()), MemoryBytes: int64(j.Memory()),
		}
		p.Cells = append(p.Cells, c)
		p.TotalNS += c.ExpectedNS
		p.TrafficBytes += c.TrafficBytes
		largest = max(largest, c.MemoryBytes)
	}

	atOnce := 1.0
	if p.SideBySideNS > 0 {
		atOnce = math.Ceil(p.TotalNS.Seconds() / p.SideBySideNS.Seconds())
	}
	p.MemoryBytes = largest * int64(atOnce)
	return p
}

// Write writes the plan for people.
func (p Plan) Write(w io.Writer) error {
	for _, c := range p.Cells {
		if _, err := fmt.Fprintf(w, "%-80s %4d executions %8.1f s %10.2f MB\n",
			c.Cell, c.Executions, c.ExpectedNS.Seconds(), float64(c.TrafficBytes)/1e6); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%d cells of %s, profile %s, %.1f MB sent by switches; "+
		"%v one after another, about %v side by side on %g cores\n",
		len(p.Cells), p.Scenario, p.Profile, float64(p.TrafficBytes)/1e6, p.TotalNS.Round(time.Second),
		p.SideBySideNS.Round(time.Second), p.Cores)
	return err
}
