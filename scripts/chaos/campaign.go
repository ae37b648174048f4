package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"edgebed/harness/record"
	"edgebed/harness/sandbox/outside"
)

// patience is how long a run may take, and how long what it leaves may take to end.
const (
	patience  = 2 * time.Minute
	afterward = 10 * time.Second
)

// Exit codes of edgebed run.
const (
	exitOK         = 0
	exitIncomplete = 3
)

// bench is where campaigns are harmed.
type bench struct {
	edgebed string
	dir     string // of the scenario, and of the results
	disk    string // a small file system; empty where none could be mounted
	group   string // a control group that runs are in; empty where none could be made
	// scenarios are the files by network.
	scenarios map[string]string
	before    string // the machine
	tally     *tally
	log       func(format string, args ...any)
}

// tally is what was done and what came of it.
type tally struct {
	campaigns, runs              int
	faults                       map[string]int // that found something to harm
	missed                       int            // found nothing: the run had ended, or not got there
	lost, invented, leaked, hung int
	wrong                        int // other misbehaviour, such as a wrong exit code
	reasons                      []string
}

// struck is how many faults found something to harm.
func (t *tally) struck() (n int) {
	for _, number := range t.faults {
		n += number
	}
	return n
}

func (t *tally) note(counter *int, format string, args ...any) {
	*counter++
	t.reasons = append(t.reasons, fmt.Sprintf(format, args...))
}

// campaign is one that is harmed until it is complete.
type campaign struct {
	*bench
	seed    uint64
	network string
	out     string
	mark    string
	rng     *rand.Rand
	// whole is how long an undisturbed run takes, reference what it records.
	whole     time.Duration
	reference *record.Results
	// failures are allowed: a link was down, a process stood still, or the machine had no time.
	failures bool
	// missed tells that the last fault found nothing to harm.
	missed bool
}

// process is a run of the program.
type process struct {
	*exec.Cmd
	log  bytes.Buffer
	done chan error
}

// start starts a run that goes on with what there is.
func (c *campaign) start() (*process, error) {
	p := &process{done: make(chan error, 1)}
	p.Cmd = exec.Command(c.edgebed, "run", c.scenarios[c.network], "--network", c.network, "--resume", "--reruns", "0",
		"--allow-exec", "--out", c.out)
	p.Env = append(os.Environ(), c.mark)
	p.Stdout, p.Stderr = &p.log, &p.log
	if err := p.Start(); err != nil {
		return nil, err
	}
	c.tally.runs++
	go func() { p.done <- p.Wait() }()

	if err := c.join(p.Process.Pid); err != nil {
		_ = p.Process.Kill()
		<-p.done
		return nil, fmt.Errorf("put a run into the control group: %w", err)
	}
	return p, nil
}

// wait waits for a run to end, kills one that hangs, and looks at what is left. It
// returns the exit code, -1 for one that was killed.
func (c *campaign) wait(p *process, fault string) (int, error) {
	select {
	case <-p.done:
	case <-time.After(patience):
		c.tally.note(&c.tally.hung,
			"campaign %d: %s: it still runs after %v:\n%s", c.seed, fault, patience, p.log.String())
		_ = p.Process.Kill()
		<-p.done
	}
	return p.ProcessState.ExitCode(), c.leaks(fault)
}

// processes are those of the campaign, programs of its hosts among them.
func (c *campaign) processes() ([]int, error) {
	pids, err := outside.Marked(c.mark)
	programs, errPrograms := outside.Marked(programMark())
	return append(pids, programs...), errors.Join(err, errPrograms)
}

// leaks waits until no process of the campaign runs, and compares the machine.
func (c *campaign) leaks(fault string) error {
	var left []int
	for end := time.Now().Add(afterward); ; time.Sleep(5 * time.Millisecond) {
		pids, err := c.processes()
		if err != nil {
			return err
		}
		if left = pids; len(left) == 0 || time.Now().After(end) {
			break
		}
	}
	if len(left) > 0 {
		c.tally.note(&c.tally.leaked, "campaign %d: %s: processes %v are left", c.seed, fault, left)
	}

	after, err := outside.Describe()
	if err != nil {
		return err
	}
	if change := c.ours(outside.Changed(c.before, after)); change != "" {
		c.tally.note(&c.tally.leaked, "campaign %d: %s: the machine changed:\n%s", c.seed, fault, change)
	}
	c.before = after
	return nil
}

// ours drops the disks of other drivers that run at the same time.
func (c *campaign) ours(change string) string {
	var b strings.Builder
	for line := range strings.Lines(change) {
		if !strings.Contains(line, "/"+folder) || strings.Contains(line, c.dir) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// harm runs the campaign with so many faults, then to its end, and compares its
// records with those of an undisturbed one.
func (c *campaign) harm(ctx context.Context, faults int) error {
	for range faults {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		f := c.choose()
		c.log("campaign %d, %s: %s", c.seed, c.network, f.name)
		c.missed = false
		if err := f.do(c); err != nil {
			return fmt.Errorf("campaign %d, %s: %s: %w", c.seed, c.network, f.name, err)
		}
		if c.missed {
			c.tally.missed++
		} else {
			c.tally.faults[f.name]++
		}
	}

	p, err := c.start()
	if err != nil {
		return err
	}
	code, err := c.wait(p, "the last run")
	if err != nil {
		return err
	}
	r, err := record.Read(c.out)
	if err == nil && code == exitIncomplete {
		c.failures = c.failures || starved(r)
	}
	if code != exitOK && !(c.failures && code == exitIncomplete) {
		c.tally.note(&c.tally.wrong,
			"campaign %d: the last run, which nothing happens to, ends with code %d:\n%s",
			c.seed, code, p.log.String())
		return nil
	}
	if err != nil {
		c.tally.note(&c.tally.lost, "campaign %d: the records cannot be read: %v", c.seed, err)
		return nil
	}
	c.compare(r)
	return nil
}

// starved reports whether executions failed, all of them in cells that the audit found disturbed:
// the machine had no time for them, and they missed theirs.
func starved(r *record.Results) bool {
	some := false
	for _, cell := range r.Cells {
		failed := slices.ContainsFunc(cell.Executions, func(e record.Execution) bool { return !e.OK })
		if failed && !cell.Disturbed() {
			return false
		}
		some = some || failed
	}
	return some
}

// compare counts what the records lack, and what they have and should not.
func (c *campaign) compare(r *record.Results) {
	got := cells(r)
	for id, want := range cells(c.reference) {
		cell, ok := got[id]
		if !ok || !cell.Complete() && !c.failures {
			c.tally.note(&c.tally.lost, "campaign %d: cell %s is not complete", c.seed, id)
			continue
		}
		c.compareCell(id, want, cell)
		delete(got, id)
	}
	for id := range got {
		c.tally.note(&c.tally.invented, "campaign %d: there is no cell %s", c.seed, id)
	}
}

func (c *campaign) compareCell(id string, want, got record.CellResult) {
	a, b := measured(want), measured(got)
	for i, e := range b {
		if i > 0 && b[i-1].Index == e.Index {
			c.tally.note(&c.tally.invented,
				"campaign %d: cell %s: execution %d is there twice", c.seed, id, e.Index)
		}
	}
	if len(b) < len(a) {
		c.tally.note(&c.tally.lost,
			"campaign %d: cell %s: %d executions of %d", c.seed, id, len(b), len(a))
		return
	}
	if len(b) > len(a) {
		c.tally.note(&c.tally.invented,
			"campaign %d: cell %s: %d executions of %d", c.seed, id, len(b), len(a))
		return
	}

	for i := range a {
		if c.failures && !b[i].OK && b[i].Reason != "" {
			continue
		}
		if c.facts(a[i]) != c.facts(b[i]) {
			c.tally.note(&c.tally.invented, "campaign %d: cell %s: execution %d is\n%s\nwant\n%s",
				c.seed, id, i, c.facts(b[i]), c.facts(a[i]))
		}
	}
}

// facts are what cannot depend on when a campaign was harmed: in virtual time also
// how long an execution takes.
func (c *campaign) facts(e record.Execution) string {
	text := fmt.Sprintln(e.Cell, e.Index, e.Workload, e.OK, e.Reason, e.Hops, e.ActiveOpens, e.PayloadBytes,
		e.PayloadHopBytes, e.PredictedTrunkBytes, e.Table1Bytes)
	if c.network == string(record.Virtual) {
		text += fmt.Sprintln(e.DelayNS, e.TrunkBytes, e.SwitchBytes)
	}
	return text
}

func cells(r *record.Results) map[string]record.CellResult {
	all := make(map[string]record.CellResult)
	for _, cell := range r.Cells {
		all[cell.Cell.ID] = cell
	}
	return all
}

// measured are a cell's executions without warm-ups, by their index.
func measured(cell record.CellResult) []record.Execution {
	list := slices.DeleteFunc(slices.Clone(cell.Executions), func(e record.Execution) bool { return e.WarmUp })
	slices.SortStableFunc(list, func(a, b record.Execution) int { return a.Index - b.Index })
	return list
}

// undisturbed runs the campaign without a fault, for its records and its time.
func (c *campaign) undisturbed() error {
	began := time.Now()
	p, err := c.start()
	if err != nil {
		return err
	}
	code, err := c.wait(p, "undisturbed")
	if err != nil {
		return err
	}
	if code != exitOK {
		return fmt.Errorf("the undisturbed campaign on the %s network ends with code %d:\n%s",
			c.network, code, p.log.String())
	}
	c.whole = time.Since(began)
	c.reference, err = record.Read(c.out)
	return errors.Join(err, os.RemoveAll(c.out))
}

// left estimates how long a run still takes that goes on with what is recorded.
func (c *campaign) left() time.Duration {
	const least = 0.2 // of the whole: every run reads and reports
	share := 1.0
	if r, err := record.Read(c.out); err == nil {
		share -= float64(len(r.Complete())) / float64(len(c.reference.Cells))
	}
	return time.Duration(max(share, least) * float64(c.whole))
}

// prepare returns a campaign of a seed on a network.
func (b *bench) prepare(seed uint64, network string) *campaign {
	return &campaign{
		bench: b, seed: seed, network: network, rng: rand.New(rand.NewPCG(seed, 0)),
		out:  filepath.Join(b.dir, fmt.Sprintf("out-%s-%d", network, seed)),
		mark: fmt.Sprintf("EDGEBED_CHAOS=%d-%s-%d", os.Getpid(), network, seed),
	}
}
