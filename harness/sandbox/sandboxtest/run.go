// Package sandboxtest is for tests: it runs a package's tests in a sandbox. In goes
// what TestMain was given; out comes the tests' own exit code. Packages call it whose
// tests build networks.
package sandboxtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"edgebed/harness/sandbox"
)

// Environment of Run.
const (
	// EnvUserNamespace, if not empty, makes Run use a user namespace even
	// for root: the tests then show what works without privileges.
	EnvUserNamespace = "EDGEBED_TEST_USERNS"
	// EnvRequire, if not empty, makes Run fail where the kernel refuses
	// the sandbox, instead of skipping the tests.
	EnvRequire = "EDGEBED_TEST_REQUIRE_SANDBOX"
)

// Run runs a package's tests in a sandbox and exits with their code. It is
// the body of a TestMain:
//
//	func TestMain(m *testing.M) { sandboxtest.Run(m) }
//
// The test binary is started again with the same arguments; the machine's /tmp
// stays visible for the go command's files. Where the kernel refuses the
// sandbox, it prints the reason and exits with 0, or with 1 if EnvRequire is
// set.
func Run(m interface{ Run() int }) {
	sandbox.Enter()
	if sandbox.Inside() {
		os.Exit(m.Run())
	}

	opts := sandbox.Options{KeepTmp: true, UserNamespace: os.Getenv(EnvUserNamespace) != ""}
	ctx := context.Background()

	if err := sandbox.Probe(ctx, opts); err != nil {
		fmt.Fprintf(os.Stderr, "run tests in a sandbox: %v\n", err)
		if _, ok := errors.AsType[*sandbox.RefusedError](err); ok && os.Getenv(EnvRequire) == "" {
			fmt.Fprintln(os.Stderr, "SKIP: all tests of this package need a sandbox")
			os.Exit(0)
		}
		os.Exit(1)
	}

	// The go command asks for a goroutine dump by SIGQUIT when time is up; the
	// dump of interest is the worker's.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGQUIT, syscall.SIGINT, syscall.SIGTERM)

	cmd := sandbox.Command(ctx, opts, os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		fmt.Fprintf(os.Stderr, "run tests in a sandbox: %v\n", err)
		os.Exit(1)
	}

	go func() {
		for s := range signals {
			// An error means that the sandbox ended: Wait returns.
			_ = cmd.Process.Signal(s)
		}
	}()

	err := cmd.Wait()
	exit, isExit := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		os.Exit(0)
	case isExit && exit.ExitCode() >= 0:
		os.Exit(exit.ExitCode())
	default:
		fmt.Fprintf(os.Stderr, "run tests in a sandbox: %v\n", err)
		os.Exit(1)
	}
}
