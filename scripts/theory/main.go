// Command theory holds cells under load against what must come out of them: the time
// that calls spend at a computer against queueing theory, and executions during an outage
// against the rule that each is made once and has a delay or a reason. It runs edgebed on
// a network, emulated by default, and exits with 1 where something is off.
//
//	go run ./scripts/theory                     # on an idle machine, about 5 minutes
//	go run ./scripts/theory -network virtual    # half a minute
//	go run ./scripts/theory -short              # a try: one minute, wide bounds
package main

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"edgebed/harness/record"
)

func main() {
	var r runner
	flag.StringVar(&r.network, "network", string(record.Emulated), "emulated or virtual")
	flag.StringVar(&r.edgebed, "edgebed", "bin/edgebed", "the program")
	flag.StringVar(&r.out, "out", "results/theory", "folder for the results")
	short := flag.Bool("short", false, "only try, with few executions and wide bounds")
	flag.Parse()
	r.profile = "quick"
	if *short {
		r.profile = "short"
	}

	if err := errors.Join(r.queueing(*short), r.outage()); err != nil {
		fmt.Fprintln(os.Stderr, "theory:", err)
		os.Exit(1)
	}
}

// runner runs scenarios of this folder.
type runner struct{ network, edgebed, out, profile string }

// run runs one on a network and returns its results.
func (r *runner) run(name, network string) (*record.Results, error) {
	dir := filepath.Join(r.out, network, name)
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	cmd := exec.Command(r.edgebed, "run", filepath.Join("scripts/theory", name+".yaml"),
		"--network", network, "--profile", r.profile, "--out", dir)
	said, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	// Executions may fail: what is to come of them is checked below.
	if errors.As(err, &exit) && exit.ExitCode() == someFailed {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("run %s on the %s network: %w\n%s", name, network, err, said)
	}
	return record.Read(dir)
}

// someFailed is the exit code of edgebed run where executions failed.
const someFailed = 3

// service is the service time of queueing.yaml.
const service = 100 * time.Millisecond

// systems are those of queueing.yaml, with the mean time that theory says at half of the
// capacity, in service times (docs/load.md), and what alone.yaml calls them.
var systems = []struct {
	name, alone string
	theory      float64
}{
	{"M/M/2", "two cores", 1 + 1.0/3}, {"M/G/1-PS", "one core", 2}, {"M/D/1", "one worker", 1.5},
}

// Bounds of queueing: of a mean against theory, whose chance is that of the arrivals too,
// and against virtual time, which has the same ones.
const (
	fromTheory  = 0.10
	fromVirtual = 0.05
	whenShort   = 0.5
)

// queueing compares mean times at a computer with theory, and with the same arrivals in
// virtual time.
func (r *runner) queueing(short bool) error {
	here, err := r.means(r.network)
	if err != nil {
		return err
	}
	virtual := here
	if r.network != string(record.Virtual) {
		if virtual, err = r.means(string(record.Virtual)); err != nil {
			return err
		}
	}

	theory, same := fromTheory, fromVirtual
	if short {
		theory, same = whenShort, whenShort
	}
	fmt.Printf("%-10s %8s %10s %8s %8s\n", "queue", "theory", r.network, "virtual", "off by")
	var errs []error
	for _, s := range systems {
		off := here[s.name]/s.theory - 1
		fmt.Printf("%-10s %8.3f %10.3f %8.3f %+7.1f%%\n", s.name, s.theory, here[s.name], virtual[s.name], 100*off)
		if !(max(off, -off) <= theory) {
			errs = append(errs, fmt.Errorf("%s: %.3f service times, theory says %.3f", s.name, here[s.name], s.theory))
		}
		if d := here[s.name]/virtual[s.name] - 1; !(max(d, -d) <= same) {
			errs = append(errs, fmt.Errorf("%s: %.3f service times, in virtual time %.3f",
				s.name, here[s.name], virtual[s.name]))
		}
	}
	return errors.Join(errs...)
}

// means returns the mean time in each system, in service times, without what software
// adds to a call that is alone.
func (r *runner) means(network string) (map[string]float64, error) {
	alone, err := r.run("alone", network)
	if err != nil {
		return nil, err
	}
	loaded, err := r.run("queueing", network)
	if err != nil {
		return nil, err
	}

	means := map[string]float64{}
	for _, s := range systems {
		software := mean(alone, s.alone) - service.Seconds()
		means[s.name] = (mean(loaded, s.name) - software) / service.Seconds()
	}
	return means, nil
}

// mean returns the mean delay at a system, in seconds; NaN where an execution failed.
func mean(r *record.Results, system string) float64 {
	var sum, n float64
	for _, c := range r.Cells {
		if at, _ := c.Cell.Coord("system"); at.Value != system {
			continue
		}
		if len(c.Counted()) != c.Cell.Executions {
			return math.NaN()
		}
		for _, e := range c.Counted() {
			sum += float64(e.DelayNS) / 1e9
			n++
		}
	}
	return sum / n
}

// late is how much later than asked an event may take effect.
const late = time.Second

// outage checks that executions around a cut are all there, once, and that those of which
// it says so failed because of it.
func (r *runner) outage() error {
	results, err := r.run("outage", r.network)
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range results.Cells {
		err := r.cut(c)
		errs = append(errs, err)
		fmt.Printf("%-48s %s\n", c.Cell.ID, verdict(err))
	}
	figures, err := filepath.Glob(filepath.Join(r.out, r.network, "outage", "over-time*.svg"))
	if err != nil || len(figures) == 0 {
		errs = append(errs, fmt.Errorf("no figure over time is in %s: %v", r.out, err))
	}
	return errors.Join(errs...)
}

// cut checks one cell of the outage.
func (r *runner) cut(c record.CellResult) error {
	l, ok := c.UnderLoad()
	if !ok || len(c.End.Events) != 2 {
		return fmt.Errorf("%s: the cell has no load, or not two events", c.Cell.ID)
	}
	from, to := c.End.Events[0].At.Sub(l.Started), c.End.Events[1].At.Sub(l.Started)
	limit := 60 * time.Second
	if at, _ := c.Cell.Coord("timeout"); at.Value == "2 s" {
		limit = 2 * time.Second
	}

	seen := map[int]bool{}
	failed, waited := 0, 0
	var errs []error
	for _, e := range c.Executions {
		due, delay := e.Arrival.Due.Sub(l.Started), time.Duration(e.DelayNS)
		switch {
		case seen[e.Index] || e.Index < 0 || e.Index >= c.Cell.Executions:
			errs = append(errs, fmt.Errorf("execution %d was made twice, or is invented", e.Index))
		case e.OK != (e.Reason == ""):
			errs = append(errs, fmt.Errorf("execution %d failed without a reason", e.Index))
		// TCP waits up to as long again until it tries once more (RFC 6298: each wait
		// is twice the one before).
		case !e.OK && (due+delay < from || due > to+(to-from)+late):
			errs = append(errs, fmt.Errorf("execution %d, due after %v, failed while the link was there: %s",
				e.Index, due, e.Reason))
		case !e.OK:
			failed++
		case due < to && due+delay > to:
			waited++
		}
		seen[e.Index] = true
	}

	if len(seen) != c.Cell.Executions {
		errs = append(errs, fmt.Errorf("%d of %d executions are lost", c.Cell.Executions-len(seen), c.Cell.Executions))
	}
	if patient := limit > to-from+late; patient && (failed > 0 || waited == 0) || !patient && failed == 0 {
		errs = append(errs, fmt.Errorf("%d failed and %d waited for the link, with a limit of %v",
			failed, waited, limit))
	}
	fmt.Printf("cut from %.2f s to %.2f s, %d waited for it, %d failed: ", from.Seconds(), to.Seconds(), waited, failed)

	return errors.Join(errs...)
}

func verdict(err error) string {
	if err == nil {
		return "ok"
	}
	return err.Error()
}
