package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// bench builds a package's tests and runs them against mutants.
type bench struct {
	pkg, dir string
	source   source
	o        options

	all []mutant
	// made are those of all that binary has, by their places in all.
	binary string
	made   map[int]bool
	stages []stage
	// quiet keeps failures of properties out of the tree, where the tests know of that.
	quiet []string
}

// stage is a part of the tests, run before the next.
type stage struct {
	args  []string
	limit time.Duration
}

// quick is how long a test may take that runs before the others.
const quick = 100 * time.Millisecond

// outcome is what the tests say.
type outcome int

const (
	survived outcome = iota
	killed
	broken // it does not compile
)

// newBench builds the tests with as many mutants as one build can have, and runs them
// with none of them on.
func newBench(ctx context.Context, s source, pkg, dir string, all []mutant, o options) (*bench, error) {
	b := &bench{pkg: pkg, dir: dir, source: s, o: o, all: all, binary: filepath.Join(dir, "all.test")}
	texts, made := s.together(all)
	texts[filepath.Join(pkg, "zz_mutants.go")] = fmt.Appendf(nil, helpers, s.Name)
	b.made = made
	if text, err := b.build(ctx, b.binary, texts); err != nil {
		return nil, fmt.Errorf("build the tests of %s with its mutants: %w\n%s", pkg, err, text)
	}

	// Asked for help it runs no test, and fails.
	usage, _ := command(ctx, o, b.binary, "-h").CombinedOutput()
	if strings.Contains(string(usage), "-rapid.nofailfile") {
		b.quiet = []string{"-rapid.nofailfile"}
	}

	began := time.Now()
	text, outcome := b.test(ctx, b.binary, 0, []stage{{args: []string{"-test.v"}, limit: 10 * time.Minute}})
	if outcome != survived {
		return nil, fmt.Errorf("the tests of %s fail without any mutant:\n%s", pkg, text)
	}
	b.stages = stages(text, time.Since(began))
	return b, nil
}

// passed is what a test says that passed, with its time in seconds.
var passed = regexp.MustCompile(`--- PASS: (\w+) \(([0-9.]+)s\)`)

// stages parts the tests by the time that each took: most mutants are killed by the
// quick ones. Endless loops are ended; a busy machine is given time.
func stages(verbose string, took time.Duration) []stage {
	var names []string
	slow := took
	for _, found := range passed.FindAllStringSubmatch(verbose, -1) {
		seconds, err := strconv.ParseFloat(found[2], 64)
		if d := time.Duration(seconds * float64(time.Second)); err == nil && d < quick {
			names = append(names, found[1])
			slow -= d
		}
	}

	pattern := "^(" + strings.Join(names, "|") + ")$"
	return []stage{
		{args: []string{"-test.run", pattern}, limit: 5*(took-slow) + 10*time.Second},
		{args: []string{"-test.skip", pattern}, limit: 5*slow + 10*time.Second},
	}
}

// try runs the tests against one of the mutants.
func (b *bench) try(ctx context.Context, i int) (outcome, error) {
	if b.made[i] {
		_, out := b.test(ctx, b.binary, i+1, b.stages)
		return out, ctx.Err()
	}

	m, binary := b.all[i], filepath.Join(b.dir, "one.test")
	text, err := b.build(ctx, binary, map[string][]byte{m.file: m.apply(b.source.texts[m.file])})
	switch {
	case ctx.Err() != nil:
		return broken, ctx.Err()
	case refused(text, err):
		return broken, nil
	case err != nil:
		return broken, fmt.Errorf("build the tests of %s with the mutant %v: %w\n%s", b.pkg, m, err, text)
	}
	_, out := b.test(ctx, binary, 0, b.stages)
	return out, ctx.Err()
}

// place is one of source that the compiler complains of.
var place = regexp.MustCompile(`(?m)^\S+\.go:\d+:\d+: `)

// refused reports whether a build failed since the compiler takes the source for wrong, and not
// for want of a tool or of room, which says nothing of a mutant.
func refused(text string, err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && place.MatchString(text)
}

// build compiles the package's tests with other texts of its files.
func (b *bench) build(ctx context.Context, binary string, texts map[string][]byte) (string, error) {
	replace := make(map[string]string)
	for file, text := range texts {
		name, err := filepath.Abs(file)
		if err != nil {
			return "", err
		}
		replace[name] = filepath.Join(b.dir, filepath.Base(file))
		if err := os.WriteFile(replace[name], text, 0o666); err != nil {
			return "", err
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	file := filepath.Join(b.dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o666); err != nil {
		return "", err
	}

	cmd := command(ctx, b.o, "go", "test", "-c", "-vet=off", "-ldflags", "-s -w", "-tags", b.o.tags,
		"-overlay", file, "-o", binary, "./"+b.pkg)
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// test runs built tests stage by stage until one fails, with a mutant on.
func (b *bench) test(ctx context.Context, binary string, mutant int, stages []stage) (string, outcome) {
	for _, s := range stages {
		args := []string{binary, "-test.short", "-test.failfast", "-test.timeout", s.limit.String()}
		if b.o.tags == faketime { // the test's own time-out would be one of virtual time
			kill := fmt.Sprintf("%.0f", s.limit.Seconds())
			args = []string{
				"timeout", "--signal", "KILL", kill,
				binary, "-test.short", "-test.failfast", "-test.timeout", "0",
			}
		}
		cmd := command(ctx, b.o, slices.Concat(args, s.args, b.quiet)...)
		cmd.Dir = b.pkg
		cmd.Env = append(cmd.Env, envMutant+"="+strconv.Itoa(mutant))
		text, err := cmd.CombinedOutput()
		if err != nil {
			return string(text), killed
		}
		if len(stages) == 1 {
			return string(text), survived
		}
	}
	return "", survived
}

// command is a command by the wrapper, if there is one.
func command(ctx context.Context, o options, args ...string) *exec.Cmd {
	if o.wrapper != "" {
		args = append([]string{o.wrapper}, args...)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = environment(o)
	// Processes that a killed test leaves behind hold its output.
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// faketime is the tag of builds whose clock is virtual.
const faketime = "faketime"

// environment is that of builds and tests.
func environment(o options) []string {
	if o.tags == faketime { // the clock of a build with cgo stands still for good
		return append(os.Environ(), "CGO_ENABLED=0")
	}
	return os.Environ()
}
