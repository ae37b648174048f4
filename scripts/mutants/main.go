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
	"os/exec"
	"os/signal"
	"strings"
	"time"
)

func main() {
	var o options
	flag.Float64Var(&o.least, "least", 90, "share of mutants to be killed in each package, in percent")
	flag.StringVar(&o.equivalents, "equivalents", "scripts/mutants/equivalents.txt",
		"file with mutants that change nothing")
	flag.IntVar(&o.sample, "sample", 0, "run only so many mutants of a package, drawn at random; 0 runs all")
	flag.Uint64Var(&o.seed, "seed", 1, "seed of the sample")
	flag.StringVar(&o.tags, "tags", "", "build tags of the tests, such as faketime")
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

	var failed error
	for _, pkg := range pkgs {
		pkg = strings.TrimPrefix(strings.TrimSuffix(pkg, "/"), "./")
		all, err := find(pkg, o.tags)
		if err != nil {
			return err
		}
		if o.sample > 0 && o.sample < len(all) {
			rng := rand.New(rand.NewPCG(o.seed, 0))
			rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			all = all[:o.sample]
		}

		c, err := hunt(ctx, out, pkg, all, known, o)
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
	ctx context.Context, out io.Writer, pkg string, all []mutant, known map[string]bool, o options,
) (count, error) {
	var c count
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return c, err
	}
	defer os.RemoveAll(dir)

	began := time.Now()
	if text, outcome := test(ctx, pkg, "", 10*time.Minute, o); outcome != survived {
		return c, fmt.Errorf("the tests of %s fail without any mutant:\n%s", pkg, text)
	}
	// Endless loops are ended; a busy machine is given time.
	limit := 5*time.Since(began) + 20*time.Second

	for _, m := range all {
		if known[m.key()] {
			c.equivalent++
			continue
		}
		overlay, err := m.write(dir)
		if err != nil {
			return c, err
		}

		_, outcome := test(ctx, pkg, overlay, limit, o)
		if ctx.Err() != nil {
			return c, ctx.Err()
		}
		switch outcome {
		case killed:
			c.killed++
		case broken:
			c.broken++
		case survived:
			c.survived++
			fmt.Fprintf(out, "%s:%d: survived: %s %s\n", m.file, m.line, m.kind, m.shown)
		}
	}
	return c, nil
}

// outcome is what the tests say.
type outcome int

const (
	survived outcome = iota
	killed
	broken // it does not compile
)

// test runs a package's tests with an overlay.
func test(ctx context.Context, pkg, overlay string, limit time.Duration, o options) (string, outcome) {
	args := []string{"go", "test", "-short", "-failfast", "-vet=off", "-tags", o.tags, "-timeout", limit.String()}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	args = append(args, "./"+pkg)
	if o.wrapper != "" {
		args = append([]string{o.wrapper}, args...)
	}

	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	if o.tags == "faketime" { // the clock of a build with cgo stands still for good
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	}
	text, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return string(text), survived
	case strings.Contains(string(text), "[build failed]") || strings.Contains(string(text), "[setup failed]"):
		return string(text), broken
	}
	return string(text), killed
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
