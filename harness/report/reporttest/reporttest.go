// Package reporttest makes up the records of campaigns, with which the report's
// packages are tested. Only tests use it.
package reporttest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"edgebed/harness/record"
)

// Workload is the shape of a synthetic campaign.
type Workload struct {
	Variants, Rates, Models, Sizes, Arguments []string
	Seeds, Executions                         int
	// FailEvery makes every so many executions fail; 0 for none.
	FailEvery int
}

// Full has the matrix of the paper's chains (Sec. 6.2), twice.
func Full() Workload {
	return Workload{
		Variants:  []string{"artifact", "text"},
		Rates:     []string{"1", "2", "5", "10", "20", "50", "100"},
		Models:    []string{"pure-faas", "state-prop", "state-local"},
		Sizes:     []string{"s3-l6", "s6-l3"},
		Arguments: []string{"10 kB", "100 kB"},
		Seeds:     2, Executions: 15, FailEvery: 400,
	}
}

// Small is the least that shows everything: two rates, two models.
func Small() Workload {
	w := Full()
	w.Variants, w.Sizes = w.Variants[:1], w.Sizes[:1]
	w.Rates, w.Models = []string{"1", "10"}, []string{"pure-faas", "state-local"}
	w.Executions, w.FailEvery = 4, 30
	return w
}

// Figures are figures of other shapes than the paper's, over Full.
func Figures() []record.Figure {
	one := func(more ...string) map[string]string {
		where := map[string]string{"variant": "text"}
		for i := 0; i < len(more); i += 2 {
			where[more[i]] = more[i+1]
		}
		return where
	}
	return []record.Figure{
		{Name: "single", Title: "One plot", Kind: record.KindLines, Metric: record.TrafficVolume, X: "rate",
			Series: "model", LogX: true,
			Where: one("size", "s3-l6", "argument", "10 kB")},
		{Name: "seven-panels", Title: strings.Repeat("A title that is too long for one line. ", 5),
			Kind: record.KindBars, Metric: record.Delay, X: "size", Series: "model", Panels: []string{"rate"},
			Where: one("argument", "10 kB")},
		{Name: "names-along-x", Title: "Names along x", Kind: record.KindLines, Metric: record.Delay, X: "model",
			Series: "rate",
			Panels: []string{"argument"}, LogX: true, LogY: true, Where: one("size", "s3-l6")},
		{Name: "one-group", Title: "One group", Kind: record.KindBars, Metric: record.TrunkVolume, Series: "rate",
			Where: one("size", "s3-l6", "argument", "10 kB", "model", "pure-faas")},
		{Name: "no-series", Title: "No series", Kind: record.KindLines, Metric: record.Retransmissions, X: "rate",
			Where: one("size", "s3-l6", "argument", "10 kB", "model", "pure-faas")},
	}
}

// Network is that of the made-up campaigns: two switches with a host each, and a link
// of the given rate in Mb/s between them.
func Network(rate float64) *record.Network {
	trunk := func(from, to string) record.NetworkPort {
		return record.NetworkPort{Name: from + "-" + to, Switch: from, Peer: to, Trunk: true,
			RateBPS: int64(rate * 1e6)}
	}
	return &record.Network{
		Topology: "two", Switches: []string{"s0", "s1"},
		Hosts: []record.Host{{Name: "host0", Address: "10.0.0.1", Switch: "s0"},
			{Name: "host1", Address: "10.0.0.2", Switch: "s1"}},
		Ports: []record.NetworkPort{
			{Name: "s0-host0", Switch: "s0", Peer: "host0"}, {Name: "s1-host1", Switch: "s1", Peer: "host1"},
			trunk("s0", "s1"), trunk("s1", "s0"),
		},
	}
}

// Synthesize makes up the records of a campaign: delays and bytes follow the
// paper's Table 1 with random state dependencies, so the figures look like the
// real ones.
func Synthesize(w Workload) *record.Results {
	labels := map[string]string{
		"pure-faas": "PureFaaS", "state-prop": "StateProp", "state-local": "StateLocal",
		"s3-l6": "S = 3, L = 6", "s6-l3": "S = 6, L = 3",
	}
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	r := &record.Results{Name: "synthetic", Runs: 1, Campaign: record.Campaign{
		Version: record.Version, Scenario: "exp400", Title: "Function chains", ScenarioSHA256: "5eed", Profile: "test",
		Started: start,
		Axes: []record.Axis{
			{Name: "variant", Label: "Variant", Values: w.Variants},
			{Name: "size", Label: "Size", Values: w.Sizes},
			{Name: "argument", Label: "A", Unit: "kB", Values: w.Arguments},
			{Name: "rate", Label: "Link rate", Unit: "Mb/s"},
			{Name: "model", Label: "Execution model", Values: w.Models},
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

	for _, rate := range w.Rates {
		r.Campaign.Axes[3].Values = append(r.Campaign.Axes[3].Values, rate+" Mb/s")
	}
	coord := func(axis, value string) record.Coord {
		var n float64
		fmt.Sscan(value, &n)
		return record.Coord{Axis: axis, Value: value, Label: labels[value], Number: n}
	}

	made := 0
	for _, variant := range w.Variants {
		for _, size := range w.Sizes {
			for _, argument := range w.Arguments {
				for _, rate := range w.Rates {
					for _, model := range w.Models {
						for seed := range w.Seeds {
							point := []record.Coord{coord("variant", variant), coord("size", size),
								coord("argument", argument),
								coord("rate", rate+" Mb/s"), coord("model", model)}
							id := fmt.Sprint(variant, size, argument, rate, model, seed)
							c := record.CellResult{Attempts: 1, End: &record.CellEnd{Cell: id, OK: true}}
							c.Cell = record.Cell{
								ID: id, Point: point, Network: Network(point[3].Number),
								Seed: uint64(seed + 1), Executions: w.Executions, Started: start,
								Settings: map[string]string{
									record.SettingDelayBackend:      "delayline",
									record.SettingCongestionControl: "cubic",
								},
							}
							at := spot{variant, size, model, point[2].Number * 1000, point[3].Number, uint64(seed)}
							for i := range w.Executions + 1 {
								made++
								e := at.execution(i - 1)
								e.Cell = id
								if w.FailEvery > 0 && made%w.FailEvery == 0 && !e.WarmUp {
									e.OK, e.Reason, e.DelayNS = false, "no answer within 30 s", 0
								}
								c.Executions = append(c.Executions, e)
							}
							r.Cells = append(r.Cells, c)
							r.Campaign.Cells++
							r.Campaign.Executions += w.Executions
						}
					}
				}
			}
		}
	}
	return r
}

// spot is what a made-up execution depends on: argument in bytes, rate in Mb/s.
type spot struct {
	variant, size, model string
	argument, rate       float64
	seed                 uint64
}

// execution draws a chain with its dependencies, the same for every model and
// rate, and works out what the model sends.
func (s spot) execution(index int) record.Execution {
	states, functions := 3, 6
	if s.size == "s6-l3" {
		states, functions = 6, 3
	}
	if s.variant == "artifact" {
		states, functions = functions, states
	}

	rng := rand.New(rand.NewPCG(s.seed, uint64(index+1)))
	all, used := 0.0, 0.0
	for i := range states {
		bytes := float64(1+i) * 10_000
		all += bytes
		used += bytes * float64(rng.IntN(functions))
	}
	n := float64(functions)
	var payload, fixed float64
	switch s.model {
	case "pure-faas":
		payload, fixed = 2*n*s.argument+2*used, 0.012*n
	case "state-prop":
		payload, fixed = (n+1)*(s.argument+all), 0.011*n
	default:
		payload, fixed = (n+1)*s.argument+used, 0.011*n+0.006*float64(states)*n/2
	}

	noise := rand.New(rand.NewPCG(uint64(len(s.model))*1000+s.seed, uint64(index+1)*1000+uint64(s.rate)))
	delay := (fixed + payload*8*1.07/(s.rate*1e6)) * (1 + 0.02*noise.NormFloat64())
	return record.Execution{
		Index: index, WarmUp: index < 0, Workload: fmt.Sprintf("%s-%d-%d", s.size, s.seed, index), OK: true,
		DelayNS: int64(delay * 1e9), CycleNS: int64((delay + 0.1) * 1e9),
		SwitchBytes: int64(payload * 2.8 * 1.07), TrunkBytes: int64(payload * 1.8 * 1.07), Table1Bytes: int64(payload),
		Bound: &record.Bound{SerialisationNS: int64(payload * 8 / (s.rate * 1e6) * 1e9), PropagationNS: int64(n * 1e6),
			ComputingNS: int64(n * 1e7)},
		Ports: []record.Port{
			{Name: "s0-host0", TxBytes: int64(payload), RxBytes: int64(payload / 2)},
			{Name: "s1-host1", TxBytes: int64(payload / 2), RxBytes: int64(payload)},
			{Name: "s0-s1", TxBytes: int64(payload)}, {Name: "s1-s0", TxBytes: int64(payload / 2)},
		},
	}
}
