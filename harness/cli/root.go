package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"edgebed/harness/escape"
	"edgebed/harness/shell"
	"edgebed/nodes/yamlfile"
)

// Exit codes of the commands.
const (
	exitOK          = 0
	exitFailed      = 1   // the command could not do its work
	exitUsage       = 2   // a wrong flag, argument or file; nothing was started
	exitIncomplete  = 3   // a campaign ended with failed executions or cells
	exitInterrupted = 130 // Ctrl-C; what was finished is on disk
)

// exitError is an error with the exit code that it means.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// errSaid stands for an error that the user has seen already.
var errSaid = errors.New("said")

func usage(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{exitUsage, err}
}

// Run executes the command line and returns the exit code. Results go to
// stdout, progress and errors to stderr.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	out := &output{to: stdout}
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(stderr)

	root.InitDefaultCompletionCmd()
	if err := unknownBelow(root, args); err != nil {
		fmt.Fprintln(stderr, "edgebed:", escape.Terminal(err.Error()))
		return exitUsage
	}

	cmd, err := execute(ctx, root)
	if told := (*exitError)(nil); err != nil && ctx.Err() != nil && !errors.As(err, &told) {
		err = &exitError{exitInterrupted, fmt.Errorf("interrupted: %w", err)} // that is why it failed
	}
	if err != nil && !errors.Is(err, errSaid) {
		fmt.Fprintln(stderr, "edgebed:", escape.Terminal(yamlfile.Explain(err)))
	}
	if lost := out.failed(); lost != nil {
		fmt.Fprintln(stderr, "edgebed:", escape.Terminal(lost.Error()))
		if err == nil {
			return exitFailed
		}
	}
	if err == nil {
		return exitOK
	}
	if cmd == root {
		return exitUsage // no such command
	}
	var e *exitError
	if errors.As(err, &e) {
		return e.code
	}
	return exitFailed
}

// rootCommand returns the command that all others are below.
func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "edgebed",
		Short: "Emulation testbed for serverless functions at the edge",
		Long: `edgebed reproduces the evaluation of "FaaS Execution Models for Edge
Applications" and runs your own experiments: it builds a network of emulated
hosts with shaped links, starts routers, computers and state servers on them,
executes chains and DAGs of functions, and plots delay and traffic.

Everything runs in private namespaces of this process: nothing on the machine
changes, nothing is left behind, and no privilege is needed where the kernel
allows user namespaces.

Exit codes: 0 done, 1 failed, 2 wrong usage or file (nothing was started),
3 some executions or cells failed, 130 interrupted.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.PersistentPreRun = func(cmd *cobra.Command, _ []string) {
		// Whoever reads the output may go away (| head): the write then fails, instead of a
		// signal that would end a campaign, or leave a report half made. What runs in a shell
		// may have no other end.
		if !slices.Contains([]string{"shell", "exec", shell.WorkerArg}, cmd.Name()) {
			signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
		}
	}
	root.Version = versionLine()
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	root.AddCommand(runCommand(), mergeCommand(), fsckCommand(), reportCommand(), initCommand(),
		validateCommand(), planCommand(), listCommand(), showCommand(), workloadCommand(), checkCommand(),
		compareCommand(),
		exportCommand(), schemaCommand(), baselineCommand(), topoCommand(),
		shellCommand(), execCommand(), doctorCommand(), traceCommand(), versionCommand(),
		workerCommand(), shellWorkerCommand(), examineCommand(), calibrateCommand(), manCommand())
	wrongIsUsage(root)

	return root
}

// wrongIsUsage makes what cobra finds wrong with the arguments of all commands below one,
// and with flags that exclude each other, mistakes in the usage.
func wrongIsUsage(of *cobra.Command) {
	for _, cmd := range of.Commands() {
		check := cmd.Args
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := cmd.ValidateFlagGroups(); err != nil {
				return usage(err)
			}
			if check == nil {
				return nil
			}
			return usage(check(cmd, args))
		}
		wrongIsUsage(cmd)
	}
}

// unknownBelow returns an error where a command that does nothing by itself is given one
// below it that it does not have: cobra would show its help, as if all were well.
func unknownBelow(root *cobra.Command, args []string) error {
	help := len(args) > 0 && args[0] == "help"
	if help {
		args = args[1:]
	}
	cmd, rest, err := root.Find(args)
	if help && err != nil {
		return err
	}
	if err != nil || cmd.Runnable() || len(rest) == 0 || strings.HasPrefix(rest[0], "-") {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	return fmt.Errorf("unknown command %q for %q%s", rest[0], cmd.CommandPath(), yamlfile.Suggest(rest[0], names))
}
