package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"sync"

	"edgebed/harness/cgroup"
)

// Options say where programs run.
type Options struct {
	// Host returns a host of the network by its name.
	Host func(name string) (Host, error)
	// Addresses of all hosts, by name.
	Addresses map[string]netip.Addr
	// Seed is that of the cell.
	Seed uint64
	// Dir is where each program gets its folder; it must be there.
	Dir string
	// Groups are where programs are put for which Group has the name of one. It must have one for a
	// program with limits, and may be nil where there is none.
	Groups *cgroup.Groups
	Group  func(*Program) string
	// Log opens the log of a program; nil keeps none.
	Log func(name string) (io.WriteCloser, error)
}

// Set are the programs of a cell. Its methods are called from one goroutine, but for
// Failed.
type Set struct {
	processes []*process // in the scenario's order
	started   []*process // those of the cell that run
	logs      []io.Closer
	dir       string

	mu     sync.Mutex
	failed error
}

// Open prepares the programs, which have been checked, and starts none.
func Open(programs []Program, o Options) (_ *Set, err error) {
	s := &Set{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.dir, err = os.MkdirTemp(o.Dir, "edgebed-programs-"); err != nil {
		return nil, fmt.Errorf("make the programs' folder: %w", err)
	}

	for i := range programs {
		p := &process{
			Program: &programs[i], address: o.Addresses[programs[i].Host], groups: o.Groups, log: io.Discard,
			samples:  newCollector(&programs[i]),
			stopping: make(chan struct{}), over: make(chan struct{}), said: make(chan struct{}),
			outcome: Outcome{Name: programs[i].Name, Host: programs[i].Host, Code: -1},
		}
		if o.Group != nil {
			p.group = o.Group(p.Program)
		}
		if p.group == "" && p.Limits != (cgroup.Limits{}) {
			return nil, fmt.Errorf("program %s has limits and no group in which they would hold", p.Name)
		}
		if p.on, err = o.Host(p.Host); err != nil {
			return nil, err
		}
		p.values = valuesOf(programs, o.Addresses, p.Program)
		p.values["seed"] = strconv.FormatUint(o.Seed, 10)
		if p.values["dir"], err = os.MkdirTemp(s.dir, p.Name+"-"); err != nil {
			return nil, fmt.Errorf("make the folder of program %s: %w", p.Name, err)
		}
		if o.Log != nil {
			log, err := o.Log(p.Name)
			if err != nil {
				return nil, err
			}
			s.logs = append(s.logs, log)
			p.log = &limited{w: log, left: maxLog}
		}
		s.processes = append(s.processes, p)
	}
	return s, nil
}

// Start starts the programs that run as long as the cell, in the order of the
// scenario, each when the one before is ready. The context bounds the start only.
func (s *Set) Start(ctx context.Context) error {
	for _, p := range s.processes {
		if p.Runs == Execution {
			continue
		}
		r, err := p.start()
		if err != nil {
			return err
		}
		s.started = append(s.started, p)
		go p.keep(r, s.fail)
		if err := p.ready(ctx); err != nil {
			return err
		}
	}
	return nil
}

// fail notes that a program of the cell ended that should not have.
func (s *Set) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = err
	}
}

// Failed returns why a program of the cell does not run any more, nil where all do
// that should.
func (s *Set) Failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// Execute runs the programs that run once in each execution, all at the same time, until
// the last has ended, or all of them until the context does. The error is of those that
// failed.
func (s *Set) Execute(ctx context.Context, execution int) ([]Outcome, error) {
	var outcomes []Outcome
	var all sync.WaitGroup
	var mu sync.Mutex
	for _, p := range s.processes {
		if p.Runs != Execution {
			continue
		}
		p.values["execution"] = strconv.Itoa(execution)
		all.Go(func() {
			o := p.once(ctx)
			mu.Lock()
			defer mu.Unlock()
			outcomes = append(outcomes, o)
		})
	}
	all.Wait()

	var errs []error
	slices.SortFunc(outcomes, func(a, b Outcome) int { return s.index(a.Name) - s.index(b.Name) })
	for _, o := range outcomes {
		errs = append(errs, o.Err)
	}
	return outcomes, errors.Join(errs...)
}

// index is the place of a program in the scenario.
func (s *Set) index(name string) int {
	return slices.IndexFunc(s.processes, func(p *process) bool { return p.Name == name })
}

// Take returns what the programs have measured since it was last called: the mean of
// each quantity, by PROGRAM.NAME; nil where they have measured nothing.
func (s *Set) Take() map[string]float64 {
	var all map[string]float64
	for _, p := range s.processes {
		for name, value := range p.samples.take() {
			if all == nil {
				all = map[string]float64{}
			}
			all[p.Name+"."+name] = value
		}
	}
	return all
}

// Stop ends the programs of the cell, the last one first, and says how each ended.
func (s *Set) Stop() []Outcome {
	for _, p := range slices.Backward(s.started) {
		p.stop()
	}
	var outcomes []Outcome
	for _, p := range s.started {
		outcomes = append(outcomes, p.ended())
	}
	s.started = nil
	return outcomes
}

// Close ends all programs and removes their folders.
func (s *Set) Close() error {
	s.Stop()
	var errs []error
	for _, log := range s.logs {
		errs = append(errs, log.Close())
	}
	s.logs = nil
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

// limited writes the beginning of a log, and then that there was more. It is used by
// the goroutines of both of a program's streams.
type limited struct {
	mu   sync.Mutex
	w    io.Writer
	left int
}

// Write implements io.Writer. A log that cannot be written does not end the program: it
// has an end there.
func (l *limited) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(p), l.left)
	if n == 0 {
		return len(p), nil
	}
	if _, err := l.w.Write(p[:n]); err != nil {
		l.left = 0
		return len(p), nil
	}
	if l.left -= n; l.left == 0 {
		fmt.Fprintf(l.w, "\n(edgebed keeps no more than %d bytes of a log)\n", maxLog)
	}
	return len(p), nil
}
