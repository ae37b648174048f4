package shell

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"

	"edgebed/harness/emu"
	"edgebed/harness/topology"
	"edgebed/nodes/yamlfile"
)

// command is one of the shell's own commands.
type command struct {
	// names of the command, separated by blanks.
	names string
	usage string
	help  string
	run   func(s *Shell, ctx context.Context, args []string) error
}

// is reports whether the command has the name.
func (c command) is(name string) bool { return slices.Contains(strings.Fields(c.names), name) }

// commands returns all commands in the order in which help lists them.
func commands() []command {
	return []command{
		{"hosts nodes", "hosts", "list hosts with their addresses", (*Shell).listHosts},
		{"links net", "links", "list links with their parameters as they are now", (*Shell).listLinks},
		{"dump", "dump", "hosts and links", (*Shell).dump},
		{"ping", "ping [-6] HOST HOST [COUNT]",
			"time round trips (HOST ping ... runs the system's ping)", (*Shell).ping},
		{"pingall", "pingall [-6]", "one packet between all pairs of hosts", (*Shell).pingAll},
		{"iperf", "iperf [-6] HOST HOST [SECONDS]", "TCP goodput from the first to the second", (*Shell).iperf},
		{"iperfudp", "iperfudp [-6] HOST HOST RATE [SECONDS]",
			"UDP at a rate: what arrives, what is lost", (*Shell).iperfUDP},
		{"link", "link SWITCH SWITCH up|down", "take a link down, or up again", (*Shell).upDown},
		{"set", "set SWITCH SWITCH PARAMETER VALUE...",
			"change both directions of a link at once: " + strings.Join(topology.Parameters(), ", "), (*Shell).set},
		{"watch", "watch [SECONDS]", "rates of all ports, every second, until Ctrl-C", (*Shell).watch},
		{"counters", "counters", "bytes and packets of all ports since the start", (*Shell).counters},

		{"tables", "tables [SWITCH... | HOST...]",
			"where switches send what is for a host; of hosts, which function is where (with a scenario)",
			(*Shell).tables},
		{"states", "states [HOST...]", "what state servers hold (with a scenario)", (*Shell).states},
		{"invoke", "invoke [NUMBER | FILE.json | FUNCTION,FUNCTION... [STATE=SIZE...]]",
			"execute a workflow and time it: the scenario's next one, or another (with a scenario)", (*Shell).invoke},

		{"xterm", "xterm HOST...", "a window with a shell on each host, where there is an X display", (*Shell).xterm},
		{"capture", "capture PORT FILE | capture PORT stop",
			"write a port's frames as pcapng for Wireshark", (*Shell).capture},
		{"help ?", "help [COMMAND]", "this list, or one command", (*Shell).help},
		{"exit quit", "exit", "take the network down and leave",
			func(*Shell, context.Context, []string) error { return errExit }},
	}
}

func (s *Shell) help(_ context.Context, args []string) error {
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	var names []string
	known := len(args) == 0
	for _, c := range commands() {
		names = append(names, strings.Fields(c.names)...)
		if len(args) == 0 || c.is(args[0]) {
			fmt.Fprintf(table, "%s\t%s\n", c.usage, c.help)
			known = true
		}
	}
	if !known {
		return fmt.Errorf("unknown command %q%s", args[0], yamlfile.Suggest(args[0], names))
	}
	if len(args) == 0 {
		fmt.Fprintln(table, "HOST COMMAND ...\trun a program on a host, for instance h1 ping -c3 h2, or h2 sh")
	}

	return table.Flush()
}

// usageError says how a command is used.
func usageError(name string) error {
	for _, c := range commands() {
		if c.is(name) {
			return fmt.Errorf("usage: %s", c.usage)
		}
	}

	return errors.New("wrong usage")
}

// hostPair is the two hosts that a command begins with.
type hostPair struct {
	a, b *emu.Host
	// by is the interface that the first one sends by, nil where the kernel chooses it; at is
	// that of the second one.
	by, at *emu.Interface
	// from and to are the addresses: from is unspecified where the kernel chooses it.
	from, to netip.Addr
}

// twoHosts finds the hosts that a command begins with, after -6 where it is about their
// IPv6 addresses, and returns the other arguments.
func (s *Shell) twoHosts(command string, args []string) (t hostPair, rest []string, err error) {
	args, six := cutSix(args)
	if len(args) < 2 {
		return t, nil, usageError(command)
	}
	a, ofA, errA := s.interfaceOf(args[0])
	b, ofB, errB := s.interfaceOf(args[1])
	if err := errors.Join(errA, errB); err != nil {
		return t, nil, err
	}
	t, err = between(a, b, ofB, six)
	if args[0] != a.Name() { // that of an interface
		t.by, t.from = ofA, ofA.Address()
		if six {
			t.from = ofA.Address6()
		}
	}
	return t, args[2:], err
}

// interfaceOf finds a host, and its first interface, or that of a name such as host1-eth1.
func (s *Shell) interfaceOf(name string) (*emu.Host, *emu.Interface, error) {
	h, err := s.network.Host(name)
	if err == nil {
		return h, h.Interfaces()[0], nil
	}
	for _, h := range s.network.Hosts() {
		for _, f := range h.Interfaces() {
			if h.Name()+"-"+f.Name() == name {
				return h, f, nil
			}
		}
	}
	return nil, nil, err
}

// between returns two hosts with the address of one family that an interface of the second
// one has.
func between(a, b *emu.Host, of *emu.Interface, six bool) (hostPair, error) {
	t := hostPair{a: a, b: b, at: of, from: netip.IPv4Unspecified(), to: of.Address()}
	if !six {
		return t, nil
	}
	t.from, t.to = netip.IPv6Unspecified(), of.Address6()
	if !t.to.IsValid() {
		return t, errors.New("hosts have no IPv6 addresses here: set ipv6 of the topology, " +
			"on a kernel that has it (edgebed doctor says so)")
	}
	return t, nil
}

// cutSix takes -6 off the front of arguments.
func cutSix(args []string) (rest []string, six bool) {
	if len(args) > 0 && args[0] == "-6" {
		return args[1:], true
	}
	return args, false
}
