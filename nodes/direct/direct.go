// Package direct is the logic of the direct form, the paper's own design for
// DAGs (Sec. 5.3): who sends which outputs and which states to whom. It knows
// messages but no network; nodes/client and nodes/computer send them.
//
// The client binds every task of a workflow to a computer, once per execution,
// and the binding is carried in every message, as is the order in which tasks
// use each state. A task runs when it has the outputs of all its predecessors
// and all its states. Then its output goes straight to the computers of its
// successors, and each state that it used to the computer of the state's next
// user, or to the client after the last one. With state-prop these are the
// states' contents, with state-local references to where the states are.
//
// There is exactly one message from each sender to each receiver: what a state's
// next user gets as a successor anyway comes with the argument. The client sends
// the entry its argument, and each state to its first user. So the payload is
// that of Eq. (1): each output once per precedence, each state once per user and
// once back.
package direct

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"edgebed/nodes/wire"
	"edgebed/nodes/workflow"
)

// Client is the client's index where a task's is asked for.
const Client = workflow.Client

// marker is the only element of the chain field of the form's requests. A
// prototype node ignores the fields that make up this form, but refuses a
// request that has both a chain and a DAG.
const marker = "direct"

// maxRemaining bounds a deadline that a message tells.
const maxRemaining = 24 * time.Hour

// Course is what all messages of one execution have in common: which computer runs
// each task, and who hands what to whom. It is not changed once made, and may be used
// by several goroutines.
type Course struct {
	// UUID of the execution.
	UUID string
	// Callback is the endpoint of the client's callback server.
	Callback string
	// Local is true for state-local, false for state-prop.
	Local bool
	// Verify asks every task to append its index to each state that it uses.
	Verify bool

	dag   *wire.Dag
	hosts []*wire.Binding
	bound []uint32
	users map[string]*wire.IndexList
	// handed holds the states that one task hands to another, sorted, by both
	// their indices.
	handed map[edge][]string
}

// edge goes from one task, or the client, to another.
type edge struct{ from, to int }

// Execution says how a workflow is to run.
type Execution struct {
	// UUID must differ from those of all other executions.
	UUID string
	// Callback is the endpoint of the client's callback server, ip:port.
	Callback string
	// Endpoints holds for each position of the workflow the endpoint of the
	// computer that it is bound to.
	Endpoints []string
	// Local is true for state-local, false for state-prop.
	Local bool
	// Verify asks every task to append its index to each state that it uses.
	Verify bool
}

// New returns the course of one execution of an augmented workflow.
func New(a *workflow.Augmented, e Execution) (*Course, error) {
	w := a.Workflow
	if len(e.Endpoints) != w.Len() {
		return nil, fmt.Errorf("bind execution: %d endpoints for %d functions (want one each)",
			len(e.Endpoints), w.Len())
	}

	p := &Course{
		UUID: e.UUID, Callback: e.Callback, Local: e.Local, Verify: e.Verify,
		dag:   &wire.Dag{Names: slices.Clone(w.Functions)},
		users: make(map[string]*wire.IndexList),
	}
	for i := range w.Len() - 1 {
		p.dag.Successors = append(p.dag.Successors, indices(w.SuccessorsOf(i)))
	}

	// Each computer is named once, and bound to by its number.
	known := make(map[string]uint32)
	for _, endpoint := range e.Endpoints {
		k, ok := known[endpoint]
		if !ok {
			k = uint32(len(p.hosts))
			known[endpoint] = k
			p.hosts = append(p.hosts, &wire.Binding{Endpoint: endpoint})
		}
		p.bound = append(p.bound, k)
	}

	for state, users := range a.Users {
		p.users[state] = indices(users)
	}
	if err := p.index(); err != nil {
		return nil, fmt.Errorf("bind execution: %w", err)
	}
	return p, nil
}

func indices(list []int) *wire.IndexList {
	out := &wire.IndexList{}
	for _, i := range list {
		out.Functions = append(out.Functions, uint64(i))
	}
	return out
}

// index checks the course and fills in what is derived from it.
func (p *Course) index() error {
	n := len(p.dag.GetNames())
	exit := uint64(len(p.dag.GetSuccessors()))
	switch {
	case p.UUID == "":
		return errors.New("no uuid given")
	case p.Callback == "":
		return errors.New("no callback given")
	case n == 0 || uint64(n) != exit+1:
		return fmt.Errorf("%d names and %d successor lists (want one name more)", n, exit)
	case len(p.bound) != n:
		return fmt.Errorf("%d tasks are bound to computers (want all %d)", len(p.bound), n)
	}

	for i, list := range p.dag.GetSuccessors() {
		for _, j := range list.GetFunctions() {
			if j == 0 || j > exit {
				return fmt.Errorf("function %d has successor %d (want 1 to %d)", i, j, exit)
			}
		}
	}
	for i, host := range p.bound {
		if uint64(host) >= uint64(len(p.hosts)) || p.hosts[host].GetEndpoint() == "" {
			return fmt.Errorf("function %d is bound to computer %d, which is not named", i, host)
		}
	}

	// From the client a state goes to its first user, and so on, and back to the client.
	p.handed = make(map[edge][]string)
	for _, state := range slices.Sorted(maps.Keys(p.users)) {
		users := p.users[state].GetFunctions()
		if len(users) == 0 {
			return fmt.Errorf("state %s has no users", state)
		}
		seen := make(map[uint64]bool)
		from := Client
		for _, i := range users {
			if i > exit || seen[i] {
				return fmt.Errorf("state %s: user %d is unknown or stands twice", state, i)
			}
			seen[i] = true
			e := edge{from, int(i)}
			p.handed[e] = append(p.handed[e], state)
			from = int(i)
		}
		p.handed[edge{from, Client}] = append(p.handed[edge{from, Client}], state)
	}
	return nil
}

// Len returns the number of tasks.
func (p *Course) Len() int { return len(p.bound) }

// Exit returns the index of the last task, whose output is the result.
func (p *Course) Exit() int { return p.Len() - 1 }

// Name returns the name of task i's function.
func (p *Course) Name(i int) string { return p.dag.GetNames()[i] }

// Endpoint returns the endpoint of the computer that task i is bound to.
func (p *Course) Endpoint(i int) string { return p.hosts[p.bound[i]].GetEndpoint() }

// Label names a task and its computer, or the client, for people.
func (p *Course) Label(i int) string {
	if i == Client {
		return "the client"
	}
	return fmt.Sprintf("%s (index %d) at computer %s", p.Name(i), i, p.Endpoint(i))
}

// Predecessors returns the tasks whose outputs task i needs, in increasing
// order; the client for the entry.
func (p *Course) Predecessors(i int) []int {
	if i == 0 {
		return []int{Client}
	}
	var list []int
	for j, successors := range p.dag.GetSuccessors() {
		if slices.Contains(successors.GetFunctions(), uint64(i)) {
			list = append(list, j)
		}
	}
	return list
}

// Handed returns the states that one task, or the client, hands to another,
// sorted.
func (p *Course) Handed(from, to int) []string { return p.handed[edge{from, to}] }

// Senders returns who sends a message to task i, in increasing order: its
// predecessors, and those that use its states before it.
func (p *Course) Senders(i int) []int {
	list := p.Predecessors(i)
	for e := range p.handed {
		if e.to == i {
			list = append(list, e.from)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Answers returns the tasks that answer the client, in increasing order: the
// last users of states, and the last task.
func (p *Course) Answers() []int {
	list := []int{p.Exit()}
	for e := range p.handed {
		if e.to == Client {
			list = append(list, e.from)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Finished is a task that has run, or the client at the start of an execution.
type Finished struct {
	// Task is the index of the task; Client for the client.
	Task int
	// Hops is what the task's messages and its answer count.
	Hops   uint32
	Output string
	// States are all that the task used.
	States map[string]*wire.State
}

// Outgoing returns the messages that a task sends when it has run: first to its
// successors in the DAG's order, then to the next users of its states that are
// no successors, and what it returns to the client. For the client it returns what
// that sends to begin with. The messages lack the remaining time.
func (p *Course) Outgoing(f Finished) (messages []*wire.LambdaRequest, returned map[string]*wire.State) {
	var others []int
	for e := range p.handed {
		if e.from == f.Task && e.to != Client && !p.precedes(f.Task, e.to) {
			others = append(others, e.to)
		}
	}
	slices.Sort(others)

	for _, to := range p.successors(f.Task) {
		messages = append(messages, p.message(f, to, f.Output))
	}
	for _, to := range others {
		messages = append(messages, p.message(f, to, ""))
	}
	return messages, f.pick(p.Handed(f.Task, Client))
}

// message returns what a task, or the client, sends to a task.
func (p *Course) message(f Finished, to int, input string) *wire.LambdaRequest {
	m := &wire.LambdaRequest{
		Name:              p.Name(to),
		Input:             input,
		Hops:              f.Hops,
		States:            f.pick(p.Handed(f.Task, to)),
		Callback:          p.Callback,
		Chain:             []string{marker},
		Dag:               p.dag,
		NextFunctionIndex: uint32(to),
		Uuid:              p.UUID,
		Direct: &wire.Direct{
			Hosts: p.hosts, Bound: p.bound, Users: p.users, Local: p.Local, Sender: int64(f.Task),
		},
	}
	if p.Verify {
		m.Verify = &wire.Verify{}
	}
	return m
}

// pick returns the states of the given names; nil where there are none.
func (f Finished) pick(names []string) map[string]*wire.State {
	if len(names) == 0 {
		return nil
	}
	picked := make(map[string]*wire.State, len(names))
	for _, name := range names {
		picked[name] = f.States[name]
	}
	return picked
}

// successors returns the direct successors of a task in the DAG's order; the
// entry for the client.
func (p *Course) successors(i int) []int {
	switch i {
	case Client:
		return []int{0}
	case p.Exit():
		return nil
	}
	var list []int
	for _, j := range p.dag.GetSuccessors()[i].GetFunctions() {
		if !slices.Contains(list, int(j)) {
			list = append(list, int(j))
		}
	}
	return list
}

// precedes reports whether j is a direct successor of i.
func (p *Course) precedes(i, j int) bool {
	switch i {
	case Client:
		return j == 0
	case p.Exit():
		return false
	}
	return slices.Contains(p.dag.GetSuccessors()[i].GetFunctions(), uint64(j))
}

// Message is one message of the form.
type Message struct {
	*Course
	// Sender is the task, or the client, that sent the message to task Index.
	Sender, Index int
	// Argument tells that Input is the sender's output.
	Argument bool
	Input    string
	// States that the sender hands over.
	States map[string]*wire.State
	Hops   uint32
	// Remaining is how much was left of the execution's deadline when the
	// message was sent.
	Remaining time.Duration
}

// Parse reads a request of the direct form. It checks all that is needed to
// index safely, and that the message holds what this sender has to hand to this
// receiver; it does not look for cycles, which Augment refuses at the client.
func Parse(req *wire.LambdaRequest) (*Message, error) {
	d := req.GetDirect()
	p := &Course{
		UUID: req.GetUuid(), Callback: req.GetCallback(), Local: d.GetLocal(), Verify: req.GetVerify() != nil,
		dag: req.GetDag(), hosts: d.GetHosts(), bound: d.GetBound(), users: d.GetUsers(),
	}
	if err := p.index(); err != nil {
		return nil, fmt.Errorf("parse direct message: %w", err)
	}

	m := &Message{
		Course: p, Index: int(req.GetNextFunctionIndex()), Sender: int(d.GetSender()),
		Input: req.GetInput(), States: req.GetStates(), Hops: req.GetHops(),
		Remaining: time.Duration(min(d.GetRemainingMs(), uint64(maxRemaining/time.Millisecond))) * time.Millisecond,
	}

	fail := func(format string, args ...any) (*Message, error) {
		return nil, fmt.Errorf("parse direct message: "+format, args...)
	}
	switch {
	case m.Index < 0 || m.Index >= p.Len():
		return fail("function %d of %d requested", m.Index, p.Len())
	case m.Sender < Client || m.Sender >= p.Len():
		return fail("it comes from function %d of %d", m.Sender, p.Len())
	case req.GetName() != p.Name(m.Index):
		return fail("it names %q and means %s", req.GetName(), p.Label(m.Index))
	case m.Remaining <= 0:
		return fail("the execution's deadline has passed")
	}

	m.Argument = p.precedes(m.Sender, m.Index)
	expected := p.Handed(m.Sender, m.Index)
	switch {
	case !m.Argument && len(expected) == 0:
		return fail("%s has nothing to send to %s", p.Label(m.Sender), p.Label(m.Index))
	case !m.Argument && m.Input != "":
		return fail("%s sends an argument to %s, which does not follow it", p.Label(m.Sender), p.Label(m.Index))
	}
	if err := p.CheckStates(expected, m.States); err != nil {
		return fail("from %s to %s: %w", p.Label(m.Sender), p.Label(m.Index), err)
	}
	return m, nil
}

// CheckStates compares the states of a message or answer with those that it has
// to hold. Contents may be empty; locations may not.
func (p *Course) CheckStates(expected []string, got map[string]*wire.State) error {
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, expected) {
		return fmt.Errorf("it holds states %q, want %q", names, expected)
	}
	for _, name := range expected {
		if (got[name].GetLocation() != "") != p.Local {
			return fmt.Errorf("state %s: location %q (want one for state-local only)", name, got[name].GetLocation())
		}
	}
	return nil
}

// SetRemaining writes into a message, just before it is sent, what is left
// until the execution's deadline. It fails where nothing is left.
func SetRemaining(m *wire.LambdaRequest, deadline time.Time) error {
	// Rounded up, so that a deadline never moves forward on its way.
	ms := math.Ceil(float64(time.Until(deadline)) / float64(time.Millisecond))
	if ms <= 0 {
		return errors.New("the execution's deadline has passed")
	}
	m.Direct.RemainingMs = uint64(ms)
	return nil
}
