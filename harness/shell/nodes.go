package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"edgebed/harness/job"
	"edgebed/harness/record"
	"edgebed/harness/testbed"
	"edgebed/harness/topology/view"
	"edgebed/nodes/router"
	"edgebed/nodes/units"
	"edgebed/nodes/workflow"
	"edgebed/nodes/yamlfile"
)

// NewOn returns a shell for a scenario's network with its nodes. Results go to out,
// mistakes to errs.
func NewOn(b *testbed.Bench, out, errs io.Writer) *Shell {
	s := New(b.Network(), out, errs)
	s.bench = b
	return s
}

// errNoNodes is what commands say that need the nodes of a scenario.
var errNoNodes = errors.New("there are no nodes here: start the shell with a scenario (edgebed shell SCENARIO)")

// tables shows where switches send what is for hosts, or what the routers on hosts know:
// which function is where.
func (s *Shell) tables(_ context.Context, args []string) error {
	t := s.network.Topology()
	ofSwitches := len(args) > 0 && slices.Contains(t.Switches, args[0])
	if ofSwitches || len(args) == 0 && s.bench == nil {
		return view.WriteTables(s.out, t, args...)
	}

	if s.bench == nil {
		return errNoNodes
	}
	hosts, err := s.chosen(args)
	if err != nil {
		return err
	}

	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "router on\tfunction\tto\tweight")
	for _, host := range hosts {
		r := s.bench.Deployment().Router(host)
		if r == nil {
			continue
		}
		for _, e := range r.Table(router.TableOverall) {
			to := s.named(e.Destination)
			if !e.Final {
				to = "router on " + to
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%.3g\n", host, e.Function, to, e.Weight)
		}
	}
	return table.Flush()
}

// states shows what state servers hold.
func (s *Shell) states(_ context.Context, args []string) error {
	if s.bench == nil {
		return errNoNodes
	}
	hosts, err := s.chosen(args)
	if err != nil {
		return err
	}

	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	rows := 0
	for _, host := range hosts {
		sizes, err := s.bench.States(host)
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(sizes)) {
			if rows == 0 {
				fmt.Fprintln(table, "state server on\tstate\tsize")
			}
			rows++
			fmt.Fprintf(table, "%s\t%s\t%v\n", host, name, units.Size(sizes[name]))
		}
	}
	if rows == 0 {
		fmt.Fprintln(table, "no state server holds a state")
	}
	return table.Flush()
}

// chosen returns the hosts that a command names, or all.
func (s *Shell) chosen(args []string) ([]string, error) {
	var hosts []string
	for _, name := range args {
		h, err := s.network.Host(name)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, h.Name())
	}
	if hosts == nil {
		for _, h := range s.network.Hosts() {
			hosts = append(hosts, h.Name())
		}
	}
	return hosts, nil
}

// named writes an endpoint with the name of its host.
func (s *Shell) named(endpoint string) string {
	address, port, _ := strings.Cut(endpoint, ":")
	for _, h := range s.network.Hosts() {
		if h.Address().String() == address {
			return h.Name() + ":" + port
		}
	}
	return endpoint
}

// invoke makes one execution: the scenario's next one, one by its number, a workflow in a
// file, or a chain of functions.
func (s *Shell) invoke(ctx context.Context, args []string) error {
	if s.bench == nil {
		return errNoNodes
	}
	index := s.invoked
	w, err := s.asked(&index, args)
	if err != nil {
		return err
	}

	s.invoked = index + 1
	e, err := s.bench.Execute(ctx, index, w)
	if err != nil {
		return err
	}
	s.tell(e, w)
	if !e.OK {
		return fmt.Errorf("invoke: it failed: %s", e.Reason)
	}
	return nil
}

// asked returns the workflow that invoke is to run, and its number.
func (s *Shell) asked(index *int, args []string) (job.Workflow, error) {
	j := s.bench.Job()
	if len(args) == 0 {
		return j.Workflow(*index)
	}
	if n, err := strconv.Atoi(args[0]); err == nil && len(args) == 1 {
		if n < 0 || n >= j.Executions() {
			return job.Workflow{}, fmt.Errorf("invoke %d: the scenario has executions 0 to %d", n, j.Executions()-1)
		}
		*index = n
		return j.Workflow(n)
	}
	if j.OfPrograms() {
		return job.Workflow{}, errors.New("invoke: the executions are those of programs of others; " +
			"give nothing, or a number")
	}

	var w job.Workflow
	if strings.HasSuffix(args[0], ".json") && len(args) == 1 {
		read, err := job.ReadWorkflows(args)
		if err != nil {
			return job.Workflow{}, err
		}
		w = read[0]
	} else {
		chain, err := s.chain(args)
		if err != nil {
			return job.Workflow{}, err
		}
		w = job.Workflow{Name: args[0], Workflow: chain}
	}
	return w, j.Runnable(w)
}

// chain reads a chain: its functions, between commas, and states that all of them use,
// as NAME=SIZE.
func (s *Shell) chain(args []string) (*workflow.Workflow, error) {
	served := s.bench.Job().Functions()
	c := &workflow.Workflow{Dependencies: map[string][]string{}, StateSizes: map[string]units.Size{}}
	for _, name := range strings.Split(args[0], ",") {
		// A function may be called by the address of its host.
		h, err := s.network.Host(name)
		if err == nil && !slices.Contains(served, name) && slices.Contains(served, h.Address().String()) {
			name = h.Address().String()
		}
		if !slices.Contains(served, name) {
			return nil, fmt.Errorf("invoke: no computer serves function %q%s (a file with a workflow ends with .json)",
				name, yamlfile.Suggest(name, served))
		}
		c.Functions = append(c.Functions, name)
	}

	users := slices.Compact(slices.Sorted(slices.Values(c.Functions)))
	for _, arg := range args[1:] {
		name, text, ok := strings.Cut(arg, "=")
		if !ok {
			return nil, usageError("invoke")
		}
		size, err := units.ParseSize(text)
		if err != nil {
			return nil, fmt.Errorf("invoke: state %s: %w", name, err)
		}
		c.Dependencies[name], c.StateSizes[name] = users, size
	}
	return c, nil
}

// tell writes what an execution came to.
func (s *Shell) tell(e record.Execution, w job.Workflow) {
	what := fmt.Sprintf("execution %d", e.Index)
	if w.Workflow != nil && !s.bench.Job().OfPrograms() {
		what += fmt.Sprintf(", %d functions, %d states", w.Workflow.Len(), len(w.Workflow.StateSizes))
	}
	fmt.Fprintf(s.out, "%s: %v, %v between switches, %d drops, %d retransmissions\n", what,
		time.Duration(e.DelayNS).Round(10*time.Microsecond), units.Size(e.TrunkBytes), e.Drops, e.Retransmissions)
	for _, metric := range slices.Sorted(maps.Keys(e.Quantities)) {
		fmt.Fprintf(s.out, "  %s %.5g\n", metric, e.Quantities[metric])
	}
}
