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

	"edgebed/harness/prototype"
	"edgebed/harness/record"
)

// writeFit writes the chosen fit beside those that were not chosen.
func writeFit(w io.Writer, list []observation, all []*regression, chosen *regression) error {
	fmt.Fprintf(w, "The prototype's delays less ours with no software cost, %d observations:\n\n", len(list))
	prototype.WriteHead(w)
	prototype.WriteRatios(w, "mean delay, no cost", plain(list), prototype.Delay)
	completed, err := crossValidate(list, chosen.terms)
	if err != nil {
		return err
	}
	prototype.WriteRatios(w, "mean delay, each workload with the fit of the others", plain(completed), prototype.Delay)
	prototype.WriteRatios(w, "bytes between switches", plain(list), prototype.Bytes)

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
	for _, rate := range prototype.Rates(plain(list)) {
		for _, m := range prototype.Models() {
			var sum, squares float64
			cell := slices.DeleteFunc(slices.Clone(list), func(o observation) bool {
				return o.Model != m.Ours || o.Rate != rate
			})
			for _, o := range cell {
				d := o.Theirs - o.Ours - chosen.predict(o.counts)
				sum, squares = sum+d, squares+d*d
			}
			n := float64(len(cell))
			fmt.Fprintf(w, "  %-11s %4g Mb/s  %+6.2f, root mean square %5.2f\n", m.Title, rate, 1e3*sum/n,
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
		repetitions += o.Repetitions
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s:\n", network)
	fmt.Fprintf(&b, "  date: %q\n", time.Now().UTC().Format(time.DateOnly))
	fmt.Fprintf(&b, "  source: >-\n    weighted least squares over %d delays of the prototype "+
		"(%s, 10 and 100 Mb/s)\n    less %d of ours, residual %.2f ms\n",
		len(list), prototype.Dir, repetitions, 1e3*math.Sqrt(r.rss/float64(r.n-len(r.terms))))
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
