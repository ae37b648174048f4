package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"edgebed/harness/record"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := work(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gate-rates:", err)
		os.Exit(1)
	}
}

func work(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("gate-rates", flag.ContinueOnError)
	root := flags.String("root", ".", "`folder` of the source tree")
	out := flags.String("out", "results/gate-rates", "`folder` for programs and results")
	unchanged := flags.Int("unchanged", 11, "runs of the unchanged program; 11 make 55 pairs")
	injected := flags.Int("injected", 1, "runs of each injection")
	only := flags.String("only", "", "comma-separated `names` of the injections to make (default all)")
	kind := flags.String("network", string(record.Emulated), "`kind` of network: emulated, or virtual")
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(),
			"usage: gate-rates [flags] [-- ARGUMENTS OF edgebed run, by default exp400 --reruns 0]")
		flags.PrintDefaults()
	}

	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}

	arguments := flags.Args()
	if len(arguments) == 0 {
		arguments = []string{"exp400", "--reruns", "0"}
	}
	if *unchanged < 1 || *injected < 0 {
		return errors.New("-unchanged must be at least 1, and -injected at least 0")
	}

	network := record.NetworkKind(*kind)
	if network != record.Emulated && network != record.Virtual {
		return fmt.Errorf("-network %s: want %s or %s", network, record.Emulated, record.Virtual)
	}
	arguments = append(arguments, "--network", string(network))

	chosen, err := choose(*only)
	if err != nil {
		return err
	}

	if err := os.MkdirAll(filepath.Join(*out, "bin"), 0o777); err != nil {
		return err
	}
	if err := sameArguments(filepath.Join(*out, "arguments.txt"), arguments); err != nil {
		return err
	}

	for _, i := range append([]injection{{}}, chosen...) {
		if err := i.build(ctx, network, *root, filepath.Dir(program(*out, i.name))); err != nil {
			return err
		}
	}

	list := schedule(chosen, *unchanged, *injected)
	for n, r := range list {
		start := time.Now()
		again, err := r.run(ctx, *out, arguments)
		if err != nil {
			return fmt.Errorf("run %s: %w", r.name(), err)
		}
		if again {
			fmt.Printf("%3d of %d  %s, %.0f s\n", n+1, len(list), r.name(), time.Since(start).Seconds())
		} else {
			fmt.Printf("%3d of %d  %s, as it was\n", n+1, len(list), r.name())
		}
	}

	results, versions := map[string][]*record.Results{}, map[string]bool{}
	for _, r := range list {
		got, err := record.Read(filepath.Join(*out, r.name()))
		if err != nil {
			return err
		}
		results[r.injection] = append(results[r.injection], got)
		versions[got.Campaign.Tool.Commit] = true
	}

	if len(versions) > 1 {
		fmt.Printf("note: the runs are of several versions: %s\n",
			strings.Join(slices.Sorted(maps.Keys(versions)), ", "))
	}
	return rates(os.Stdout, results, chosen, limitsFor(network))
}

// sameArguments refuses to mix results of other arguments with earlier ones, which
// it keeps in the file.
func sameArguments(file string, arguments []string) error {
	text := strings.Join(arguments, "\n")
	old, err := os.ReadFile(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return os.WriteFile(file, []byte(text), 0o666)
	case err != nil:
		return err
	case string(old) != text:
		return fmt.Errorf("%s has results of edgebed run %s; choose another -out", filepath.Dir(file),
			strings.ReplaceAll(string(old), "\n", " "))
	}
	return nil
}

// program is the file of the program with an injection.
func program(out, injection string) string {
	return filepath.Join(out, "bin", orUnchanged(injection), "edgebed")
}

func orUnchanged(injection string) string {
	if injection == "" {
		return "unchanged"
	}
	return injection
}

// oneRun is one campaign of a measurement.
type oneRun struct {
	injection string // empty for the unchanged program
	number    int
}

func (r oneRun) name() string { return fmt.Sprintf("%s-%02d", orUnchanged(r.injection), r.number) }

// schedule spreads the runs of each program over the whole measurement, so that
// what slowly changes in the machine meets all alike.
func schedule(chosen []injection, unchanged, injected int) []oneRun {
	type due struct {
		oneRun
		at float64
	}

	var all []due
	add := func(injection string, runs int) {
		for i := range runs {
			all = append(all, due{oneRun{injection, i + 1}, (float64(i) + 0.5) / float64(runs)})
		}
	}
	add("", unchanged)
	for _, i := range chosen {
		add(i.name, injected)
	}

	slices.SortStableFunc(all, func(a, b due) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})

	list := make([]oneRun, len(all))
	for i, d := range all {
		list[i] = d.oneRun
	}
	return list
}

// run makes the run unless its folder has all of it, and reports whether it did.
func (r oneRun) run(ctx context.Context, out string, arguments []string) (bool, error) {
	dir := filepath.Join(out, r.name())
	missing, err := unfinished(dir)
	if err != nil || missing == "" {
		return false, err
	}

	log, err := os.OpenFile(dir+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return false, err
	}
	defer log.Close()

	cmd := exec.CommandContext(ctx, program(out, r.injection),
		append([]string{"run", "--resume", "--out", dir}, arguments...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second

	failed := cmd.Run()
	if ctx.Err() != nil {
		return false, errors.New("interrupted; the same command goes on")
	}

	// Executions that failed are for the comparison to find.
	missing, err = unfinished(dir)
	if err == nil && missing != "" {
		err = errors.New(missing)
	}
	if err != nil {
		return false, fmt.Errorf("%w (%w); see %s", err, failed, log.Name())
	}

	return true, nil
}

// unfinished says what is missing of a run's results, if anything.
func unfinished(dir string) (string, error) {
	results, err := record.Read(dir)
	switch {
	case errors.Is(err, os.ErrNotExist) || errors.Is(err, record.ErrNoCampaign):
		return "it has no records", nil
	case err != nil:
		return "", err
	}
	if done := len(results.Complete()); done < results.Campaign.Cells {
		return fmt.Sprintf("it has %d of its %d cells", done, results.Campaign.Cells), nil
	}
	return "", nil
}

// names lists injections for a message.
func names(list []injection) string {
	var all []string
	for _, i := range list {
		all = append(all, i.name)
	}
	return strings.Join(all, ", ")
}
