package workflow

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"edgebed/nodes/units"
)

// Generator makes the workflows of an experiment.
type Generator interface {
	// Generate returns the workflow of one execution. It depends on the seed
	// and the execution's number alone: not on the machine, nor on what was
	// generated before. It fails where the generator's parameters are wrong.
	Generate(seed uint64, execution int) (*Workflow, error)
	// Names returns every function that a workflow may have, under its own name
	// or an Alias, so that all of them can be deployed.
	Names() []string
}

// stream returns the random numbers of one execution. PCG gives the same
// numbers on every machine; hashing keeps the streams of neighbouring seeds and
// executions apart.
func stream(purpose string, seed uint64, execution int) *rand.Rand {
	sum := sha256.Sum256(fmt.Appendf(nil, "edgebed workflow %s %d %d", purpose, seed, execution))
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])))
}

// statesOfTens gives state s0 10 kB, s1 20 kB, and so on (paper Sec. 6.2, with
// indices from 0).
func statesOfTens(n int) map[string]units.Size {
	sizes := make(map[string]units.Size, n)
	for j := range n {
		sizes[stateName(j)] = units.Size(1+j) * 10 * units.KB
	}
	return sizes
}

func stateName(j int) string { return fmt.Sprintf("s%d", j) }

// sample draws k of the numbers below n without replacement.
func sample(r *rand.Rand, n, k int) []int { return r.Perm(n)[:k] }

// Chains generates the chains of experiment 400, the function chains of paper
// Sec. 6.2.
//
// With the Artifact variant it follows the published scripts. They swap the
// two numbers of a label: the chain has S functions and L states. Each function
// is drawn uniformly, with repetition. For each state, k is uniform from 0 to
// one less than the chain's length, and k positions are drawn without
// replacement; what is stored are the names at these positions, so a name may
// be listed twice, and because dependencies match by name, a name that the chain
// repeats makes the state be used at more than k positions.
//
// With the Text variant it follows the paper's words: L functions, S states,
// and for each state k uniform from 0 to L, the whole chain included; k positions
// use the state, L/2 on average. Since messages name functions, a function's
// second and later positions in a chain have names of their own (Alias), which
// the same computer serves; so a state is used at exactly the positions that were
// drawn. The workflows are executed under the Text variant.
//
// In both, state j has (1+j) x 10 kB.
type Chains struct {
	Variant Variant
	// S and L are the numbers of the label "S=3, L=6" in the paper's figures.
	S, L int
	// Functions holds the names to draw from. The scripts use five, one for
	// each computer.
	Functions []string
}

// Names returns Functions.
func (g Chains) Names() []string { return slices.Clone(g.Functions) }

// Generate returns the chain of one execution.
func (g Chains) Generate(seed uint64, execution int) (*Workflow, error) {
	if g.S < 1 || g.L < 1 || len(g.Functions) == 0 {
		return nil, fmt.Errorf("generate chain: S=%d, L=%d and %d functions to draw from must all be at least 1",
			g.S, g.L, len(g.Functions))
	}

	var length, states, most int
	switch g.Variant {
	case Artifact:
		length, states, most = g.S, g.L, g.S-1
	case Text:
		length, states, most = g.L, g.S, g.L
	default:
		return nil, unknownVariant(g.Variant)
	}

	r := stream("chain "+string(g.Variant), seed, execution)
	w := &Workflow{StateSizes: statesOfTens(states), Dependencies: map[string][]string{}}
	for range length {
		w.Functions = append(w.Functions, g.Functions[r.IntN(len(g.Functions))])
	}
	if g.Variant == Text {
		w.Variant = Text
		w.Functions = distinct(w.Functions)
	}

	for j := range states {
		w.Dependencies[stateName(j)] = dependOn(r, w.Functions, most)
	}
	return w, nil
}

// dependOn draws a number of candidates from 0 to most and returns the names of
// that many.
func dependOn(r *rand.Rand, candidates []string, most int) []string {
	names := []string{}
	for _, i := range sample(r, len(candidates), r.IntN(most+1)) {
		names = append(names, candidates[i])
	}
	return names
}

// aliasMark stands between a function's name and the number of its use.
const aliasMark = "@"

// Alias names the use-th position of a function in a workflow, from 1 on, where
// positions are to be told apart: "f", "f@2", "f@3". Whoever serves f serves its
// aliases.
func Alias(function string, use int) string {
	if use <= 1 {
		return function
	}
	return function + aliasMark + strconv.Itoa(use)
}

// AliasOf returns the function that a name is an alias of, as Alias or Task makes it, or
// the name itself.
func AliasOf(name string) string {
	if at := strings.LastIndex(name, taskMark); at > 0 && at < len(name)-len(taskMark) {
		return name[:at]
	}
	// What is no number is the alias of nothing.
	function, use, _ := strings.Cut(name, aliasMark)
	if n, _ := strconv.Atoi(use); Alias(function, n) != name {
		return name
	}
	return function
}

// distinct returns the names with an alias for each repetition, so that no two
// are alike.
func distinct(names []string) []string {
	uses, taken := map[string]int{}, map[string]bool{}
	list := make([]string, len(names))
	for i, name := range names {
		uses[name]++
		alias := Alias(name, uses[name])
		// Somebody may call a function like another one's alias.
		for uses[name] > 1 && (taken[alias] || slices.Contains(names, alias)) {
			uses[name]++
			alias = Alias(name, uses[name])
		}
		list[i] = alias
		taken[alias] = true
	}
	return list
}

func unknownVariant(v Variant) error {
	return fmt.Errorf("generate workflow: unknown variant %q; it is %s or %s", v, Artifact, Text)
}

// DAGs generates the DAGs of experiment 401 (paper Sec. 6.2): stages of
// parallel stateless calls that a stateful function collects.
//
// With the Artifact variant it follows the published scripts: the stateful
// functions are the fixed names f0, f1, ... (Functions[0] to
// Functions[Stages]), the stateless ones are drawn uniformly, with repetition,
// from the remaining names. f0 branches to the first stage, f1 collects it and
// branches to the second, and so on: with 3 stages of 5 branches 19 functions
// and 30 precedences. For each of Stages+1 states, k is uniform from 0 to Stages
// (one less than the stateful functions), and k stateful functions are drawn
// without replacement.
//
// With the Text variant it follows the paper's words: each stage has a branch
// function of its own, the calls, and a collect function, and the stages follow
// each other: with 3 stages of 5 branches 21 functions and 32 precedences. All
// functions are drawn from all names. The collect functions come first and
// differ from each other; the branch functions and the calls are drawn, with
// repetition, from the names that are left, since a call with the name of a
// collect function would not be stateless. The number of states is not in the
// text: it is Stages+1 as in the scripts. A state depends on k collect functions,
// k uniform from 0 to all of them. Other functions repeat without harm: no state
// depends on their names. The workflows are executed under the Text variant.
//
// In both, state j has (1+j) x 10 kB.
type DAGs struct {
	Variant Variant
	// Stages and Branches are 3 and 5 in the paper.
	Stages, Branches int
	// Functions holds the names to draw from; the scripts use f0 to f49.
	Functions []string
}

// Names returns Functions.
func (g DAGs) Names() []string { return slices.Clone(g.Functions) }

// Generate returns the DAG of one execution.
func (g DAGs) Generate(seed uint64, execution int) (*Workflow, error) {
	if g.Stages < 1 || g.Branches < 1 {
		return nil, fmt.Errorf("generate DAG: %d stages and %d branches must both be at least 1", g.Stages, g.Branches)
	}
	stateful := g.Stages + 1
	if len(g.Functions) <= stateful {
		return nil, fmt.Errorf("generate DAG: %d functions to draw from are too few for %d stages; give more than %d",
			len(g.Functions), g.Stages, stateful)
	}

	r := stream("dag "+string(g.Variant), seed, execution)
	w := &Workflow{Successors: [][]int{}, StateSizes: statesOfTens(g.Stages + 1), Dependencies: map[string][]string{}}
	var candidates []string
	switch g.Variant {
	case Artifact:
		candidates = g.Functions[:stateful]
		g.stages(r, w, parts{
			entry: candidates[0], collectors: candidates[1:], calls: g.Functions[stateful:], start: atCollector,
		})
	case Text:
		var rest []string
		for k, i := range r.Perm(len(g.Functions)) {
			if k < g.Stages {
				candidates = append(candidates, g.Functions[i])
			} else {
				rest = append(rest, g.Functions[i])
			}
		}
		g.stages(r, w, parts{
			entry: rest[r.IntN(len(rest))], collectors: candidates, calls: rest, start: atOwnFunction,
		})
		w.Variant = Text
	default:
		return nil, unknownVariant(g.Variant)
	}

	// One less than the stateful functions of the scripts, and all of the text's.
	most := g.Stages
	for j := range g.Stages + 1 {
		w.Dependencies[stateName(j)] = dependOn(r, candidates, most)
	}
	return w, nil
}

// parts are the functions that the stages of a DAG are made of.
type parts struct {
	entry      string
	collectors []string // one for each stage
	calls      []string // the names that calls, and branch functions, are drawn from
	start      stageStart
}

// stageStart says where a stage after the first one starts.
type stageStart int

const (
	// atCollector: with the function that collects the stage before.
	atCollector stageStart = iota
	// atOwnFunction: with a branch function.
	atOwnFunction
)

// stages appends all stages to w.
func (g DAGs) stages(r *rand.Rand, w *Workflow, p parts) {
	w.Functions = append(w.Functions, p.entry)
	for s, collector := range p.collectors {
		if s > 0 && p.start == atOwnFunction {
			last := len(w.Functions) - 1
			w.Functions = append(w.Functions, p.calls[r.IntN(len(p.calls))])
			w.Successors = append(w.Successors, []int{last + 1})
		}

		branch := len(w.Functions) - 1
		collect := branch + g.Branches + 1
		var calls []int
		for k := range g.Branches {
			w.Functions = append(w.Functions, p.calls[r.IntN(len(p.calls))])
			calls = append(calls, branch+1+k)
		}
		w.Successors = append(w.Successors, calls)

		w.Functions = append(w.Functions, collector)
		for range g.Branches {
			w.Successors = append(w.Successors, []int{collect})
		}
	}
}

// Marvel is the audio-video analytics workflow of paper Fig. 1, as experiment
// 402 runs it for Fig. 3.
type Marvel struct {
	// VideoState is the size of the state of fe_video, 1 kB to 1 MB in the
	// paper. That of fe_audio is a tenth of it, those of sync and decision a
	// hundredth.
	VideoState units.Size
}

// Names returns the functions of Fig. 1: start, which acquires the data and
// runs at the client, anonymisation, synchronisation, feature extraction and
// decision.
func (g Marvel) Names() []string {
	return []string{"start", "anon_audio", "anon_video", "sync", "fe_audio", "fe_video", "decision"}
}

// Generate returns the workflow, which is the same in each execution. Each
// stateful function has a state of its own name.
func (g Marvel) Generate(uint64, int) (*Workflow, error) {
	if g.VideoState < 0 {
		return nil, fmt.Errorf("generate workflow of Fig. 1: the video state of %d bytes is negative",
			int64(g.VideoState))
	}
	w := &Workflow{
		Functions:    g.Names(),
		Successors:   [][]int{{1, 2}, {3, 4}, {3, 5}, {6}, {6}, {6}},
		Dependencies: map[string][]string{},
		StateSizes: map[string]units.Size{
			"fe_video": g.VideoState, "fe_audio": g.VideoState / 10,
			"sync": g.VideoState / 100, "decision": g.VideoState / 100,
		},
	}
	for state := range w.StateSizes {
		w.Dependencies[state] = []string{state}
	}
	return w, nil
}
