package shell

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/chzyer/readline"
	"golang.org/x/term"

	"edgebed/harness/emu"
	"edgebed/harness/testbed"
	"edgebed/harness/topology"
	"edgebed/nodes/yamlfile"
)

// Shell is a network with somebody at the keyboard. Lines run one after another.
type Shell struct {
	network *emu.Network
	out     io.Writer
	errs    io.Writer
	// stdout is the standard output of programs on hosts: out, unless they need the
	// terminal or file behind it.
	stdout io.Writer
	// terminal says whether a person is there: programs get it, and prompts are
	// shown.
	terminal bool
	// script is the name of the file that the lines are from, empty without one.
	script string
	// down holds the losses of links that were taken down, by direction.
	down     map[[2]string]topology.Loss
	captures map[string]*capture
	// bench are the nodes of a scenario, nil without one, and invoked is the number of the
	// next execution.
	bench   *testbed.Bench
	invoked int
}

// New returns a shell for a network that was built with the LiveDelay option.
// Results go to out, mistakes to errs.
func New(n *emu.Network, out, errs io.Writer) *Shell {
	return &Shell{
		network: n, out: out, errs: errs, stdout: out,
		terminal: term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stdout.Fd())),
		down:     map[[2]string]topology.Loss{},
		captures: map[string]*capture{},
	}
}

// errExit is what the command that ends the shell returns.
var errExit = errors.New("exit")

// ExitError is a program on a host that ended with another exit code than 0.
type ExitError struct {
	Program string
	Code    int
}

func (e *ExitError) Error() string {
	return fmt.Sprintf("%s ended with exit code %d", e.Program, e.Code)
}

// Execute runs one line: one of the shell's commands, or "HOST COMMAND ...". An
// empty line and a comment do nothing. Ctrl-C ends what the line does, not the shell.
func (s *Shell) Execute(ctx context.Context, line string) error {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return nil
	}

	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT)
	defer stop()

	if h, rest := s.hostOf(line); h != nil {
		return s.onHost(ctx, h, rest)
	}
	word, rest, _ := strings.Cut(line, " ")
	for _, c := range commands() {
		if c.is(word) {
			args, err := fields(rest)
			if err != nil {
				return err
			}
			return c.run(s, ctx, args)
		}
	}

	return fmt.Errorf("unknown command or host %q%s (help lists the commands, hosts the hosts)",
		word, yamlfile.Suggest(word, s.words()))
}

// machine is what programs run on: a host, or a router.
type machine interface {
	testbed.Machine
	Name() string
}

// machines returns all of the network.
func (s *Shell) machines() []machine {
	var list []machine
	for _, h := range s.network.Hosts() {
		list = append(list, h)
	}
	for _, r := range s.network.Routers() {
		list = append(list, r)
	}

	return list
}

// hostOf returns the host or router whose name a line begins with, the longest one since
// names may have blanks, and the rest of the line; nil where there is none.
func (s *Shell) hostOf(line string) (host machine, rest string) {
	for _, h := range s.machines() {
		after, ok := strings.CutPrefix(line, h.Name())
		if ok && (after == "" || after[0] == ' ') && (host == nil || len(h.Name()) > len(host.Name())) {
			host, rest = h, strings.TrimSpace(after)
		}
	}

	return host, rest
}

// fields divides the arguments of a command, in which names with blanks stand in quotes.
func fields(line string) ([]string, error) {
	var list []string
	for rest := strings.TrimSpace(line); rest != ""; rest = strings.TrimSpace(rest) {
		end := " "
		if quote := rest[:1]; quote == `"` || quote == "'" {
			end, rest = quote, rest[1:]
		}
		field, after, ok := strings.Cut(rest, end)
		if !ok && end != " " {
			return nil, fmt.Errorf("%s: a quote has no end", line)
		}
		list, rest = append(list, field), after
	}

	return list, nil
}

// words are all that a line may begin with.
func (s *Shell) words() []string {
	var list []string
	for _, c := range commands() {
		list = append(list, strings.Fields(c.names)...)
	}
	for _, m := range s.machines() {
		list = append(list, m.Name())
	}

	return list
}

// ErrLines is what Lines returns where lines failed; why was written as it happened.
var ErrLines = errors.New("some lines failed")

// Lines runs the lines of a file, or of a program's output. It goes on after a
// mistake, and returns ErrLines at the end.
func (s *Shell) Lines(ctx context.Context, r io.Reader) error {
	var failed error
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for number := 1; lines.Scan() && ctx.Err() == nil; number++ {
		err := s.Execute(ctx, lines.Text())
		if errors.Is(err, errExit) {
			break
		}
		if err != nil && s.script != "" {
			err = fmt.Errorf("%s:%d: %w", s.script, number, err)
		}
		if err != nil {
			fmt.Fprintln(s.errs, err)
			failed = ErrLines
		}
	}

	return errors.Join(failed, lines.Err(), s.stopCaptures())
}

// Loop reads lines from the terminal until exit or Ctrl-D. History is kept in the
// given file, unless its name is empty.
func (s *Shell) Loop(ctx context.Context, history string) error {
	// The terminal is handed to programs and taken back; that must not stop the
	// shell, which is then in the background.
	signal.Ignore(syscall.SIGTTOU)

	input, err := readline.NewEx(&readline.Config{
		Prompt: "edgebed> ", HistoryFile: history, AutoComplete: completer{s}, InterruptPrompt: "^C", EOFPrompt: "exit",
	})
	if err != nil {
		return fmt.Errorf("open the terminal: %w", err)
	}
	defer input.Close()

	fmt.Fprintf(s.out, "%s: %d hosts, %d links. help lists the commands, Tab completes, Ctrl-D ends.\n",
		s.network.Topology().Name, len(s.network.Hosts()), len(s.network.Topology().Links))
	for ctx.Err() == nil {
		line, err := input.Readline()
		if errors.Is(err, readline.ErrInterrupt) {
			continue
		}
		if err != nil {
			break // Ctrl-D
		}

		err = s.Execute(ctx, line)
		if errors.Is(err, errExit) {
			break
		}
		if err != nil {
			fmt.Fprintln(s.errs, err)
		}
	}

	return s.stopCaptures()
}

// pause waits, unless the context ends before.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
