package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"edgebed/harness/record"
	"edgebed/harness/sandbox"
	"edgebed/harness/sandbox/outside"
)

func main() {
	sandbox.Enter()
	var o options
	flag.Uint64Var(&o.seed, "seed", 1, "seed of all that is random")
	flag.IntVar(&o.faults, "faults", 50, "how many faults")
	flag.StringVar(&o.edgebed, "edgebed", "bin/edgebed", "the program, with edgebed-virtual beside it")
	flag.StringVar(&o.network, "network", "", "virtual or emulated; empty is both, one of four campaigns emulated")
	flag.BoolVar(&o.verbose, "v", false, "say each fault")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

type options struct {
	seed    uint64
	faults  int
	edgebed string
	network string
	verbose bool
}

// diskSize is the size of the small disk: the report of such a campaign fits.
const diskSize = "size=6m"

// run harms campaigns until there were so many faults.
func run(ctx context.Context, out io.Writer, o options) (err error) {
	began := time.Now()
	dir, err := os.MkdirTemp("", folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	b := &bench{dir: dir, tally: &tally{faults: map[string]int{}}, log: func(string, ...any) {}}
	if o.verbose {
		b.log = func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
	}
	if b.edgebed, err = filepath.Abs(o.edgebed); err != nil {
		return err
	}
	if b.scenarios, err = write(dir); err != nil {
		return err
	}
	unmount, err := b.mount()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unmount()) }()
	dissolve := b.makeGroup()
	defer func() { err = errors.Join(err, dissolve()) }()
	if b.before, err = outside.Describe(); err != nil {
		return err
	}

	held := slab()
	networks, err := b.references(ctx, o.network)
	if err != nil {
		return err
	}
	if err := b.all(ctx, o, networks); err != nil {
		return err
	}
	if held != nil {
		fmt.Fprintln(out, "objects in the kernel:", b.compareSlab(held))
	}
	b.tally.print(out, o.seed, time.Since(began))
	return b.tally.verdict(o.faults)
}

// references runs an undisturbed campaign on each network that is asked for and that
// there is here.
func (b *bench) references(ctx context.Context, network string) (map[string]*campaign, error) {
	all := make(map[string]*campaign)
	for _, kind := range []record.NetworkKind{record.Virtual, record.Emulated} {
		if network != "" && network != string(kind) {
			continue
		}
		refused := sandbox.Probe(ctx, sandbox.Options{})
		if kind == record.Emulated && network == "" && refused != nil {
			fmt.Fprintln(os.Stderr, "chaos: in virtual time only:", refused)
			continue
		}
		c := b.prepare(0, string(kind))
		if err := c.undisturbed(); err != nil {
			return nil, err
		}
		all[string(kind)] = c
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("there is no network %q: write virtual or emulated", network)
	}
	return all, nil
}

// all harms campaigns, each with a seed of its own.
func (b *bench) all(ctx context.Context, o options, networks map[string]*campaign) error {
	rng := rand.New(rand.NewPCG(o.seed, 1))
	names := slices.Sorted(maps.Keys(networks)) // emulated first
	const tries = 5                             // for a fault that finds something to harm
	for b.tally.struck() < o.faults && b.tally.struck()+b.tally.missed < tries*o.faults {
		seed := rng.Uint64N(1 << 32)
		network := names[0]
		if len(names) > 1 && rng.IntN(4) > 0 {
			network = names[1]
		}

		c := b.prepare(seed, network)
		c.whole, c.reference = networks[network].whole, networks[network].reference
		n := min(1+rng.IntN(5), o.faults-b.tally.struck())
		if err := c.harm(ctx, n); err != nil {
			return err
		}
		b.tally.campaigns++
		if err := os.RemoveAll(c.out); err != nil {
			return err
		}
	}
	return nil
}

// folder is what the names of the drivers' folders begin with.
const folder = "chaos-"

// mount mounts the small disk where that is allowed, and returns what unmounts it.
func (b *bench) mount() (func() error, error) {
	disk := filepath.Join(b.dir, "disk")
	if err := os.Mkdir(disk, 0o777); err != nil {
		return nil, err
	}
	err := unix.Mount("tmpfs", disk, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, diskSize)
	if errors.Is(err, unix.EPERM) {
		fmt.Fprintln(os.Stderr, "chaos: no disk is filled: mounting one is not permitted")
		return func() error { return nil }, nil
	}
	if err != nil {
		return nil, fmt.Errorf("mount a small disk: %w", err)
	}
	b.disk = disk
	return func() error { return unix.Unmount(disk, 0) }, nil
}

// print writes what was done and what came of it.
func (t *tally) print(out io.Writer, seed uint64, took time.Duration) {
	for _, name := range slices.Sorted(maps.Keys(t.faults)) {
		fmt.Fprintf(out, "%6d  %s\n", t.faults[name], name)
	}
	for _, reason := range t.reasons {
		fmt.Fprintln(out, strings.TrimSpace(reason))
	}
	fmt.Fprintf(out, "seed %d: %d faults (%d more found nothing to harm) in %d runs of %d campaigns in %v: "+
		"lost %d, invented %d, leaked %d, hung %d, wrong %d\n",
		seed, t.struck(), t.missed, t.runs, t.campaigns, took.Round(time.Second),
		t.lost, t.invented, t.leaked, t.hung, t.wrong)
}

// errHarm means that a fault did more than it may.
var errHarm = errors.New("faults did harm")

// verdict is an error where faults did harm, or fewer than asked for found something to harm.
func (t *tally) verdict(asked int) error {
	var short error
	if t.struck() < asked {
		short = fmt.Errorf("struck %d of %d: the other faults found nothing to harm", t.struck(), asked)
	}
	if t.lost+t.invented+t.leaked+t.hung+t.wrong > 0 {
		return errors.Join(errHarm, short)
	}
	return short
}
