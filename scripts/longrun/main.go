package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"edgebed/harness/emu/delayline"
	"edgebed/harness/sandbox"
)

func main() {
	delayline.MaybeMain()
	sandbox.Enter()
	var o options
	flag.IntVar(&o.networks, "networks", 10_000, "how many networks")
	flag.IntVar(&o.executions, "executions", 100_000, "how many executions in virtual time")
	flag.StringVar(&o.virtual, "virtual", "bin/edgebed-virtual", "the worker in virtual time")
	flag.Parse()
	o.may = usual

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if sandbox.Inside() {
		err = inside(ctx, os.Stdout, flag.Args(), o.may)
	} else {
		err = run(ctx, os.Stdout, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "longrun:", err)
		os.Exit(1)
	}
}

type options struct {
	networks, executions int
	virtual              string
	may                  allowance
}

// run does both parts, the networks in a sandbox, where there is one.
func run(ctx context.Context, out io.Writer, o options) error {
	all, err := executions(ctx, o.virtual, o.executions)
	if err == nil {
		err = report(out, "executions", all, o.may)
	}

	refused := sandbox.Probe(ctx, sandbox.Options{})
	if _, ok := errors.AsType[*sandbox.RefusedError](refused); ok {
		fmt.Fprintln(out, "longrun: without networks:", refused)
		return err
	}
	cmd := sandbox.Command(ctx, sandbox.Options{KeepTmp: true}, strconv.Itoa(o.networks))
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	return errors.Join(err, cmd.Run())
}

// inside is what happens in the sandbox: its argument is how many networks.
func inside(ctx context.Context, out io.Writer, args []string, may allowance) error {
	if len(args) != 1 {
		return fmt.Errorf("%d arguments, want one", len(args))
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	all, err := networks(ctx, n)
	if err != nil {
		return err
	}
	return report(out, "networks", all, may)
}
