package workflow

import (
	"errors"
	"fmt"
	"math"
	"slices"

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
	// StateServer returns the host of the state server that the computer of a
	// host uses; nil means that each has its own.
	StateServer func(host string) string
	// ReadWrite reports whether the computer of a host reads a state from that
	// server before each use, and writes it back afterwards (paper Fig. 2, option
	// 3); nil means that none does.
	ReadWrite func(host string) bool
	// Kept says that the client is the one that executed the workflow last. Its
	// connections are open, and the states are where that execution left them.
	Kept bool
}

// stateServer is StateServer with its default.
func (p Placement) stateServer(host string) string {
	if p.StateServer == nil {
		return host
	}
	return p.StateServer(host)
}

// readsAndWrites is ReadWrite with its default.
func (p Placement) readsAndWrites(host string) bool { return p.ReadWrite != nil && p.ReadWrite(host) }

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
	// StateMove carries one state to its next user, or to the client at the end,
	// and to or from the state server that a computer uses on another host.
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
	// different hosts that invokes a function, sends a message of the direct form,
	// answers the client, or puts a state to a state server on another host.
	RPCs []Leg
	// NewConnections holds the RPCs between different hosts that have to open a
	// TCP connection.
	NewConnections []Leg
	// Fetches holds reader and server of each state that is fetched from
	// another host, or read there and written back. Each opens a TCP connection,
	// which is not repeated in NewConnections.
	Fetches []Leg
	// ActiveOpens is the number of TCP connections that the execution opens,
	// those within a host included. In pure-faas and the carry form it is that of
	// the authors' prototype; the prototype has no direct form.
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
// prototype, without losses or retransmissions; for the direct form, which the
// prototype does not have, it takes the same overheads of each call and
// connection.
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
// all states (or by the client that Placement.Kept says), and returns what
// crosses the network.
//
// Pure-faas and the carry form follow the prototype's rules. Pure-faas sends the
// argument and the states of each function there and back. State-prop sends the
// argument and all used states, under the Text variant all states, along each
// precedence, and to the client at the end. State-local sends the argument alone,
// and each user of a state fetches it from the one before unless it is there
// already; it stays with the last one. Where parallel functions use a state, the
// prototype's order is a matter of timing, and Predict takes the order of
// TopologicalOrder (see CheckCarry).
//
// The direct form is that of paper Sec. 5.3: the argument goes along the
// precedences, and each state from user to user in causal order. With
// state-prop the last user returns it to the client, which makes the sum that of
// Eq. (1) when no two neighbours share a host; with state-local it stays. A
// sender sends each receiver one message, with all that it has for it, straight
// to its computer: no router is crossed. The client asks its router for its table
// first, and has one connection to each computer that it sends to; each task that
// answers the client calls it back.
//
// Functions on the same host, or on the client's, exchange nothing over the
// network. conns says which connections the daemons have open and remembers
// those that the execution opens; nil means all of them, as in a warmed-up
// network. Predict fails where the workflow or the placement is wrong, and for
// the direct form where Augment fails.
func Predict(w *Workflow, run Run, place Placement, conns *Connections) (*Prediction, error) {
	if place.Host == nil || place.Client == "" {
		return nil, errors.New("predict traffic: the placement names no hosts")
	}
	if err := w.Validate(); err != nil {
		return nil, fmt.Errorf("predict traffic: %w", err)
	}
	if err := run.Validate(); err != nil {
		return nil, fmt.Errorf("predict traffic: %w", err)
	}

	p := &predictor{
		Run: run, workflow: w, place: place, client: place.Client, conns: conns,
		hosts: make([]string, w.Len()), prediction: &Prediction{},
	}
	for i := range p.hosts {
		p.hosts[i] = place.Host(i)
		if p.hosts[i] == "" {
			return nil, fmt.Errorf("predict traffic: function %s (index %d) has no host", w.Label(i), i)
		}
	}

	if err := p.execute(); err != nil {
		return nil, fmt.Errorf("predict traffic: %w", err)
	}
	return p.prediction, nil
}

// execute follows the client.
func (p *predictor) execute() error {
	if !p.place.Kept {
		// The client connects to its router, and to its own state server where it
		// puts its states.
		p.prediction.ActiveOpens++
		if p.Model == StateLocal && len(p.workflow.StateSizes) > 0 {
			p.prediction.ActiveOpens++
		}
	}
	if p.Model == PureFaaS {
		p.pureFaaS()
		return nil
	}

	order, err := p.workflow.TopologicalOrder()
	if err != nil {
		return err
	}
	if p.Form == Carry {
		p.carry()
	} else {
		a, err := Augment(p.workflow)
		if err != nil {
			return err
		}
		order = a.TopologicalOrder()
		p.direct(a, order)
	}

	// A state is fetched by its users one after the other, whenever that is.
	if p.Model == StateLocal {
		p.fetches(order)
	}
	return nil
}

// predictor follows one execution.
type predictor struct {
	Run
	workflow   *Workflow
	place      Placement
	client     string
	hosts      []string
	conns      *Connections
	prediction *Prediction
}

// send records a transfer unless it stays within a host.
func (p *predictor) send(tr Transfer) {
	if tr.From != tr.To {
		p.prediction.Transfers = append(p.prediction.Transfers, tr)
	}
}

// connect uses a persistent connection and reports whether it had to be opened.
func (p *predictor) connect(from, to endpoint) bool {
	c := connection{from, to}
	if p.conns == nil || p.conns.open[c] {
		return false
	}
	if p.conns.open == nil {
		p.conns.open = map[connection]bool{}
	}
	p.conns.open[c] = true
	p.prediction.ActiveOpens++
	return true
}

// call records an RPC.
func (p *predictor) call(from, to string, opens bool) {
	if from == to {
		return
	}
	p.prediction.RPCs = append(p.prediction.RPCs, Leg{from, to})
	if opens {
		p.prediction.NewConnections = append(p.prediction.NewConnections, Leg{from, to})
	}
}

// invoke records a function's invocation through the router of the caller's
// host.
func (p *predictor) invoke(caller string, i int, bytes units.Size) {
	p.send(Transfer{From: caller, To: p.hosts[i], Bytes: bytes, What: Invocation, Function: i})

	opens := p.connect(endpoint{router, caller}, endpoint{computer, p.hosts[i]})
	p.call(caller, p.hosts[i], opens)
}

// pureFaaS calls each function from the client.
func (p *predictor) pureFaaS() {
	for i := range p.hosts {
		in, out := p.workflow.InputOf(i, p.Run), p.workflow.OutputOf(i, p.Argument)
		for _, state := range p.workflow.StatesOf(i) {
			in += p.workflow.StateSizes[state]
			out += p.workflow.StateSizes[state]
		}
		p.invoke(p.client, i, in)
		p.send(Transfer{From: p.hosts[i], To: p.client, Bytes: out, What: Response, Function: i})
	}
}

// carry calls the entry from the client, each other function from its
// predecessors, and the client back from the exit. With state-prop all messages
// carry the states that the workflow's variant embeds.
func (p *predictor) carry() {
	var states units.Size
	if p.Model == StateProp {
		states = p.workflow.Carried()
	}

	p.invoke(p.client, 0, p.Argument+states)
	for i, host := range p.hosts {
		for _, j := range p.workflow.SuccessorsOf(i) {
			// A computer calls through its companion router.
			p.connect(endpoint{computer, host}, endpoint{router, host})
			p.invoke(host, j, p.workflow.SentTo(i, j, p.Argument)+states)
		}
	}

	last := len(p.hosts) - 1
	bytes := p.workflow.OutputOf(last, p.Argument) + states
	p.send(Transfer{From: p.hosts[last], To: p.client, Bytes: bytes, What: Callback, Function: last})
	p.callBack(last)
}

// callBack answers the client, over a connection of its own each time.
func (p *predictor) callBack(i int) {
	p.prediction.ActiveOpens++
	p.call(p.hosts[i], p.client, true)
}

// direct sends what the client, and then each task in the given order, has for
// each other task, and calls the client back.
func (p *predictor) direct(a *Augmented, order []int) {
	reached := map[string]bool{} // by the client
	for _, sender := range append([]int{Client}, order...) {
		receivers := a.receivers(sender)
		for _, to := range receivers {
			if to == Client {
				continue
			}
			p.message(a, sender, to)

			from, at := p.hostOf(sender), p.hosts[to]
			switch {
			case sender != Client && from == at: // handed over within the computer
			case sender != Client:
				p.call(from, at, p.connect(endpoint{computer, from}, endpoint{computer, at}))
			default:
				opens := !p.place.Kept && !reached[at]
				reached[at] = true
				if opens {
					p.prediction.ActiveOpens++
				}
				p.call(from, at, opens)
			}
		}

		if slices.Contains(receivers, Client) {
			p.message(a, sender, Client)
			p.callBack(sender)
		}
	}
}

// message records what one message of the direct form, or an answer, carries.
func (p *predictor) message(a *Augmented, sender, to int) {
	from, at := p.hostOf(sender), p.hostOf(to)
	switch {
	case to == Client && sender == len(p.hosts)-1:
		output := p.workflow.OutputOf(sender, p.Argument)
		p.send(Transfer{From: from, To: at, Bytes: output, What: Callback, Function: sender})
	case to != Client && slices.Contains(a.successors(sender), to):
		sent := p.workflow.SentTo(sender, to, p.Argument)
		p.send(Transfer{From: from, To: at, Bytes: sent, What: Invocation, Function: to})
	}

	if p.Model == StateLocal {
		return // references
	}
	for _, state := range a.handed(sender, to) {
		p.moveState(from, at, to, state)
	}
}

// moveState sends a state's content for the function at a position, or for the
// client.
func (p *predictor) moveState(from, to string, function int, state string) {
	size := p.workflow.StateSizes[state]
	p.send(Transfer{From: from, To: to, Bytes: size, What: StateMove, Function: function, State: state})
}

// fetches lets each function, in the given order, fetch its states from their
// last owners.
func (p *predictor) fetches(order []int) {
	// At first the client owns all states; where it has executed the workflow
	// before, each state's last user does.
	owner := map[string]endpoint{}
	for _, i := range order {
		for _, state := range p.workflow.StatesOf(i) {
			owner[state] = endpoint{clientServer, p.client}
		}
	}
	if p.place.Kept {
		for _, i := range order {
			for _, state := range p.workflow.StatesOf(i) {
				owner[state] = endpoint{stateServer, p.place.stateServer(p.hosts[i])}
			}
		}
	}

	for _, i := range order {
		own := endpoint{stateServer, p.place.stateServer(p.hosts[i])}
		for _, state := range p.workflow.StatesOf(i) {
			if owner[state] != own {
				p.fetch(i, state, owner[state].host)
				p.put(i, state, own.host)
				p.connect(endpoint{computer, p.hosts[i]}, own)
				owner[state] = own
			}
			if p.place.readsAndWrites(p.hosts[i]) {
				// Both over the one new connection.
				p.fetch(i, state, own.host)
				p.moveState(p.hosts[i], own.host, i, state)
			}
		}
	}
}

// fetch reads a state from a server, over a connection of its own.
func (p *predictor) fetch(i int, state, server string) {
	here := p.hosts[i]
	p.moveState(server, here, i, state)
	p.prediction.ActiveOpens++
	if server != here {
		p.prediction.Fetches = append(p.prediction.Fetches, Leg{here, server})
	}
}

// put stores a state in the server that the function's computer uses, to which
// the computer keeps a connection.
func (p *predictor) put(i int, state, server string) {
	p.moveState(p.hosts[i], server, i, state)
	p.call(p.hosts[i], server, false)
}

// hostOf returns the host of a function or of the client.
func (p *predictor) hostOf(i int) string {
	if i == Client {
		return p.client
	}
	return p.hosts[i]
}

// Table1 evaluates the paper's Table 1, bytes per execution. The outputs' sum
// counts the exit's return to the client. States without users count where the
// table's formula has them. For state-local the value is an upper bound.
//
// For a DAG the table has one row per model, which is that of the direct form
// (Eq. (1) for state-prop). For a chain it has that of the carry form; the
// direct form is evaluated with Eq. (1), a chain being a DAG.
func Table1(w *Workflow, run Run) (units.Size, error) {
	if err := run.Validate(); err != nil {
		return 0, fmt.Errorf("evaluate Table 1: %w", err)
	}

	n := units.Size(w.Len())
	var all, degrees units.Size
	for state, size := range w.StateSizes {
		all += size
		degrees += units.Size(len(w.Users(state))) * size
	}
	// The client is function 0 of the table: out-degree 1, as that of the exit.
	outputs := run.Argument
	var there, back units.Size
	for i := range w.Functions {
		output := w.OutputOf(i, run.Argument)
		if len(w.SuccessorsOf(i)) == 0 {
			outputs += output // to the client
		}
		for _, j := range w.SuccessorsOf(i) {
			outputs += w.SentTo(i, j, run.Argument)
		}
		there, back = there+w.InputOf(i, run), back+output
	}

	switch {
	case run.Model == PureFaaS:
		return there + back + 2*degrees, nil
	case !w.IsChain() || run.Form == Direct:
		return outputs + all + degrees, nil
	case run.Model == StateProp:
		return outputs + (n+1)*all, nil
	}
	return outputs + degrees, nil
}
