// Command calibrate replays the prototype's measured runs on our own nodes and
// compares the delays.
//
//	calibrate [flags]          fit a software cost, and write it
//	calibrate -refine [flags]  replay with the fit, and correct it
//	calibrate -replay [flags]  replay with the fit, and print ours / prototype's
//
// The fit replays with no software cost, regresses the difference of the delays
// on what each term of a cost.Model is charged for, chooses the terms that the
// data support, and prints fit, residuals, intervals and what workloads show that
// were left out of it. Waits that are charged hide partly behind other traffic: the
// correction regresses what a replay with the fit leaves on the same terms.
// docs/fidelity.md says what it is good for.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"edgebed/harness/prototype"
	"edgebed/harness/record"
	"edgebed/nodes/cost"
)

// fast is the slowest rate, in Mb/s, whose runs the fit is made of: at 1 Mb/s a
// run of seconds hides milliseconds, and the prototype's lost some to spurious
// retransmissions.
const fast = 10

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := work(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "calibrate:", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	replay  bool
	refine  bool
	program string
	profile string
	out     string
	keep    bool
	write   string
	// network is the kind that the replay runs on, as cost.Fitted knows it.
	network string
}

func work(ctx context.Context, args []string, stdout io.Writer) error {
	var o options
	flags := flag.NewFlagSet("calibrate", flag.ContinueOnError)
	flags.BoolVar(&o.replay, "replay", false, "replay with the present fit instead of making one")
	flags.BoolVar(&o.refine, "refine", false, "correct the present fit by a replay with it")
	flags.StringVar(&o.program, "program", "bin/edgebed", "edgebed `program` that runs the replay")
	flags.StringVar(&o.profile, "profile", "quick", "repetitions: a `profile` of replay.yaml")
	flags.StringVar(&o.out, "out", "results/calibrate", "`folder` for the runs")
	flags.BoolVar(&o.keep, "keep", false, "take the runs that are in the folder instead of new ones")
	flags.StringVar(&o.network, "network", string(record.Emulated), "`kind` of network: emulated or virtual")
	flags.StringVar(&o.write, "write", cost.FitFile, "`file` that the fit is written to; empty writes none")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	reference, err := readReference()
	if err != nil {
		return err
	}

	if o.replay {
		list, err := o.measure(ctx, reference, "fit", prototype.Rates(plain(reference)))
		if err != nil {
			return err
		}
		prototype.WriteReplay(stdout, o.network, plain(list))
		return nil
	}

	var rates []float64
	for _, r := range prototype.Rates(plain(reference)) {
		if r >= fast {
			rates = append(rates, r)
		}
	}
	if o.refine {
		return o.correct(ctx, stdout, reference, rates)
	}
	list, err := o.measure(ctx, reference, "none", rates)
	if err != nil {
		return err
	}
	own := ownWork(o.network)
	for i := range list {
		list[i].Ours += own.of(list[i].counts)
	}

	all, err := candidates(list)
	if err != nil {
		return err
	}
	chosen, err := choose(all)
	if err != nil {
		return err
	}
	if err := writeFit(stdout, list, all, chosen); err != nil || o.write == "" {
		return err
	}
	return writeConstants(o.write, o.network, list, chosen, own)
}

// correct replays with the fit and writes a corrected one.
func (o options) correct(ctx context.Context, stdout io.Writer, reference []observation, rates []float64) error {
	fit, err := cost.Fitted(o.network)
	if err != nil {
		return err
	}
	list, err := o.measure(ctx, reference, "fit", rates)
	if err != nil {
		return err
	}

	own, present := ownWork(o.network), modelCounts(fit.Model)
	var fitted []int
	for t := range terms {
		if present[t] > own[t] {
			fitted = append(fitted, t)
		}
	}
	r, err := regress(list, fitted)
	if err != nil {
		return err
	}
	for j, t := range r.terms {
		r.coefficients[j] += present[t] - own[t]
	}

	prototype.WriteHead(stdout)
	prototype.WriteRatios(stdout, "mean delay with the fit to be corrected", plain(list), prototype.Delay)
	return writeConstants(o.write, o.network, list, r, own)
}

// modelCounts returns a model's terms in s.
func modelCounts(m cost.Model) (c counts) {
	c[clientStart], c[stateMove] = m.ClientStart.Seconds(), m.StateMove.Seconds()
	c[connection], c[call] = m.Connection.Seconds(), m.Call.Seconds()
	return c
}

// ownWork is what our own nodes' software takes, in s for each of a term, on a
// network that takes it for nothing: in virtual time programs run while the clock
// stands still. A call of ours on plain loopback over a kept connection takes 0.48 ms
// (10 kB, no service time, all nodes warm); the prototype's runs could not tell that
// from the client's start, as all have six functions. A fetch of 100 B over a new
// connection takes 1.5 to 1.7 ms on emulated links at 1 to 100 Mb/s.
func ownWork(network string) (own counts) {
	if network == string(record.Virtual) {
		own[call] = 0.48e-3
		own[connection] = 1.1e-3
	}

	return own
}

// wakeUp is what the machine of the emulation takes to go on after a pause. The
// prototype's runs had no link delay and do not tell; it is what experiment 400, with
// links of 1 ms, takes longer on emulated links for each message that is waited for: least
// squares over its cells of 5 Mb/s and more, each alone on the machine
// (docs/virtual-time.md).
const wakeUp = 200 * time.Microsecond

// measure replays the workloads of each rate under a software cost. Slow rates,
// at which it takes long and milliseconds do not matter, run side by side; at the
// others nothing may disturb.
func (o options) measure(ctx context.Context, reference []observation, softwareCost string,
	rates []float64) ([]observation, error) {
	var results []*record.Results
	for _, slow := range []bool{true, false} {
		args := []string{"run", "scripts/calibrate/replay.yaml", "--profile", o.profile, "--reruns", "0",
			"--network", o.network, "--set", "software-cost=" + softwareCost}

		name, jobs := "fast", "1"
		if slow || o.network == string(record.Virtual) {
			jobs = "0" // nothing disturbs virtual time
		}
		if slow {
			name = "slow"
		}
		args = append(args, "--jobs", jobs)

		var these []observation
		for _, r := range rates {
			if (r < fast) != slow {
				continue
			}
			args = append(args, "--where", "rate="+strconv.FormatFloat(r, 'f', -1, 64)+" Mb/s")
			for _, ob := range reference {
				if ob.Rate == r {
					these = append(these, ob)
				}
			}
		}

		if len(these) == 0 {
			continue
		}
		for _, w := range workloadsOf(these) {
			args = append(args, "--workload", filepath.Join(prototype.Dir, w+".json"))
		}

		r, err := o.run(ctx, filepath.Join(o.out, o.network, softwareCost, name), args)
		if err != nil {
			return nil, err
		}
		results = append(results, r)
	}

	return pair(reference, results...)
}

// run runs the program into a new folder, and reads what it recorded.
func (o options) run(ctx context.Context, dir string, args []string) (*record.Results, error) {
	if !o.keep {
		if err := os.RemoveAll(dir); err != nil {
			return nil, err
		}
		cmd := exec.CommandContext(ctx, o.program, append(args, "--out", dir)...)
		cmd.Stderr = os.Stderr
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.WaitDelay = 10 * time.Second
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("replay: %s %s: %w", o.program, strings.Join(args[:2], " "), err)
		}
	}
	return record.Read(dir)
}
