package workflow

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"edgebed/nodes/units"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// apart places each function on a host of its own.
func apart(i int) string { return fmt.Sprint("host ", i) }

func predict(t interface{ Fatal(...any) }, w *Workflow, model Model, form Form, argument units.Size, place Placement) *Prediction {
	p, err := Predict(w, Run{model, form, argument}, place, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestWorkedExamples checks the chain and the diamond whose byte counts were
// worked out by hand from the prototype's rules and from the paper's Table 1.
func TestWorkedExamples(t *testing.T) {
	line := &Workflow{
		Functions:    []string{"f1", "f2", "f3"},
		Dependencies: map[string][]string{"s0": {"f1", "f3"}, "s1": {"f2"}},
		StateSizes:   map[string]units.Size{"s0": 10000, "s1": 20000},
	}
	diamond := &Workflow{
		Functions:    []string{"f0", "f1", "f2", "f3"},
		Successors:   [][]int{{1, 2}, {3}, {3}},
		Dependencies: map[string][]string{"s0": {"f0", "f3"}, "s1": {"f1"}},
		StateSizes:   map[string]units.Size{"s0": 10000, "s1": 20000},
	}
	for _, test := range []struct {
		name          string
		w             *Workflow
		model         Model
		form          Form
		moved, table1 units.Size
	}{
		{"chain", line, PureFaaS, Carry, 140000, 140000},
		{"chain", line, StateProp, Carry, 160000, 160000},
		{"chain", line, StateLocal, Carry, 80000, 80000},
		// Eq. (1) on the chain: 4 A + 3 s0 + 2 s1.
		{"chain", line, StateProp, Direct, 110000, 110000},
		{"chain", line, StateLocal, Direct, 80000, 110000},
		{"diamond", diamond, PureFaaS, Carry, 160000, 160000},
		{"diamond", diamond, StateProp, Carry, 240000, 130000},
		{"diamond", diamond, StateLocal, Carry, 100000, 130000},
		{"diamond", diamond, StateProp, Direct, 130000, 130000},
		{"diamond", diamond, StateLocal, Direct, 100000, 130000},
	} {
		p := predict(t, test.w, test.model, test.form, 10000, Placement{Client: "client", Host: apart})
		if got := p.Payload(); got != test.moved {
			t.Errorf("%s, %s, %s: %d bytes move, want %d", test.name, test.model, test.form, got, test.moved)
		}
		got, err := Table1(test.w, Run{test.model, test.form, 10000})
		if err != nil || got != test.table1 {
			t.Errorf("%s, %s, %s: Table 1 gives %d, %v; want %d", test.name, test.model, test.form, got, err, test.table1)
		}
	}
}

// TestTransfers checks who sends what to whom, with co-located functions.
func TestTransfers(t *testing.T) {
	w := &Workflow{
		Functions:    []string{"x", "y", "z"},
		Dependencies: map[string][]string{"s": {"x", "y", "z"}, "free": {}},
		StateSizes:   map[string]units.Size{"s": 5, "free": 1000},
	}
	place := Placement{Client: "c", Host: func(i int) string { return []string{"h", "h", "k"}[i] }}
	for _, test := range []struct {
		model   Model
		form    Form
		want    []Transfer
		rpcs    []Leg
		conns   []Leg
		fetches []Leg
		opens   int
	}{
		{PureFaaS, Carry,
			[]Transfer{
				{"c", "h", 105, Invocation, 0, ""}, {"h", "c", 105, Response, 0, ""},
				{"c", "h", 105, Invocation, 1, ""}, {"h", "c", 105, Response, 1, ""},
				{"c", "k", 105, Invocation, 2, ""}, {"k", "c", 105, Response, 2, ""},
			},
			[]Leg{{"c", "h"}, {"c", "h"}, {"c", "k"}}, nil, nil, 1},
		{StateProp, Carry,
			[]Transfer{
				{"c", "h", 105, Invocation, 0, ""}, {"h", "k", 105, Invocation, 2, ""}, {"k", "c", 105, Callback, 2, ""},
			},
			[]Leg{{"c", "h"}, {"h", "k"}, {"k", "c"}}, []Leg{{"k", "c"}}, nil, 2},
		{StateLocal, Carry,
			[]Transfer{
				{"c", "h", 100, Invocation, 0, ""}, {"h", "k", 100, Invocation, 2, ""}, {"k", "c", 100, Callback, 2, ""},
				{"c", "h", 5, StateMove, 0, "s"}, {"h", "k", 5, StateMove, 2, "s"},
			},
			[]Leg{{"c", "h"}, {"h", "k"}, {"k", "c"}}, []Leg{{"k", "c"}}, []Leg{{"h", "c"}, {"k", "h"}}, 5},
		{StateProp, Direct,
			[]Transfer{
				{"c", "h", 100, Invocation, 0, ""}, {"c", "h", 5, StateMove, 0, "s"},
				{"h", "k", 100, Invocation, 2, ""}, {"h", "k", 5, StateMove, 2, "s"},
				{"k", "c", 100, Callback, 2, ""}, {"k", "c", 5, StateMove, Client, "s"},
			},
			// The state goes along with the arguments; the router's table is at home.
			[]Leg{{"c", "h"}, {"h", "k"}, {"k", "c"}}, []Leg{{"c", "h"}, {"k", "c"}}, nil, 3},
	} {
		p := predict(t, w, test.model, test.form, 100, place)
		want := &Prediction{Transfers: test.want, RPCs: test.rpcs, NewConnections: test.conns, Fetches: test.fetches, ActiveOpens: test.opens}
		if diff := cmp.Diff(want, p); diff != "" {
			t.Errorf("%s, %s differs (-want +got):\n%s", test.model, test.form, diff)
		}
	}
}

// TestConnections checks that daemons open their connections once.
func TestConnections(t *testing.T) {
	w := chain("x", "y", "x")
	place := Placement{Client: "c", Host: func(i int) string { return w.Functions[i] }}
	var conns Connections
	for _, want := range []int{
		// Client to router and callback each time; the first time also c to x, x
		// to y, y to x, and both computers to their companions.
		7, 2, 2,
	} {
		p, err := Predict(w, Run{StateProp, Carry, 1}, place, &conns)
		if err != nil {
			t.Fatal(err)
		}
		if p.ActiveOpens != want {
			t.Errorf("%d connections are opened, want %d", p.ActiveOpens, want)
		}
	}
}

func TestPredictErrors(t *testing.T) {
	good := Placement{Client: "c", Host: apart}
	parallel := dag([][]int{{1, 2}, {3}, {3}}, "s:bc")
	for name, f := range map[string]func() (*Prediction, error){
		"no client, no hosts": func() (*Prediction, error) { return Predict(chain("a"), Run{PureFaaS, Carry, 1}, Placement{}, nil) },
		"no client": func() (*Prediction, error) {
			return Predict(chain("a"), Run{PureFaaS, Carry, 1}, Placement{Host: apart}, nil)
		},
		"no hosts": func() (*Prediction, error) {
			return Predict(chain("a"), Run{PureFaaS, Carry, 1}, Placement{Client: "c"}, nil)
		},
		"no host": func() (*Prediction, error) {
			return Predict(chain("a"), Run{PureFaaS, Carry, 1}, Placement{Client: "c", Host: func(int) string { return "" }}, nil)
		},
		"negative argument": func() (*Prediction, error) { return Predict(chain("a"), Run{PureFaaS, Carry, -1}, good, nil) },
		"unknown model":     func() (*Prediction, error) { return Predict(chain("a"), Run{"embedded", Carry, 1}, good, nil) },
		"unknown form":      func() (*Prediction, error) { return Predict(chain("a"), Run{PureFaaS, "", 1}, good, nil) },
		"invalid":           func() (*Prediction, error) { return Predict(chain(), Run{PureFaaS, Carry, 1}, good, nil) },
		"unordered":         func() (*Prediction, error) { return Predict(parallel, Run{StateLocal, Direct, 1}, good, nil) },
	} {
		if p, err := f(); err == nil {
			t.Errorf("%s: predicted %v, want an error", name, p)
		}
	}
	if _, err := Table1(parallel, Run{"embedded", Carry, 1}); err == nil {
		t.Error("Table 1 of an unknown model gives no error")
	}
	if _, err := Table1(parallel, Run{PureFaaS, "", 1}); err == nil {
		t.Error("Table 1 of an unknown form gives no error")
	}
}

// TestPayloadProperties compares predictions with the closed formulas that hold
// when all functions run on hosts of their own, and checks that sharing hosts
// never adds traffic.
func TestPayloadProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawRandom(t)
		a := units.Size(rapid.IntRange(0, 100000).Draw(t, "argument"))
		var degrees, used units.Size
		for _, state := range w.UsedStates() {
			degrees += units.Size(len(w.Users(state))) * w.StateSizes[state]
			used += w.StateSizes[state]
		}
		n, e := units.Size(w.Len()), units.Size(w.Edges())
		closed := map[Model]map[Form]units.Size{
			PureFaaS:   {Carry: 2*n*a + 2*degrees, Direct: 2*n*a + 2*degrees},
			StateProp:  {Carry: (e + 2) * (a + used), Direct: (e+2)*a + used + degrees},
			StateLocal: {Carry: (e+2)*a + degrees, Direct: (e+2)*a + degrees},
		}
		hosts := make([]string, w.Len())
		count := rapid.IntRange(1, 4).Draw(t, "hosts")
		for i := range hosts {
			hosts[i] = apart(rapid.IntRange(0, count-1).Draw(t, "host"))
		}
		for model, forms := range closed {
			for form, want := range forms {
				separate := predict(t, w, model, form, a, Placement{Client: "client", Host: apart})
				if got := separate.Payload(); got != want {
					t.Fatalf("%s, %s: %d bytes move, want %d", model, form, got, want)
				}
				table, err := Table1(w, Run{model, form, a})
				if err != nil {
					t.Fatal(err)
				}
				if form == Direct && want > table {
					t.Fatalf("%s: %d bytes move, more than Table 1's %d", model, want, table)
				}
				shared := predict(t, w, model, form, a, Placement{Client: "client", Host: func(i int) string { return hosts[i] }})
				if shared.Payload() > want {
					t.Fatalf("%s, %s: on shared hosts %d bytes move, more than %d", model, form, shared.Payload(), want)
				}
				for _, tr := range append(slices.Clone(shared.Transfers), separate.Transfers...) {
					if tr.From == tr.To {
						t.Fatalf("%s, %s: %v stays within a host", model, form, tr)
					}
				}
				alone := predict(t, w, model, form, a, Placement{Client: "h", Host: func(int) string { return "h" }})
				if len(alone.Transfers)+len(alone.RPCs)+len(alone.Fetches)+len(alone.NewConnections) > 0 {
					t.Fatalf("%s, %s: on one host %v crosses the network", model, form, alone)
				}
				one := func(a, b string) int { return 1 }
				if separate.Weighted(one) != want {
					t.Fatalf("%s, %s: one hop weighs %d, want %d", model, form, separate.Weighted(one), want)
				}
				if wire := separate.WireBytes(one); wire < want {
					t.Fatalf("%s, %s: %d bytes on the wire for %d of payload", model, form, wire, want)
				}
			}
		}
	})
}

// TestMonteCarlo compares mean payloads of the generated workloads with those
// of an independent Monte Carlo of the authors' generator scripts: kB per
// execution, between hosts and counted once per switch on the ring. Those of the
// text follow from its words alone: with S the sum of the states, pure-faas moves
// 2 L A + 2 (L/2) S, state-prop (A + S) (2 + 0.8 (L-1)), since neighbours share one
// of five hosts in a fifth of all cases, and state-local A (2 + 0.8 (L-1)) and each
// state once to its first user, in L of L+1 cases, and with 0.8 to each later one.
// Any two different hosts are 1.8 links apart on average.
func TestMonteCarlo(t *testing.T) {
	chains := func(v Variant, s, l int) Generator { return Chains{Variant: v, S: s, L: l, Functions: fiveHosts} }
	dags := DAGs{Variant: Artifact, Stages: 3, Branches: 5, Functions: fifty()}
	for _, test := range []struct {
		name     string
		g        Generator
		argument units.Size
		// between hosts and switch-counted, in the order of Models
		want [3][2]float64
		runs int
	}{
		{"400 S=3 L=6", chains(Artifact, 3, 6), 10 * units.KB, [3][2]float64{{586, 1643}, {539, 1507}, {239, 670}}, 12000},
		{"400 S=3 L=6", chains(Artifact, 3, 6), 100 * units.KB, [3][2]float64{{1125, 3149}, {861, 2413}, {563, 1576}}, 12000},
		{"400 S=6 L=3", chains(Artifact, 6, 3), 10 * units.KB, [3][2]float64{{536, 1499}, {359, 1005}, {212, 594}}, 12000},
		{"400 S=6 L=3", chains(Artifact, 6, 3), 100 * units.KB, [3][2]float64{{1615, 4524}, {900, 2519}, {753, 2107}}, 12000},
		{"401", dags, 10 * units.KB, [3][2]float64{{682, 1623}, {2391, 7004}, {356, 973}}, 4000},
		{"401", dags, 100 * units.KB, [3][2]float64{{4099, 10814}, {4915, 14400}, {2886, 8387}}, 4000},
		{"400 text S=3 L=6", chains(Text, 3, 6), 10 * units.KB, [3][2]float64{{480, 1344}, {420, 1176}, {214.3, 600}}, 12000},
		{"400 text S=6 L=3", chains(Text, 6, 3), 100 * units.KB, [3][2]float64{{1230, 3444}, {1116, 3125}, {643.5, 1802}}, 12000},
	} {
		t.Run(fmt.Sprintf("%s A=%v", test.name, test.argument), func(t *testing.T) {
			t.Parallel()
			var got [3][2]float64
			for k := range test.runs {
				w, err := test.g.Generate(1, k)
				if err != nil {
					t.Fatal(err)
				}
				place := byName(w)
				if _, ok := test.g.(DAGs); ok {
					// Ten functions on each host.
					place.Host = func(i int) string { return fiveHosts[slices.Index(dags.Functions, w.Functions[i])/10] }
				}
				for m, model := range Models {
					p := predict(t, w, model, Carry, test.argument, place)
					got[m][0] += float64(p.Payload())
					got[m][1] += float64(p.Weighted(func(a, b string) int { return ring(a, b) + 1 }))
				}
			}
			for m, model := range Models {
				for k, what := range []string{"between hosts", "switch-counted"} {
					mean := got[m][k] / float64(test.runs) / 1000
					off := mean/test.want[m][k] - 1
					t.Logf("%-11s %-14s %7.1f kB, expected %5.0f (%+.2f %%)", model, what, mean, test.want[m][k], 100*off)
					if math.Abs(off) > 0.015 {
						t.Errorf("%s %s: mean of %.1f kB is %+.2f %% off the expected %.0f kB", model, what, mean, 100*off, test.want[m][k])
					}
				}
			}
		})
	}
}
