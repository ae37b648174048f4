package workflow

import (
	"slices"

	"edgebed/nodes/units"
)

// OutputOf returns the size of the output of the function at a position, where
// argument is what the workflow leaves open; for Client it is the argument.
func (w *Workflow) OutputOf(i int, argument units.Size) units.Size {
	if i < 0 || i >= len(w.Outputs) || w.Outputs[i] < 0 {
		return argument
	}
	return w.Outputs[i]
}

// SentTo returns how much the function at a position sends to a direct successor.
func (w *Workflow) SentTo(i, successor int, argument units.Size) units.Size {
	output := w.OutputOf(i, argument)
	if i < 0 || i >= len(w.Sent) {
		return output
	}
	k := slices.Index(w.Successors[i], successor)
	if k < 0 || w.Sent[i][k] < 0 {
		return output
	}
	return min(w.Sent[i][k], output)
}

// InputOf returns the size of what a pure-faas client sends to the function at a
// position, without states: the output before it in a chain; in a DAG, where the run
// gives functions the outputs of their predecessors, all of these together where the
// workflow has sizes, and one as large as the argument where it has none; else the
// client's input.
func (w *Workflow) InputOf(i int, run Run) units.Size {
	if i <= 0 || w.Outputs == nil {
		return run.Argument
	}
	if w.IsChain() {
		return w.OutputOf(i-1, run.Argument)
	}
	if run.Form != Direct && w.Variant != Text {
		return run.Argument
	}

	var sum units.Size
	for _, j := range w.PredecessorsOf(i) {
		sum += w.SentTo(j, i, run.Argument)
	}
	return sum
}
