package report

import (
	"fmt"
	"math/rand/v2"
	"time"

	"edgebed/harness/record"
)

// workload is the shape of a synthetic campaign.
type workload struct {
	variants, rates, models, sizes, arguments []string
	seeds, executions                         int
	// failEvery makes every so many executions fail; 0 for none.
	failEvery int
}

// fullWorkload has the matrix of the paper's chains (Sec. 6.2), twice.
func fullWorkload() workload {
	return workload{
		variants:  []string{"artifact", "text"},
		rates:     []string{"1", "2", "5", "10", "20", "50", "100"},
		models:    []string{"pure-faas", "state-prop", "state-local"},
		sizes:     []string{"s3-l6", "s6-l3"},
		arguments: []string{"10 kB", "100 kB"},
		seeds:     2, executions: 15, failEvery: 400,
	}
}

// synthesize makes up the records of a campaign: delays and bytes follow the
// paper's Table 1 with random state dependencies, so the figures look like the
// real ones.
func synthesize(w workload) *record.Results {
	labels := map[string]string{
		"pure-faas": "PureFaaS", "state-prop": "StateProp", "state-local": "StateLocal",
		"s3-l6": "S = 3, L = 6", "s6-l3": "S = 6, L = 3",
	}
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	r := &record.Results{Name: "synthetic", Runs: 1, Campaign: record.Campaign{
		Version: record.Version, Scenario: "exp400", Title: "Function chains", ScenarioSHA256: "5eed", Profile: "test",
		Started: start,
		Axes: []record.Axis{
			{Name: "variant", Label: "Variant", Values: w.variants},
			{Name: "size", Label: "Size", Values: w.sizes},
			{Name: "argument", Label: "A", Unit: "kB", Values: w.arguments},
			{Name: "rate", Label: "Link rate", Unit: "Mb/s"},
			{Name: "model", Label: "Execution model", Values: w.models},
		},
		Figures: []record.Figure{
			{Name: "fig17", Title: "Function chains: average end-to-end delay", Kind: record.KindLines, Metric: "delay",
				X: "rate", Series: "model", Panels: []string{"argument", "size"}, LogX: true, LogY: true},
			{Name: "fig18", Title: "Function chains: network traffic", Kind: record.KindBars, Metric: "traffic-rate",
				Series: "model", Panels: []string{"size", "argument"}, Where: map[string]string{"rate": "100 Mb/s"}},
		},
		Machine: record.Machine{Kernel: "Linux 6.1.0 x86_64", CPU: "Test CPU", Cores: 2, MemoryBytes: 8 << 30},
		Tool:    record.Tool{Version: "v0.1.0", Commit: "0123abc", Go: "go1.26"},
	}}
	for _, rate := range w.rates {
		r.Campaign.Axes[3].Values = append(r.Campaign.Axes[3].Values, rate+" Mb/s")
	}
	coord := func(axis, value string) record.Coord {
		var n float64
		fmt.Sscan(value, &n)
		return record.Coord{Axis: axis, Value: value, Label: labels[value], Number: n}
	}
	made := 0
	for _, variant := range w.variants {
		for _, size := range w.sizes {
			for _, argument := range w.arguments {
				for _, rate := range w.rates {
					for _, model := range w.models {
						for seed := range w.seeds {
							point := []record.Coord{coord("variant", variant), coord("size", size), coord("argument", argument),
								coord("rate", rate+" Mb/s"), coord("model", model)}
							id := fmt.Sprint(variant, size, argument, rate, model, seed)
							c := record.CellResult{Attempts: 1, End: &record.CellEnd{Cell: id, OK: true}, Cell: record.Cell{
								ID: id, Point: point, Seed: uint64(seed + 1), Executions: w.executions, Started: start,
								Settings: map[string]string{record.SettingDelayBackend: "delayline", record.SettingCongestionControl: "cubic"},
							}}
							for i := range w.executions + 1 {
								made++
								e := synthesizeExecution(variant, size, point[2].Number*1000, point[3].Number, model, uint64(seed), i-1)
								e.Cell = id
								if w.failEvery > 0 && made%w.failEvery == 0 && !e.WarmUp {
									e.OK, e.Reason, e.DelayNS = false, "no answer within 30 s", 0
								}
								c.Executions = append(c.Executions, e)
							}
							r.Cells = append(r.Cells, c)
							r.Campaign.Cells++
							r.Campaign.Executions += w.executions
						}
					}
				}
			}
		}
	}
	return r
}

// synthesizeExecution draws a chain with its dependencies, the same for every
// model and rate, and works out what the model sends.
func synthesizeExecution(variant, size string, argument, rate float64, model string, seed uint64, index int) record.Execution {
	states, functions := 3, 6
	if size == "s6-l3" {
		states, functions = 6, 3
	}
	if variant == "artifact" {
		states, functions = functions, states
	}
	rng := rand.New(rand.NewPCG(seed, uint64(index+1)))
	all, used := 0.0, 0.0
	for i := range states {
		bytes := float64(1+i) * 10_000
		all += bytes
		used += bytes * float64(rng.IntN(functions))
	}
	n := float64(functions)
	var payload, fixed float64
	switch model {
	case "pure-faas":
		payload, fixed = 2*n*argument+2*used, 0.012*n
	case "state-prop":
		payload, fixed = (n+1)*(argument+all), 0.011*n
	default:
		payload, fixed = (n+1)*argument+used, 0.011*n+0.006*float64(states)*n/2
	}
	noise := rand.New(rand.NewPCG(uint64(len(model))*1000+seed, uint64(index+1)*1000+uint64(rate)))
	delay := (fixed + payload*8*1.07/(rate*1e6)) * (1 + 0.02*noise.NormFloat64())
	return record.Execution{
		Index: index, WarmUp: index < 0, Workload: fmt.Sprintf("%s-%d-%d", size, seed, index), OK: true,
		DelayNS: int64(delay * 1e9), CycleNS: int64((delay + 0.1) * 1e9),
		SwitchBytes: int64(payload * 2.8 * 1.07), TrunkBytes: int64(payload * 1.8 * 1.07), Table1Bytes: int64(payload),
		Bound: &record.Bound{SerialisationNS: int64(payload * 8 / (rate * 1e6) * 1e9), PropagationNS: int64(n * 1e6), ComputingNS: int64(n * 1e7)},
		Ports: []record.Port{
			{Name: "s0-host0", TxBytes: int64(payload), RxBytes: int64(payload / 2)}, {Name: "s1-host1", TxBytes: int64(payload / 2), RxBytes: int64(payload)},
			{Name: "s0-s1", TxBytes: int64(payload)}, {Name: "s1-s0", TxBytes: int64(payload / 2)},
		},
	}
}
