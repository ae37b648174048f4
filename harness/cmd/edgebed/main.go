// Command edgebed is an emulation testbed for serverless functions at the edge.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"edgebed/harness/apart"
	"edgebed/harness/cgroup"
	"edgebed/harness/cli"
	"edgebed/harness/emu/delayline"
	"edgebed/harness/machine"
	"edgebed/harness/sandbox"
)

func main() {
	sandbox.Enter()       // takes over where this process is a sandbox's init
	delayline.MaybeMain() // takes over where this process is a network's delay line
	cgroup.MaybeMain()    // takes over where this process guards control groups
	apart.MaybeMain()     // takes over where this process has the nodes of a host with a limit
	if err := machine.Addresses(); err != nil {
		fmt.Fprintln(os.Stderr, "edgebed:", err)
		os.Exit(1)
	}
	// Writing beyond the limit of a file's size (ulimit -f) is an error, as on a full disk.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGXFSZ)
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	context.AfterFunc(ctx, stop) // a second one ends the process at once
	code := cli.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// endings are the signals that end a command in order.
func endings() []os.Signal {
	list := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		list = append(list, syscall.SIGHUP)
	}
	return list
}
