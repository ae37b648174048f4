package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"edgebed/harness/record"
)

// user is the account of the guest that is not root.
const user = 1000

// The back ends that are compared, and how far they may be apart or off.
var backends = []string{"netem", "delayline"}

const (
	delayLimit   = 0.1   // of 2 ms there and back: 0.2 ms
	goodputLimit = 0.01  // of the rate's ideal
	cellLimit    = 0.01  // of the other back end's mean delay
	bytesLimit   = 0.005 // of the other back end's bytes
)

// Figures of the benchmarks, by the last word of their name and their unit.
const (
	pingFigure    = "delay/asked"
	goodputFigure = "goodput/ideal"
)

// testOnly runs those tests of the network and of control groups whose names match a pattern, those
// of the network with each back end.
func testOnly(ctx context.Context, k *kernel, dir, out, pattern string) error {
	programs, err := buildPrograms(ctx, dir, emuTests, cgroupTests)
	if err != nil {
		return err
	}
	m := machine{name: "only", programs: programs}
	for _, b := range backends {
		m.steps = append(m.steps, testStep("network tests, "+b, emuTests, b, 0, "-test.v", "-test.run="+pattern))
	}
	m.steps = append(m.steps, groupSteps("-test.v", "-test.run="+pattern)...)

	start := time.Now()
	t := transcript{figures: map[string]map[string]float64{}}
	current := &stepLog{}
	if err := m.boot(ctx, k, dir, out, func(line string) { t.line(current, line, time.Since(start)) }); err != nil {
		return err
	}
	fmt.Printf("vm test: passed in %.0f s\n", time.Since(start).Seconds())
	return nil
}

// test does the work of vm test: two machines at once, since a machine uses one
// core, and then the comparison.
func test(ctx context.Context, k *kernel, dir, out string) error {
	programs, err := buildPrograms(ctx, dir, edgebed, emuTests, sandboxTests, cgroupTests)
	if err != nil {
		return err
	}
	tests, cells := machine{name: "tests", programs: programs}, machine{name: "cells", programs: programs}
	for i, b := range backends {
		// One of them as root, the other one as anybody.
		tests.steps = append(tests.steps, testStep("network tests, "+b, emuTests, b, i*user, "-test.v"))
	}
	tests.steps = append(tests.steps, testStep("sandbox tests, without root", sandboxTests, "", user, "-test.v"))
	tests.steps = append(tests.steps, groupSteps("-test.v")...)
	for _, b := range backends {
		tests.steps = append(tests.steps, testStep(benchStep(b), emuTests, b, 0,
			"-test.run=^$", "-test.benchtime=1x", "-test.bench=Ping|Goodput/./s/delay=1ms"))
		cells.steps = append(cells.steps, cellStep(b, 0))
	}
	cells.steps = append(cells.steps, cellStep(backends[0], user))

	start := time.Now()
	t := transcript{figures: map[string]map[string]float64{}}
	var g errgroup.Group // both machines to their ends, also where one fails
	failures := make([]error, 2)
	for i, m := range []machine{tests, cells} {
		current := &stepLog{}
		g.Go(func() error {
			failures[i] = m.boot(ctx, k, dir, out, func(line string) { t.line(current, line, time.Since(start)) })
			return failures[i]
		})
	}
	if err := g.Wait(); err != nil {
		return errors.Join(failures...)
	}
	fmt.Println()
	if err := t.compare(out); err != nil {
		return err
	}
	fmt.Printf("vm test: passed in %.0f s\n", time.Since(start).Seconds())
	return nil
}

func testStep(name string, p program, backend string, uid int, args ...string) step {
	return step{
		Name: name, UID: uid, Argv: append([]string{"/" + p.path, "-test.timeout=5m"}, args...),
		// The names are those of harness/emu's and harness/sandbox's tests.
		Env: []string{"EDGEBED_TEST_DELAY=" + backend, "EDGEBED_TEST_REQUIRE_SANDBOX=1"},
	}
}

// groupSteps are the tests of control groups, as root and as a user to whom one is delegated.
func groupSteps(args ...string) []step {
	delegated := testStep("control group tests, delegated", cgroupTests, "", user, args...)
	delegated.Delegated = true
	return []step{testStep("control group tests", cgroupTests, "", 0, args...), delegated}
}

func benchStep(backend string) string { return "link benchmarks, " + backend }

// cellStep runs experiment 400's three models at its slowest rate.
func cellStep(backend string, uid int) step {
	name := "experiment 400, " + backend
	if uid != 0 {
		name += ", without root"
	}
	return step{Name: name, UID: uid, Env: []string{goThreads}, Argv: []string{
		"/" + edgebed.path, "run", "exp400", "--jobs", "1", "--set", "delay-backend=" + backend,
		"--where", "rate=1 Mb/s", "--where", "panel=S=3,L=6", "--where", "argument=10 kB",
		"--out", filepath.Join(outDir, cellFolder(backend, uid)),
	}}
}

func cellFolder(backend string, uid int) string { return fmt.Sprintf("%s-%d", backend, uid) }

// transcript turns the consoles of the machines into what a person reads.
type transcript struct {
	mu      sync.Mutex
	figures map[string]map[string]float64 // by step, then by benchmark and unit
}

// stepLog is what a machine's current step has said.
type stepLog struct {
	name                    string
	passed, failed, skipped int
}

func (t *transcript) line(s *stepLog, line string, at time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()

	show := func(text string) { fmt.Printf("%4.0f s  %s\n", at.Seconds(), text) }
	if name, ok := strings.CutPrefix(line, markStep+" begin "); ok {
		*s = stepLog{name: name}
		t.figures[name] = map[string]float64{}
		return
	}

	switch fields := strings.Fields(line); {
	case strings.HasPrefix(line, markStep+" end "):
		summary := ""
		if s.passed+s.failed+s.skipped > 0 {
			summary = fmt.Sprintf(": %d passed, %d failed, %d skipped", s.passed, s.failed, s.skipped)
		}
		show(strings.TrimPrefix(line, markStep+" end ") + summary)
	case strings.HasPrefix(line, "--- PASS"):
		s.passed++
	case strings.HasPrefix(strings.TrimLeft(line, " "), "--- SKIP"): // those of subtests, too
		s.skipped++
		show(line)
	case strings.HasPrefix(line, "--- FAIL"):
		s.failed++
		show(line)
	case strings.HasPrefix(line, "Benchmark"):
		// Name, rounds, then pairs of value and unit.
		name, _, _ := strings.Cut(fields[0], "-")
		for i := 2; i+1 < len(fields); i += 2 {
			if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
				t.figures[s.name][name+" "+fields[i+1]] = v
			}
		}
	case strings.Contains(line, " executions, ") && strings.Contains(line, " failed, "),
		strings.HasPrefix(line, "edgebed:"), strings.HasPrefix(line, "vm guest:"):
		show(line)
	}
}

// compare prints both back ends side by side. Its error says what is too far off.
func (t *transcript) compare(out string) error {
	var errs []error
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', tabwriter.AlignRight)

	row := func(name, limit string, ok bool, values ...string) {
		verdict := "ok"
		if !ok {
			verdict = "FAIL"
			errs = append(errs, fmt.Errorf("%s: %s, want %s", name, strings.Join(values, ", "), limit))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t\n", name, strings.Join(values, "\t"), limit, verdict)
	}

	fmt.Fprintf(w, "\t%s\t\t\t\n", strings.Join(backends, "\t"))
	if err := t.links(row); err != nil {
		return err
	}

	for _, uid := range []int{0, user} {
		against := []string{cellFolder(backends[0], 0), cellFolder(backends[1], 0)}
		heading := "as root"
		if uid != 0 {
			against[1] = cellFolder(backends[0], user)
			heading = backends[0] + " as root, and without"
		}

		var results [2]*record.Results
		for i, folder := range against {
			r, err := record.Read(filepath.Join(out, folder))
			if err != nil {
				return err
			}
			results[i] = r
		}

		fmt.Fprintf(w, "experiment 400 at 1 Mb/s, %s\t\t\t\t\t\n", heading)
		wanted := [2]string{backends[0], backends[1]}
		if uid != 0 {
			wanted[1] = backends[0]
		}
		if err := compareCells(results, wanted, row); err != nil {
			return err
		}
	}

	return errors.Join(w.Flush(), errors.Join(errs...))
}

// links compares links with what they should be.
func (t *transcript) links(row func(name, limit string, ok bool, values ...string)) error {
	first, second := t.figures[benchStep(backends[0])], t.figures[benchStep(backends[1])]
	seen := map[string]bool{}

	var names []string
	for name := range first {
		names = append(names, name)
	}
	slices.Sort(names)

	for _, name := range names {
		bench, unit, _ := strings.Cut(name, " ")
		pair := [2]float64{first[name], second[name]}
		seen[unit] = true
		off := max(math.Abs(pair[0]-1), math.Abs(pair[1]-1))

		switch unit {
		case pingFigure:
			row("round trip, 1 ms each way (ms)", "2.0 +- 0.2", off <= delayLimit, fmt.Sprintf("%.3f", 2*pair[0]),
				fmt.Sprintf("%.3f", 2*pair[1]))
		case goodputFigure:
			rate := strings.TrimSuffix(strings.TrimPrefix(bench, "BenchmarkGoodput/rate="), "/delay=1ms")
			row("goodput / ideal, "+strings.ReplaceAll(rate, "_", " ")+", 1 ms", "1 +- 1 %", off <= goodputLimit,
				fmt.Sprintf("%.4f", pair[0]), fmt.Sprintf("%.4f", pair[1]))
		}
	}

	if !seen[pingFigure] || !seen[goodputFigure] {
		return fmt.Errorf("the benchmarks gave no %s or %s", pingFigure, goodputFigure)
	}
	return nil
}

// compareCells compares two runs of the same cells by their mean delay and
// bytes.
func compareCells(results [2]*record.Results, backend [2]string,
	row func(name, limit string, ok bool, values ...string)) error {
	if len(results[0].Cells) == 0 || len(results[0].Cells) != len(results[1].Cells) {
		return fmt.Errorf("%d and %d cells were run, want the same number", len(results[0].Cells),
			len(results[1].Cells))
	}

	for _, a := range results[0].Cells {
		i := slices.IndexFunc(results[1].Cells, func(c record.CellResult) bool { return c.Cell.ID == a.Cell.ID })
		if i < 0 {
			return fmt.Errorf("cell %s was run once only", a.Cell.ID)
		}

		var delay, bytes [2]float64
		for i, c := range []record.CellResult{a, results[1].Cells[i]} {
			if got := c.Cell.Settings[record.SettingDelayBackend]; got != backend[i] {
				return fmt.Errorf("cell %s ran with back end %s, want %s", c.Cell.ID, got, backend[i])
			}
			n := 0.0
			for _, e := range c.Executions {
				if !e.OK {
					return fmt.Errorf("cell %s: execution %d failed: %s", c.Cell.ID, e.Index, e.Reason)
				}
				if !e.WarmUp {
					n++
					delay[i] += time.Duration(e.DelayNS).Seconds()
					bytes[i] += float64(e.SwitchBytes)
				}
			}
			delay[i], bytes[i] = delay[i]/n, bytes[i]/n
		}

		model, _ := a.Cell.Coord("model")
		row(model.Value+", mean delay (s)", "1 % apart", math.Abs(delay[1]/delay[0]-1) <= cellLimit,
			fmt.Sprintf("%.4f", delay[0]), fmt.Sprintf("%.4f", delay[1]))
		row(model.Value+", switch bytes an execution", "0.5 % apart", math.Abs(bytes[1]/bytes[0]-1) <= bytesLimit,
			fmt.Sprintf("%.0f", bytes[0]), fmt.Sprintf("%.0f", bytes[1]))
		first, okFirst := auditedLinks(a)
		second, okSecond := auditedLinks(results[1].Cells[i])
		row(model.Value+", audit of the links", "no finding", okFirst && okSecond, first, second)
	}
	return nil
}

// auditedLinks says what a cell's audit found on the wire of its links, and
// whether it measured some and they passed.
func auditedLinks(c record.CellResult) (text string, ok bool) {
	if c.End == nil || c.End.Audit == nil || c.End.Audit.Measures["links-measured"] == 0 {
		return "no audit", false
	}
	for _, f := range c.End.Audit.Findings {
		if strings.HasPrefix(f.Check, "link-") {
			return f.String(), false
		}
	}
	m := c.End.Audit.Measures
	return fmt.Sprintf("%.0f: rate %.2f %% off, delay %.0f us", m["links-measured"], m["link-rate-error-percent"],
		m["link-delay-error-us"]), true
}
