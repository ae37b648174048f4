package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"edgebed/harness/record"
	"edgebed/nodes/workflow"
)

// cellOf returns the observations of a model at a rate.
func cellOf(list []observation, model workflow.Model, rate float64) []observation {
	return slices.DeleteFunc(slices.Clone(list), func(o observation) bool { return o.model != model || o.rate != rate })
}

// ratio is ours over the prototype's, of the means over workloads.
func ratio(list []observation, ours, theirs func(observation) float64) float64 {
	var a, b float64
	for _, o := range list {
		a, b = a+ours(o), b+theirs(o)
	}
	return a / b
}

func ourDelay(o observation) float64     { return o.ours }
func theirDelay(o observation) float64   { return o.theirs }
func ourTraffic(o observation) float64   { return o.ourBytes }
func theirTraffic(o observation) float64 { return o.theirBytes }

// writeRatios writes a Markdown table of ratios by model and rate.
func writeRatios(w io.Writer, what string, list []observation, ours, theirs func(observation) float64) {
	for _, rate := range ratesOf(list) {
		fmt.Fprintf(w, "| %s, %g Mb/s |", what, rate)
		for _, m := range models {
			fmt.Fprintf(w, " %.3f |", ratio(cellOf(list, m.ours, rate), ours, theirs))
		}
		fmt.Fprintf(w, " %d |\n", len(cellOf(list, models[0].ours, rate)))
	}
}

func writeHead(w io.Writer) {
	fmt.Fprint(w, "| ours / prototype's |")
	for _, m := range models {
		fmt.Fprintf(w, " %s |", m.title)
	}
	fmt.Fprintf(w, " workloads |\n|%s\n", strings.Repeat(" --- |", len(models)+2))
}

// writeReplay writes how our nodes with the fit compare with the prototype.
func writeReplay(w io.Writer, network string, list []observation) error {
	repetitions, disturbed := 0, 0
	for _, o := range list {
		repetitions += o.repetitions
		disturbed += o.disturbed
	}
	fmt.Fprintf(w, "Network: %s. Software cost: %s.\n", network, list[0].softwareCost)
	fmt.Fprintf(w, "%d workloads, models and rates, %d executions of ours, "+
		"%d of them in cells that the audit marked as disturbed.\n\n",
		len(list), repetitions, disturbed)
	writeHead(w)
	writeRatios(w, "mean delay", list, ourDelay, theirDelay)
	writeRatios(w, "bytes between switches", list, ourTraffic, theirTraffic)
	return nil
}

// writeFit writes the chosen fit beside those that were not chosen.
func writeFit(w io.Writer, list []observation, all []*regression, chosen *regression) error {
	fmt.Fprintf(w, "The prototype's delays less ours with no software cost, %d observations:\n\n", len(list))
	writeHead(w)
	writeRatios(w, "mean delay, no cost", list, ourDelay, theirDelay)
	completed, err := crossValidate(list, chosen.terms)
	if err != nil {
		return err
	}
	writeRatios(w, "mean delay, each workload with the fit of the others", completed, ourDelay, theirDelay)
	writeRatios(w, "bytes between switches", list, ourTraffic, theirTraffic)

	fmt.Fprintln(w, "\n| terms | fit, ms (95 % interval) | residual, ms | left out, ms | AIC | "+
		"better than chosen, p |\n| --- | --- | --- | --- | --- | --- |")
	for _, r := range all {
		var names, values []string
		for j, t := range r.terms {
			names = append(names, termNames[t])
			values = append(values, fmt.Sprintf("%.2f ± %.2f", 1e3*r.coefficients[j], 1e3*r.half[j]))
		}
		p := ""
		switch {
		case r == chosen:
			p = "**chosen**"
		case len(r.terms) > len(chosen.terms) && contains(r.terms, chosen.terms):
			p = fmt.Sprintf("%.3f", fTest(chosen, r))
		}
		fmt.Fprintf(w, "| %s | %s | %.2f | %.2f | %.1f | %s |\n", strings.Join(names, ", "), strings.Join(values, ", "),
			1e3*math.Sqrt(r.rss/float64(r.n-len(r.terms))), 1e3*r.leftOut, r.aic, p)
	}

	fmt.Fprintln(w, "\nMean residual of the chosen fit, ms (positive: the prototype is slower):")
	for _, rate := range ratesOf(list) {
		for _, m := range models {
			var sum, squares float64
			cell := cellOf(list, m.ours, rate)
			for _, o := range cell {
				d := o.theirs - o.ours - chosen.predict(o.counts)
				sum, squares = sum+d, squares+d*d
			}
			n := float64(len(cell))
			fmt.Fprintf(w, "  %-11s %4g Mb/s  %+6.2f, root mean square %5.2f\n", m.title, rate, 1e3*sum/n,
				1e3*math.Sqrt(squares/n))
		}
	}
	return nil
}

// writeConstants writes the fit, and what our own software takes beside it, as
// nodes/cost reads it. Those for other kinds of
// network stay as they are.
func writeConstants(file, network string, list []observation, r *regression, own counts) error {
	duration := func(term int) time.Duration {
		return time.Duration((r.coefficient(term) + own[term]) * float64(time.Second)).Round(10 * time.Microsecond)
	}
	repetitions := 0
	for _, o := range list {
		repetitions += o.repetitions
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s:\n", network)
	fmt.Fprintf(&b, "  date: %q\n", time.Now().UTC().Format(time.DateOnly))
	fmt.Fprintf(&b, "  source: >-\n    weighted least squares over %d delays of the prototype "+
		"(%s, 10 and 100 Mb/s)\n    less %d of ours, residual %.2f ms\n",
		len(list), referenceDir, repetitions, 1e3*math.Sqrt(r.rss/float64(r.n-len(r.terms))))
	fmt.Fprintln(&b, "  model:")
	for _, t := range []int{call, connection, stateMove, clientStart} {
		fmt.Fprintf(&b, "    %s: %v", termNames[t], duration(t))
		if own[t] > 0 {
			fmt.Fprint(&b, " # our own nodes' on loopback")
		}
		if j := slices.Index(r.terms, t); j >= 0 {
			fmt.Fprintf(&b, " # ± %v", time.Duration(r.half[j]*float64(time.Second)).Round(10*time.Microsecond))
		}
		fmt.Fprintln(&b)
	}

	if network == string(record.Virtual) {
		fmt.Fprintf(&b, "    wake-up: %v # the emulation's machine\n", wakeUp)
	}

	others, err := otherFits(file, network)
	if err != nil {
		return err
	}
	text := append([]byte("# Written by make calibrate; see docs/fidelity.md.\n"), others...)
	text = append(text, b.Bytes()...)
	if err := os.WriteFile(file, text, 0o666); err != nil {
		return fmt.Errorf("write the fit: %w", err)
	}
	fmt.Printf("\nwrote %s\n", file)
	return nil
}

// otherFits returns the lines of a file of fits that are of other networks than the
// given one. A file that is not there has none.
func otherFits(file, network string) ([]byte, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the other fits: %w", err)
	}

	var kept []byte
	keep := false
	for line := range bytes.Lines(data) {
		// A fit begins with its network at the start of a line, and is indented.
		if name, _, ok := bytes.Cut(line, []byte(":")); ok && line[0] != ' ' && line[0] != '#' {
			keep = string(name) != network
		}
		if keep {
			kept = append(kept, line...)
		}
	}

	return kept, nil
}
