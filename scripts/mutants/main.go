package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
)

func main() {
	var o options
	flag.Float64Var(&o.least, "least", 90, "share of mutants to be killed in each package, in percent")
	flag.StringVar(&o.equivalents, "equivalents", "scripts/mutants/equivalents.txt",
		"file with mutants that change nothing")
	flag.IntVar(&o.sample, "sample", 0, "run only so many mutants of a package, drawn at random; 0 runs all")
	flag.Uint64Var(&o.seed, "seed", 1, "seed of the sample")
	flag.StringVar(&o.tags, "tags", "", "build tags of the tests, such as faketime")
	flag.StringVar(&o.only, "only", "",
		"regular expression of the mutants to run, held against what is said of one that survives")
	flag.StringVar(&o.wrapper, "wrapper", "", "program to run the tests by, such as nice")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, flag.Args(), o); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

type options struct {
	least       float64
	equivalents string
	sample      int
	seed        uint64
	only        string
	tags        string
	wrapper     string
}

// errSurvivors means that too few mutants were killed.
var errSurvivors = errors.New("too many mutants survive")

func run(ctx context.Context, out io.Writer, pkgs []string, o options) error {
	known, err := equivalents(o.equivalents)
	if err != nil {
		return err
	}
	only, err := regexp.Compile(o.only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}

	var failed error
	for _, pkg := range pkgs {
		pkg = strings.TrimPrefix(strings.TrimSuffix(pkg, "/"), "./")
		src, err := load(pkg, o)
		if err != nil {
			return err
		}
		all, err := find(src, pkg, o)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(m mutant) bool { return !only.MatchString(m.String()) })
		if o.sample > 0 && o.sample < len(all) {
			rng := rand.New(rand.NewPCG(o.seed, 0))
			rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			all = all[:o.sample]
		}

		c, err := hunt(ctx, out, src, pkg, all, known, o)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: %d mutants: %d killed, %d survived, %d equivalent, %d do not compile: %.1f %% killed\n",
			pkg, len(all), c.killed, c.survived, c.equivalent, c.broken, c.rate())
		if c.rate() < o.least {
			failed = fmt.Errorf("%w in %s: %.1f %% are killed, at least %g %% should be",
				errSurvivors, pkg, c.rate(), o.least)
		}
	}
	return failed
}

// count is what became of a package's mutants.
type count struct{ killed, survived, equivalent, broken int }

// rate is how many of those that change anything were killed, in percent.
func (c count) rate() float64 {
	if c.killed+c.survived == 0 {
		return 100
	}
	return 100 * float64(c.killed) / float64(c.killed+c.survived)
}

// hunt runs a package's tests against each mutant.
func hunt(
	ctx context.Context, out io.Writer, s source, pkg string, all []mutant, known map[string]bool, o options,
) (count, error) {
	var c count
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return c, err
	}
	defer os.RemoveAll(dir)

	b, err := newBench(ctx, s, pkg, dir, all, o)
	if err != nil {
		return c, err
	}
	for i, m := range all {
		if known[m.key()] {
			c.equivalent++
			continue
		}

		outcome, err := b.try(ctx, i)
		if err != nil {
			return c, err
		}
		switch outcome {
		case killed:
			c.killed++
		case broken:
			c.broken++
		case survived:
			c.survived++
			fmt.Fprintln(out, m)
		}
	}
	return c, nil
}

// equivalents reads the mutants that are known to change nothing: lines of their
// keys, below comments that say why.
func equivalents(file string) (map[string]bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	known := make(map[string]bool)
	s := bufio.NewScanner(f)
	for s.Scan() {
		if line := strings.TrimSpace(s.Text()); line != "" && !strings.HasPrefix(line, "#") {
			known[line] = true
		}
	}
	return known, s.Err()
}
