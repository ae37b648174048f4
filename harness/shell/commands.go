package shell

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"edgebed/harness/emu"
)

// command is one of the shell's own commands.
type command struct {
	// names of the command, separated by blanks.
	names string
	usage string
	help  string
	run   func(s *Shell, ctx context.Context, args []string) error
}

// commands returns all commands in the order in which help lists them.
func commands() []command {
	return []command{
		{"hosts nodes", "hosts", "list hosts with their addresses", (*Shell).listHosts},
		{"links net", "links", "list links with their parameters as they are now", (*Shell).listLinks},
		{"dump", "dump", "hosts and links", (*Shell).dump},
		{"ping", "ping HOST HOST [COUNT]", "time round trips (HOST ping ... runs the system's ping)", (*Shell).ping},
		{"pingall", "pingall", "one packet between all pairs of hosts", (*Shell).pingAll},
		{"iperf", "iperf HOST HOST [SECONDS]", "TCP goodput from the first to the second", (*Shell).iperf},
		{"iperfudp", "iperfudp HOST HOST RATE [SECONDS]",
			"UDP at a rate: what arrives, what is lost", (*Shell).iperfUDP},
		{"link", "link SWITCH SWITCH up|down", "take a link down, or up again", (*Shell).upDown},
		{"set", "set SWITCH SWITCH PARAMETER VALUE...",
			"change both directions of a link at once: " + strings.Join(parameters(), ", "), (*Shell).set},
		{"watch", "watch [SECONDS]", "rates of all ports, every second, until Ctrl-C", (*Shell).watch},
		{"counters", "counters", "bytes and packets of all ports since the start", (*Shell).counters},

		{"tables", "tables [HOST...]", "what routers know: which function is where (with a scenario)", (*Shell).tables},
		{"states", "states [HOST...]", "what state servers hold (with a scenario)", (*Shell).states},
		{"invoke", "invoke [NUMBER | FILE.json | FUNCTION,FUNCTION... [STATE=SIZE...]]",
			"execute a workflow and time it: the scenario's next one, or another (with a scenario)", (*Shell).invoke},

		{"capture", "capture PORT FILE | capture PORT stop",
			"write a port's frames as pcapng for Wireshark", (*Shell).capture},
		{"help ?", "help [COMMAND]", "this list, or one command", (*Shell).help},
		{"exit quit", "exit", "take the network down and leave",
			func(*Shell, context.Context, []string) error { return errExit }},
	}
}

func (s *Shell) help(_ context.Context, args []string) error {
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	for _, c := range commands() {
		if len(args) == 0 || strings.Contains(" "+c.names+" ", " "+args[0]+" ") {
			fmt.Fprintf(table, "%s\t%s\n", c.usage, c.help)
		}
	}
	if len(args) == 0 {
		fmt.Fprintln(table, "HOST COMMAND ...\trun a program on a host, for instance h1 ping -c3 h2, or h2 sh")
	}

	return table.Flush()
}

// usageError says how a command is used.
func usageError(name string) error {
	for _, c := range commands() {
		if strings.Contains(" "+c.names+" ", " "+name+" ") {
			return fmt.Errorf("usage: %s", c.usage)
		}
	}

	return errors.New("wrong usage")
}

// twoHosts finds the hosts that a command begins with.
func (s *Shell) twoHosts(command string, args []string) (a, b *emu.Host, err error) {
	if len(args) < 2 {
		return nil, nil, usageError(command)
	}
	a, errA := s.network.Host(args[0])
	b, errB := s.network.Host(args[1])

	return a, b, errors.Join(errA, errB)
}
