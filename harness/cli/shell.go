package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"edgebed/harness/sandbox"
	"edgebed/harness/shell"
	"edgebed/harness/testbed"
	"edgebed/harness/topology"
	"edgebed/nodes/yamlfile"
)

func shellCommand() *cobra.Command {
	var lines []string
	var script string
	var flags selectionFlags
	var allowExec bool
	cmd := &cobra.Command{
		Use:   "shell TOPOLOGY|SCENARIO",
		Short: "Build a network and touch it: ping, iperf, programs on hosts, links up and down",
		Long: `Build the network of a topology in a sandbox and read commands: from the terminal
with history and completion, from --command, --file, or stdin. When the shell ends,
the kernel takes everything down.

With a scenario, the nodes and programs of one of its cells run, too: "tables" shows
what routers know, "states" what state servers hold, "invoke" executes a workflow and
times it. The first cell is taken, unless --where or --filter choose another one.

` + topologyHelp + `

In the shell, "help" lists the commands, and HOST COMMAND runs a program on a host:
with the terminal, so that editors and top work. Host names resolve.`,
		Example: `  edgebed shell ring
  edgebed shell tree,depth=2,fanout=3 -c pingall -c 'iperf host0 host8'
  edgebed shell ring6 --file commands.txt
  echo pingall | edgebed shell star,4
  edgebed shell exp400 --where 'rate=10 Mb/s' --where model=state-prop -c invoke -c states`,
		Args: exactly(1, "a topology or a scenario"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if lines != nil && script != "" {
				return usage(errors.New("shell: give --command or --file, not both"))
			}

			if script != "" {
				var err error
				if lines, err = readScript(script); err != nil {
					return usage(err)
				}
			}
			c := shell.Config{Lines: lines, Script: script, History: historyFile()}
			if isScenario(args[0]) {
				return spawnOnScenario(cmd, &flags, args[0], consent(allowExec), c)
			}
			for _, flag := range []string{"profile", "set", "where", "filter", "network", "allow-exec"} {
				if cmd.Flags().Changed(flag) {
					return usage(fmt.Errorf("shell: --%s is for scenarios, and %s is none", flag, args[0]))
				}
			}

			return spawnShell(cmd, args[0], c)
		},
	}
	cmd.Flags().StringArrayVarP(&lines, "command", "c", nil,
		"run this `line` instead of reading a terminal; repeatable")
	cmd.Flags().StringVarP(&script, "file", "f", "", "run the lines of this `file`")
	flags.add(cmd)
	addConsent(cmd, &allowExec)

	return cmd
}

func execCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "exec TOPOLOGY HOST -- COMMAND [ARGUMENT...]",
		Short: "Build a network and run one program on a host, with its exit code",
		Long: `Build the network of a topology in a sandbox, run one program on a host, and end
with its exit code. The program has the caller's files, terminal and environment.

` + topologyHelp,
		Example: `  edgebed exec ring host0 -- ping -c 3 host3
  edgebed exec star,4 host1 -- ip address`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 3 {
				return usage(errors.New("exec: name a topology, a host and, after --, a command"))
			}

			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return spawnShell(cmd, args[0], shell.Config{Host: args[1], Program: args[2:]})
		},
	}
}

// readScript returns the lines of a file, or of a pipe.
func readScript(name string) ([]string, error) {
	text, err := yamlfile.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read commands: %w", err)
	}
	if info, err := os.Stat(name); err == nil && info.Mode()&fs.ModeNamedPipe != 0 && len(text) == 0 {
		return nil, fmt.Errorf("read commands: %s is a pipe, and nobody writes to it", name)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return []string{""}, nil // not none: those are read from the terminal
	}
	if text, err = yamlfile.Text(name, text); err != nil {
		return nil, err
	}
	return strings.Split(string(text), "\n"), nil
}

// spawnShell opens the topology before anything is started, and does in its network
// what the config says.
func spawnShell(cmd *cobra.Command, reference string, c shell.Config) error {
	t, err := openTopology(cmd, reference)
	if err != nil {
		return err
	}
	if c.Host != "" {
		_, ok := t.Host(c.Host)
		if !ok && !(t.IsRouted() && slices.Contains(t.Switches, c.Host)) {
			return usage(fmt.Errorf("exec: topology %s has no host %q", t.Name, c.Host))
		}
	}
	if c.Topology, err = t.YAML(); err != nil {
		return err
	}

	return spawn(cmd, c, t)
}

// spawn starts a shell in the network of a topology, and ends as it does.
func spawn(cmd *cobra.Command, c shell.Config, t *topology.Topology) error {
	if err := testbed.Room(t); err != nil {
		return err
	}
	if err := sandbox.Probe(cmd.Context(), sandbox.Options{}); err != nil {
		return err
	}

	defer hold(cmd.Context())()
	defer keepInterrupt()()
	err := shell.Spawn(cmd.Context(), c)
	var exit *shell.ExitError
	if errors.As(err, &exit) {
		if exit.Code < 0 && cmd.Context().Err() != nil {
			return &exitError{exitInterrupted, errors.New("interrupted")}
		}
		return &exitError{code: exit.Code, err: errSaid}
	}

	return err
}

// keepInterrupt keeps a second Ctrl-C from ending the process: in a shell it is for
// what runs there.
func keepInterrupt() (stop func()) {
	ignored := make(chan os.Signal, 1)
	signal.Notify(ignored, os.Interrupt)

	return func() { signal.Stop(ignored) }
}

// historyFile is where the shell keeps its history; none without a home.
func historyFile() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	dir = filepath.Join(dir, "edgebed")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return ""
	}

	return filepath.Join(dir, "history")
}

// shellWorkerCommand is what shell.Spawn starts; users have no reason to.
func shellWorkerCommand() *cobra.Command {
	return &cobra.Command{
		Use:    shell.WorkerArg,
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			defer hold(cmd.Context())()
			// Ctrl-C is for what runs in the shell; only SIGTERM and SIGHUP end it.
			ctx, stop := signal.NotifyContext(context.WithoutCancel(cmd.Context()), syscall.SIGTERM, syscall.SIGHUP)
			defer stop()
			defer keepInterrupt()()

			if code := shell.Main(ctx, cmd.OutOrStdout()); code != 0 {
				return &exitError{code: code, err: errSaid}
			}

			return nil
		},
	}
}
