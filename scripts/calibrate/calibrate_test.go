package main

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"edgebed/nodes/cost"
	"edgebed/nodes/yamlfile"
)

// reference returns the prototype's runs at 10 and 100 Mb/s, as the program reads
// them in the source tree.
func reference(t *testing.T) []observation {
	t.Helper()
	t.Chdir("../..")
	list, err := readReference()
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(list, func(o observation) bool { return o.Rate < fast })
}

// made returns observations whose differences are made of known costs, in ms, and
// noise.
func made(list []observation, costs counts, noise float64) []observation {
	rng := rand.New(rand.NewPCG(1, 2))
	made := slices.Clone(list)
	for i, o := range made {
		made[i].Ours = o.Theirs
		for t := range terms {
			made[i].Ours -= o.counts[t] * costs[t] / 1e3
		}
		made[i].Ours += noise / 1e3 * rng.NormFloat64()
		made[i].Repetitions = 1
	}
	return made
}

// TestChoose finds the costs that data were made with, and no others.
func TestChoose(t *testing.T) {
	list := reference(t)
	for name, tc := range map[string]struct {
		costs counts
		want  []int
	}{
		"both":        {counts{clientStart: 6, stateMove: 1.5}, []int{clientStart, stateMove}},
		"connections": {counts{connection: 2}, []int{connection}},
		"moves":       {counts{stateMove: 2}, []int{stateMove}},
		"start":       {counts{clientStart: 8}, []int{clientStart}},
	} {
		all, err := candidates(made(list, tc.costs, 2))
		if err != nil {
			t.Fatal(err)
		}
		r, err := choose(all)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(r.terms, tc.want) {
			t.Errorf("%s: chose terms %v, want %v", name, r.terms, tc.want)
		}
		for j, term := range r.terms {
			// Twice the interval: one in 20 would leave a single one.
			if off := math.Abs(1e3*r.coefficients[j] - tc.costs[term]); off > 2e3*r.half[j] {
				t.Errorf("%s: %s costs %.2f ms, want %.2f", name, termNames[term], 1e3*r.coefficients[j], tc.costs[term])
			}
		}
	}
	if _, err := regress(list, []int{clientStart, call}); err != errCollinear {
		t.Errorf("terms that are proportional to each other: error %v", err)
	}
	all, err := candidates(made(list, counts{clientStart: -5}, 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := choose(all); err == nil {
		t.Error("a cost is found where the prototype is faster")
	}
}

// TestCrossValidate: a workload's own delay has no part in what is predicted for
// it.
func TestCrossValidate(t *testing.T) {
	list := made(reference(t), counts{clientStart: 6, stateMove: 1.5}, 1)
	before, err := crossValidate(list, []int{clientStart, stateMove})
	if err != nil {
		t.Fatal(err)
	}
	held := list[0].Workload
	for i := range list {
		if list[i].Workload == held {
			list[i].Theirs += 1
		}
	}
	after, err := crossValidate(list, []int{clientStart, stateMove})
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range after {
		if same := math.Abs(o.Ours-before[i].Ours) < 1e-12; same != (o.Workload == held) {
			t.Errorf("%s at %g Mb/s: the prediction changed: %t", o.Workload, o.Rate, !same)
		}
	}
}

// TestConstants: what is written is what nodes/cost reads.
func TestConstants(t *testing.T) {
	list := made(reference(t), counts{clientStart: 6, stateMove: 1.5}, 0.1)
	r, err := regress(list, []int{clientStart, stateMove})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "fit.yaml")
	if err := writeConstants(file, "emulated", list, r, counts{}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	fits := map[string]cost.Fit{}
	if err := yamlfile.Decode(file, data, &fits); err != nil {
		t.Fatal(err)
	}
	m := fits["emulated"].Model
	if off := m.StateMove.Seconds()*1e3 - 1.5; m.Call != 0 || m.Connection != 0 || math.Abs(off) > 0.1 {
		t.Errorf("read %v, want moves of 1.5 ms and no calls or connections", m)
	}
	var b bytes.Buffer
	if err := writeFit(&b, list, []*regression{r}, r); err != nil || !strings.Contains(b.String(), "state-move") {
		t.Errorf("the table: %v\n%s", err, b.String())
	}
}
