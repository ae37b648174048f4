package workflow

import (
	"errors"
	"fmt"
	"math"

	"edgebed/nodes/units"
)

// Placement says on which hosts a workflow runs.
type Placement struct {
	// Client is the client's host. Its router and, for state-local, its state
	// server are there too.
	Client string
	// Host returns the host of the computer that runs the function at a
	// position.
	Host func(position int) string
}

// What says why something crosses the network.
type What string

const (
	// Invocation carries the argument to a function, and in the carry form of
	// state-prop all used states.
	Invocation What = "invocation"
	// Response carries a function's result back to a pure-faas client.
	Response What = "response"
	// Callback carries the last function's result to the client.
	Callback What = "callback"
	// StateMove carries one state to its next user, or to the client at the end.
	StateMove What = "state"
)

// Transfer is one message between different hosts.
type Transfer struct {
	From, To string
	// Bytes of arguments and state contents, without any protocol's overhead.
	Bytes units.Size
	What  What
	// Function is the position of the function that is invoked, that responds
	// or that the state goes to; Client for a state that returns to the client.
	Function int
	// State is the name of the state for StateMove.
	State string
}

// Leg is a pair of different hosts.
type Leg struct{ From, To string }

// Prediction is what one execution of a workflow must put on the network.
type Prediction struct {
	// Transfers lists all payload between different hosts.
	Transfers []Transfer
	// RPCs holds caller and callee of each remote procedure call between
	// different hosts that invokes a function, answers the client, or pushes a
	// state.
	RPCs []Leg
	// NewConnections holds the RPCs between different hosts that have to open a
	// TCP connection.
	NewConnections []Leg
	// Fetches holds reader and server of each state that is fetched from
	// another host. Each opens a TCP connection, which is not repeated in
	// NewConnections.
	Fetches []Leg
	// ActiveOpens is the number of TCP connections that the execution opens,
	// those within a host included. In the carry form it is exact for the
	// authors' prototype.
	ActiveOpens int
}

// Connections remembers which of the daemons' persistent connections are open.
// The zero value remembers none: daemons that were just started. It is not safe
// for concurrent use.
type Connections struct{ open map[connection]bool }

// connection is one persistent connection of a daemon.
type connection struct {
	from endpoint
	to   endpoint
}

// endpoint is a daemon of a host.
type endpoint struct {
	kind daemon
	host string
}

type daemon byte

const (
	router daemon = iota
	computer
	stateServer
	// clientServer is the state server of the client, another one than the
	// state server of a computer on the same host.
	clientServer
)

// Payload returns the sum of all transfers.
func (p *Prediction) Payload() units.Size {
	var sum units.Size
	for _, t := range p.Transfers {
		sum += t.Bytes
	}
	return sum
}

// Weighted returns the sum of all transfers, each multiplied by the number of
// hops between its hosts: the payload that crosses switch-to-switch links if
// hops counts those, or that is counted at switch ports if hops counts switches
// (one more; prototype).
func (p *Prediction) Weighted(hops func(a, b string) int) units.Size {
	var sum units.Size
	for _, t := range p.Transfers {
		sum += t.Bytes * units.Size(hops(t.From, t.To))
	}
	return sum
}

// The overheads that were fitted to measurements of the authors' prototype, on
// Ethernet links with an MTU of 1500 bytes; the residual there was at most
// 0.8 %.
const (
	// payloadFactor is the frames' overhead, 1514 bytes on the wire for 1448 of
	// payload, and one acknowledgement of 66 bytes for each two segments.
	payloadFactor = 1.0675
	// Bytes per hop for each RPC of the chain, for each new connection of the
	// chain, and for each state fetched (connection, Get, Del).
	bytesPerRPC        = 780
	bytesPerConnection = 1095
	bytesPerFetch      = 2058
)

// WireBytes estimates the bytes that an execution puts on switch-to-switch
// links, all headers and acknowledgements included, where hops counts the links
// between two hosts. The estimate is fitted to the carry form on the authors'
// prototype, without losses or retransmissions; for the direct form it applies
// the same overheads.
func (p *Prediction) WireBytes(hops func(a, b string) int) units.Size {
	sum := func(legs []Leg) (n int) {
		for _, l := range legs {
			n += hops(l.From, l.To)
		}
		return n
	}
	return units.Size(math.Round(payloadFactor*float64(p.Weighted(hops)) + float64(
		bytesPerRPC*sum(p.RPCs)+bytesPerConnection*sum(p.NewConnections)+bytesPerFetch*sum(p.Fetches))))
}

// Predict follows one execution by a freshly started client, whose host owns
// all states, and returns what crosses the network. The argument and every
// function's output have size argument.
//
// Pure-faas and the carry form follow the prototype's rules. Pure-faas sends the
// argument and the states of each function there and back. State-prop sends the
// argument and all used states, under the Text variant all states, along each
// precedence, and to the client at the end. State-local sends the argument alone, and each user of a state fetches it
// from the one before unless it is there already; it stays with the last one.
// Where parallel functions use a state, the prototype's order is a matter of
// timing, and Predict takes the order of TopologicalOrder (see CheckCarry).
//
// The direct form is that of paper Sec. 5.3: the argument goes along the
// precedences, and each state from user to user in causal order. With
// state-prop the last user returns it to the client, which makes the sum that of
// Eq. (1) when no two neighbours share a host; with state-local it stays.
//
// Functions on the same host, or on the client's, exchange nothing over the
// network. conns says which connections the daemons have open and remembers
// those that the execution opens; nil means all of them, as in a warmed-up
// network. Predict fails where the workflow or the placement is wrong, and for
// the direct form where Augment fails.
func Predict(w *Workflow, model Model, form Form, argument units.Size, place Placement, conns *Connections) (*Prediction, error) {
	if place.Host == nil || place.Client == "" {
		return nil, errors.New("predict traffic: the placement names no hosts")
	}
	if argument < 0 {
		return nil, fmt.Errorf("predict traffic: the argument of %d bytes is negative", int64(argument))
	}
	if err := w.Validate(); err != nil {
		return nil, fmt.Errorf("predict traffic: %w", err)
	}
	t := &tracer{workflow: w, argument: argument, client: place.Client, conns: conns, prediction: &Prediction{}}
	t.hosts = make([]string, w.Len())
	for i := range t.hosts {
		t.hosts[i] = place.Host(i)
		if t.hosts[i] == "" {
			return nil, fmt.Errorf("predict traffic: function %s (index %d) has no host", w.Label(i), i)
		}
	}
	direct := form == Direct
	if !direct && form != Carry {
		return nil, fmt.Errorf("predict traffic: unknown form %q; it is %s or %s", form, Carry, Direct)
	}
	// The client connects to its router in each execution.
	t.prediction.ActiveOpens++
	switch model {
	case PureFaaS:
		t.pureFaaS()
		return t.prediction, nil
	case StateProp, StateLocal:
	default:
		return nil, fmt.Errorf("predict traffic: unknown model %q; it is one of %v", model, Models)
	}
	var carried units.Size
	if model == StateProp && !direct {
		carried = w.Carried()
	}
	t.invocations(argument + carried)
	if model == StateLocal && len(w.StateSizes) > 0 {
		// The client puts its states into its own server.
		t.prediction.ActiveOpens++
	}
	switch {
	case direct:
		a, err := Augment(w)
		if err != nil {
			return nil, fmt.Errorf("predict traffic: %w", err)
		}
		if model == StateLocal {
			t.fetches(a.TopologicalOrder())
		} else {
			t.pushes(a)
		}
	case model == StateLocal:
		order, err := w.TopologicalOrder()
		if err != nil {
			return nil, fmt.Errorf("predict traffic: %w", err)
		}
		t.fetches(order)
	}
	return t.prediction, nil
}

// tracer follows one execution.
type tracer struct {
	workflow   *Workflow
	argument   units.Size
	client     string
	hosts      []string
	conns      *Connections
	prediction *Prediction
}

// send records a transfer unless it stays within a host.
func (t *tracer) send(tr Transfer) {
	if tr.From != tr.To {
		t.prediction.Transfers = append(t.prediction.Transfers, tr)
	}
}

// connect uses a persistent connection and reports whether it had to be opened.
func (t *tracer) connect(from, to endpoint) bool {
	c := connection{from, to}
	if t.conns == nil || t.conns.open[c] {
		return false
	}
	if t.conns.open == nil {
		t.conns.open = map[connection]bool{}
	}
	t.conns.open[c] = true
	t.prediction.ActiveOpens++
	return true
}

// call records an RPC.
func (t *tracer) call(from, to string, opens bool) {
	if from == to {
		return
	}
	t.prediction.RPCs = append(t.prediction.RPCs, Leg{from, to})
	if opens {
		t.prediction.NewConnections = append(t.prediction.NewConnections, Leg{from, to})
	}
}

// invoke records a function's invocation through the router of the caller's
// host.
func (t *tracer) invoke(caller string, i int, bytes units.Size) {
	t.send(Transfer{From: caller, To: t.hosts[i], Bytes: bytes, What: Invocation, Function: i})
	opens := t.connect(endpoint{router, caller}, endpoint{computer, t.hosts[i]})
	t.call(caller, t.hosts[i], opens)
}

// pureFaaS calls each function from the client.
func (t *tracer) pureFaaS() {
	for i := range t.hosts {
		bytes := t.argument
		for _, state := range t.workflow.StatesOf(i) {
			bytes += t.workflow.StateSizes[state]
		}
		t.invoke(t.client, i, bytes)
		t.send(Transfer{From: t.hosts[i], To: t.client, Bytes: bytes, What: Response, Function: i})
	}
}

// invocations calls the entry from the client, each other function from its
// predecessors, and the client back from the exit. All messages have the given
// payload.
func (t *tracer) invocations(bytes units.Size) {
	t.invoke(t.client, 0, bytes)
	for i, host := range t.hosts {
		for _, j := range t.workflow.SuccessorsOf(i) {
			// A computer calls through its companion router.
			t.connect(endpoint{computer, host}, endpoint{router, host})
			t.invoke(host, j, bytes)
		}
	}
	// The callback has a connection of its own each time.
	last := len(t.hosts) - 1
	t.send(Transfer{From: t.hosts[last], To: t.client, Bytes: bytes, What: Callback, Function: last})
	t.prediction.ActiveOpens++
	t.call(t.hosts[last], t.client, true)
}

// fetches lets each function, in the given order, fetch its states from their
// last owners.
func (t *tracer) fetches(order []int) {
	owner := map[string]endpoint{}
	for _, i := range order {
		own := endpoint{stateServer, t.hosts[i]}
		for _, state := range t.workflow.StatesOf(i) {
			from, ok := owner[state]
			if !ok {
				from = endpoint{clientServer, t.client}
			}
			if from == own {
				continue
			}
			owner[state] = own
			t.send(Transfer{From: from.host, To: own.host, Bytes: t.workflow.StateSizes[state], What: StateMove, Function: i, State: state})
			// Each fetch has a connection of its own; the computer keeps the one
			// to its own state server.
			t.prediction.ActiveOpens++
			t.connect(endpoint{computer, own.host}, own)
			if from.host != own.host {
				t.prediction.Fetches = append(t.prediction.Fetches, Leg{own.host, from.host})
			}
		}
	}
}

// pushes sends each state from the client through its users and back. Computers
// keep their connections to each other; the client, new in each execution, has
// none.
func (t *tracer) pushes(a *Augmented) {
	for _, state := range t.workflow.UsedStates() {
		stops := append([]int{Client}, a.Users[state]...)
		stops = append(stops, Client)
		for k, i := range stops[1:] {
			from, to := t.hostOf(stops[k]), t.hostOf(i)
			if from == to {
				continue
			}
			t.send(Transfer{From: from, To: to, Bytes: t.workflow.StateSizes[state], What: StateMove, Function: i, State: state})
			opens := stops[k] == Client || i == Client
			if opens {
				t.prediction.ActiveOpens++
			} else {
				opens = t.connect(endpoint{computer, from}, endpoint{computer, to})
			}
			t.call(from, to, opens)
		}
	}
}

// hostOf returns the host of a function or of the client.
func (t *tracer) hostOf(i int) string {
	if i == Client {
		return t.client
	}
	return t.hosts[i]
}

// Table1 evaluates the paper's Table 1, bytes per execution, where the argument
// and every output have the given size. The outputs' sum counts the exit's
// return to the client. States without users count where the table's formula
// has them. For state-local the value is an upper bound.
//
// For a DAG the table has one row per model, which is that of the direct form
// (Eq. (1) for state-prop). For a chain it has that of the carry form; the
// direct form is evaluated with Eq. (1), a chain being a DAG.
func Table1(w *Workflow, model Model, form Form, argument units.Size) (units.Size, error) {
	n := units.Size(w.Len())
	var all, degrees units.Size
	for state, size := range w.StateSizes {
		all += size
		degrees += units.Size(len(w.Users(state))) * size
	}
	// The client is function 0 of the table: out-degree 1, as that of the exit.
	outputs := units.Size(w.Edges()+2) * argument
	switch {
	case form != Carry && form != Direct:
		return 0, fmt.Errorf("evaluate Table 1: unknown form %q; it is %s or %s", form, Carry, Direct)
	case model == PureFaaS:
		return (n+1)*argument + (n-1)*argument + 2*degrees, nil
	case model != StateProp && model != StateLocal:
		return 0, fmt.Errorf("evaluate Table 1: unknown model %q; it is one of %v", model, Models)
	case !w.IsChain() || form == Direct:
		return outputs + all + degrees, nil
	case model == StateProp:
		return outputs + (n+1)*all, nil
	}
	return outputs + degrees, nil
}
