package prototype

import (
	"fmt"
	"io"
	"strings"

	"edgebed/nodes/workflow"
)

// Quantity is what a table compares.
type Quantity func(Observation) (ours, theirs float64)

// Delay of an execution in s.
func Delay(o Observation) (ours, theirs float64) { return o.Ours, o.Theirs }

// Bytes that an execution sent between switches.
func Bytes(o Observation) (ours, theirs float64) { return o.OurBytes, o.TheirBytes }

// at returns the observations of a model at a rate.
func at(list []Observation, model workflow.Model, rate float64) (found []Observation) {
	for _, o := range list {
		if o.Model == model && o.Rate == rate {
			found = append(found, o)
		}
	}
	return found
}

// ratio is ours over the prototype's, of the means over workloads.
func ratio(list []Observation, q Quantity) float64 {
	var ours, theirs float64
	for _, o := range list {
		a, b := q(o)
		ours, theirs = ours+a, theirs+b
	}
	return ours / theirs
}

// WriteHead writes the head of a Markdown table of ratios.
func WriteHead(w io.Writer) {
	fmt.Fprint(w, "| ours / prototype's |")
	for _, m := range Models() {
		fmt.Fprintf(w, " %s |", m.Title)
	}
	fmt.Fprintf(w, " workloads |\n|%s\n", strings.Repeat(" --- |", len(Models())+2))
}

// WriteRatios writes the lines of a quantity, one for each rate, to such a table.
func WriteRatios(w io.Writer, what string, list []Observation, q Quantity) {
	for _, rate := range Rates(list) {
		fmt.Fprintf(w, "| %s, %g Mb/s |", what, rate)
		workloads := 0
		for _, m := range Models() {
			cell := at(list, m.Ours, rate)
			workloads = max(workloads, len(cell))
			fmt.Fprintf(w, " %.3f |", ratio(cell, q))
		}
		fmt.Fprintf(w, " %d |\n", workloads)
	}
}

// WriteReplay writes how our nodes compare with the prototype's on a network.
func WriteReplay(w io.Writer, network string, list []Observation) {
	repetitions, disturbed := 0, 0
	for _, o := range list {
		repetitions += o.Repetitions
		disturbed += o.Disturbed
	}

	fmt.Fprintf(w, "Network: %s. Software cost: %s.\n", network, list[0].SoftwareCost)
	fmt.Fprintf(w, "%d workloads, models and rates, %d executions of ours, "+
		"%d of them in cells that the audit marked as disturbed.\n\n", len(list), repetitions, disturbed)
	WriteHead(w)
	WriteRatios(w, "mean delay", list, Delay)
	WriteRatios(w, "bytes between switches", list, Bytes)
}
