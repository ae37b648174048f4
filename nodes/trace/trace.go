// Package trace records one execution from inside the nodes: each gRPC call as
// its client and as its server see it, what the messages carry, the connections
// that open for it, and each function that a computer runs. Spans are those of
// OpenTelemetry: a span's parent is what caused it.
//
// The nodes of a deployment share a process, and so a clock: times of different
// nodes compare without correction. Nothing is added to messages, which stay the
// prototype's: the two sides of a call are matched inside the process, by the
// connection's addresses, by what the request says, its sender included, and by
// when the messages were sent and received.
package trace

import (
	"slices"
	"time"

	"edgebed/nodes/units"
)

// Role is what a node does on its host.
type Role string

// The roles.
const (
	Client      Role = "client"
	Router      Role = "router"
	Computer    Role = "computer"
	StateServer Role = "state server"
	Controller  Role = "controller"
)

// Roles in the order in which a message from a client meets them.
var Roles = []Role{Client, Controller, Router, Computer, StateServer}

// Party is who takes part in an execution: a node on a host. One outside the traced
// deployment has no role, and the host is an address.
type Party struct {
	Host string `json:"host"`
	Role Role   `json:"role,omitempty"`
}

func (p Party) String() string {
	if p.Role == "" {
		return p.Host
	}
	return p.Host + " " + string(p.Role)
}

// Kind of a span.
type Kind string

// The kinds of spans.
const (
	// Execution is the whole execution, at the client.
	Execution Kind = "execution"
	// Call is a gRPC call as its client sees it, Serve the same as its server
	// does.
	Call  Kind = "call"
	Serve Kind = "serve"
	// Connect is the opening of a connection, until TCP's handshake is over.
	Connect Kind = "connect"
	// Task is all that a computer does for one asynchronous invocation, after it
	// was acknowledged: the function, its states, and what is sent on.
	Task Kind = "task"
	// Function is one run of a function on a processor.
	Function Kind = "function"
)

// Trace is what one execution did.
type Trace struct {
	// ID names the execution: its UUID's 32 hexadecimal digits.
	ID string `json:"id"`
	// Name of the execution, for people.
	Name string `json:"name"`
	// Start is when the execution began; all other times count from there.
	Start time.Time `json:"start"`
	// Delay of the execution.
	Delay time.Duration `json:"delay_ns"`
	// Hosts in the order of the deployment.
	Hosts []string `json:"hosts"`
	// Spans by start; the first is the execution.
	Spans []Span `json:"spans"`
}

// Span is something that took time at one node.
type Span struct {
	// ID is unique in a trace and above 0. Parent is 0 for the execution only.
	ID     uint64 `json:"id"`
	Parent uint64 `json:"parent,omitempty"`
	Kind   Kind   `json:"kind"`
	At     Party  `json:"at"`
	// Name is "Service/Method" of calls, and the function of tasks.
	Name  string        `json:"name"`
	Start time.Duration `json:"start_ns"`
	End   time.Duration `json:"end_ns"`

	// Local and Remote are the connection's endpoints, ip:port.
	Local  string `json:"local,omitempty"`
	Remote string `json:"remote,omitempty"`
	// Request and Response of a call. Their times are this side's: when it sent,
	// or had received, the message.
	Request  *Message `json:"request,omitempty"`
	Response *Message `json:"response,omitempty"`
	// Error is why a call, or the execution, failed.
	Error string `json:"error,omitempty"`

	// Invocation that a task or function belongs to.
	Invocation *Invocation `json:"invocation,omitempty"`
	// Input is a function's argument, Queued how long it waited for its processor
	// after Start.
	Input  units.Size    `json:"input,omitempty"`
	Queued time.Duration `json:"queued_ns,omitempty"`
}

// Invocation names one invocation of a function.
type Invocation struct {
	Function string `json:"function"`
	UUID     string `json:"uuid"`
	// Index of the function in the request's chain or DAG.
	Index int `json:"index"`
}

// Message is a protobuf message as one of its two sides saw it.
type Message struct {
	// Time when the sender began to send the message, or the receiver had all of
	// it.
	Time time.Duration `json:"time_ns"`
	// Size of the message with gRPC's 5 bytes of framing, without HTTP/2 and TCP.
	Size units.Size `json:"size"`
	// Invocation that the message asks for or answers.
	Invocation Invocation `json:"invocation,omitzero"`
	// Sender of a message of the direct form: the index in the DAG of the task that
	// sends it, or "client". Several tasks of one computer send to the same task.
	Sender string `json:"sender,omitempty"`
	// Forwarded tells that a router sent the request.
	Forwarded bool `json:"forwarded,omitempty"`
	// Argument is the size of the function's input or output.
	Argument units.Size `json:"argument,omitempty"`
	// States by name. In a call of a state server it is the one at hand.
	States []State `json:"states,omitempty"`
	// Ack tells that an answer only acknowledges an invocation.
	Ack bool `json:"ack,omitempty"`
	// Retcode is an application's error; empty means success.
	Retcode string `json:"retcode,omitempty"`
	// Entries of a router's table.
	Entries int `json:"entries,omitempty"`
}

// State is a state in a message: its content, or where it is.
type State struct {
	Name     string     `json:"name"`
	Size     units.Size `json:"size,omitempty"`
	Location string     `json:"location,omitempty"`
}

// Payload is what the message carries of arguments and states.
func (m *Message) Payload() units.Size {
	n := m.Argument
	for _, s := range m.States {
		n += s.Size
	}
	return n
}

// Transfer is the way of one message from one node to another.
type Transfer struct {
	// Call is the span of the call, Method its "Service/Method".
	Call   uint64
	Method string
	// Response tells that the message answers another.
	Response bool
	From, To Party
	// Sent is when its sender began to send it, Received when its receiver had
	// all of it.
	Sent, Received time.Duration
	// Lost tells that the call failed before the receiver had the message; then
	// Received is Sent.
	Lost    bool
	Message *Message
	// Connecting is how long the call waited for a connection before the message
	// could be sent, where it opened one; else 0.
	Connecting time.Duration
}

// Transfers returns the messages by the time when they were sent.
func (t *Trace) Transfers() []Transfer {
	served := make(map[uint64]*Span)
	opened := make(map[uint64]bool)
	calls := make(map[uint64]bool)
	for i := range t.Spans {
		s := &t.Spans[i]
		switch s.Kind {
		case Call:
			calls[s.ID] = true
		case Serve:
			served[s.Parent] = s
		case Connect:
			opened[s.Parent] = true
		}
	}

	var list []Transfer
	for i := range t.Spans {
		s := &t.Spans[i]
		switch {
		case s.Kind == Call:
			list = append(list, t.transfers(s, served[s.ID], opened[s.ID])...)
		case s.Kind == Serve && !calls[s.Parent]:
			list = append(list, t.transfers(nil, s, false)...)
		}
	}
	slices.SortStableFunc(list, func(a, b Transfer) int { return int(a.Sent - b.Sent) })
	return list
}

// transfers returns the messages of one call, of which one side may be unknown.
func (t *Trace) transfers(call, serve *Span, opened bool) (list []Transfer) {
	s := call
	if s == nil {
		s = serve
	}
	from, to := Party{Host: s.Remote}, Party{Host: s.Remote}
	if call != nil {
		from = call.At
	}
	if serve != nil {
		to = serve.At
	}

	side := func(s *Span, response bool) *Message {
		switch {
		case s == nil:
			return nil
		case response:
			return s.Response
		}
		return s.Request
	}

	for _, response := range []bool{false, true} {
		sender, receiver := side(call, response), side(serve, response)
		if response {
			sender, receiver = receiver, sender
		}
		tr := Transfer{Call: s.ID, Method: s.Name, Response: response, From: from, To: to}
		if response {
			tr.From, tr.To = to, from
		}

		switch {
		case sender != nil && receiver != nil:
			tr.Message, tr.Sent, tr.Received = sender, sender.Time, receiver.Time
		case sender != nil:
			tr.Message, tr.Sent, tr.Received = sender, sender.Time, sender.Time
			tr.Lost = call != nil && call.Error != ""
		case receiver != nil:
			tr.Message, tr.Sent, tr.Received = receiver, receiver.Time, receiver.Time
		default:
			continue
		}
		if opened && !response {
			tr.Connecting = tr.Sent - s.Start
		}
		list = append(list, tr)
	}
	return list
}
