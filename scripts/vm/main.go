package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	runApplet()
	if os.Getpid() == 1 {
		guestMain()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := host(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
		os.Exit(1)
	}
}

func host(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("vm", flag.ContinueOnError)
	tree := flags.String("kernel", "",
		"`folder` of an unpacked kernel package, with boot/ and lib/modules/ (default: fetched by apt-get download)")
	fetch := flags.String("package", "", "kernel `package`, or one that depends on it, for apt-get download "+
		"(default: the distribution's newest for virtual machines)")
	cache := flags.String("cache", ".cache/vm", "`folder` for the kernel, programs and consoles' logs")
	only := flags.String("only", "", "`pattern` of the network's tests: vm test runs these, and compares nothing")
	out := flags.String("out", "", "`folder` for the results (default: a folder in the cache)")
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: vm [flags] test | vm [flags] run -- ARGUMENTS OF edgebed run")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return err
	}

	var work func(context.Context, *kernel, string, string) error
	switch verb, rest := flags.Arg(0), flags.Args(); {
	case verb == "test" && len(rest) == 1:
		work = test
		if *only != "" {
			work = func(ctx context.Context, k *kernel, dir, out string) error {
				return testOnly(ctx, k, dir, out, *only)
			}
		}
	case verb == "run" && len(rest) > 2 && rest[1] == "--":
		work = func(ctx context.Context, k *kernel, dir, out string) error { return run(ctx, k, dir, out, rest[2:]) }
	default:
		flags.Usage()
		return errors.New("expected test, or run -- ARGUMENTS")
	}

	if err := need("qemu-system-x86_64", "qemu-system-x86"); err != nil {
		return err
	}
	dir, err := filepath.Abs(*cache)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}

	if *tree != "" && *fetch != "" {
		return errors.New("give -kernel or -package, not both")
	}
	if *tree == "" {
		names, folder := metaPackages, "kernel"
		if *fetch != "" {
			names, folder = []string{*fetch}, "kernel-"+filepath.Base(*fetch)
		}
		*tree = filepath.Join(dir, folder)
		if _, err := os.Stat(*tree); errors.Is(err, fs.ErrNotExist) {
			if err := fetchKernel(ctx, *tree, names); err != nil {
				return err
			}
		}
	}

	k, err := findKernel(*tree)
	if err != nil {
		return err
	}

	if *out == "" {
		*out = filepath.Join(dir, "results")
		if err := os.RemoveAll(*out); err != nil {
			return err
		}
	}

	fmt.Println("guest kernel:", k.version)
	return work(ctx, k, dir, *out)
}

// program is what is built for a guest.
type program struct {
	path string // in the guest
	pkg  string
	test bool // the package's tests instead of its command
}

var (
	edgebed      = program{path: "bin/edgebed", pkg: "./harness/cmd/edgebed"}
	emuTests     = program{path: "bin/emu.test", pkg: "./harness/emu", test: true}
	sandboxTests = program{path: "bin/sandbox.test", pkg: "./harness/sandbox", test: true}
	cgroupTests  = program{path: "bin/cgroup.test", pkg: "./harness/cgroup", test: true}
	initProgram  = program{path: "init", pkg: "./scripts/vm"}
)

// buildPrograms compiles the programs, and the guest's init, without libraries.
func buildPrograms(ctx context.Context, dir string, list ...program) (map[string]string, error) {
	built := map[string]string{}
	for _, p := range append(list, initProgram) {
		verb := []string{"build"}
		if p.test {
			verb = []string{"test", "-c"}
		}
		file := filepath.Join(dir, p.path)
		// The symbols are a third of the file, which the guest would have to load.
		cmd := exec.CommandContext(ctx, "go", append(verb, "-trimpath", "-ldflags", "-s -w", "-o", file, p.pkg)...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("build %s: %w", p.pkg, err)
		}
		built[p.path] = file
	}
	return built, nil
}

// run does the work of vm run.
func run(ctx context.Context, k *kernel, dir, out string, args []string) error {
	programs, err := buildPrograms(ctx, dir, edgebed)
	if err != nil {
		return err
	}
	m := machine{name: "run", programs: programs, steps: []step{
		{Name: "edgebed run", Argv: append([]string{"/bin/edgebed", "run", "--jobs", "1", "--out", outDir}, args...),
			Env: []string{goThreads}},
	}}
	return m.boot(ctx, k, dir, out, func(line string) { fmt.Println(line) })
}
