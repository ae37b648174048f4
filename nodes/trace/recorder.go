package trace

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/stats"

	"edgebed/nodes/units"
	"edgebed/nodes/wire"
)

// Recorder records one execution at a time. A nil Recorder records nothing, and
// neither do its nodes, which are nil.
type Recorder struct {
	on atomic.Bool

	mu     sync.Mutex
	id     string
	name   string
	hosts  []string
	origin time.Time
	spans  []*span
}

// span is a Span under construction. The recorder's lock guards it.
type span struct {
	Span
	// sending is when the side began to send its message.
	sending time.Duration
}

// New returns a recorder that does not record yet.
func New() *Recorder { return &Recorder{} }

// Node is the recorder as one node uses it: it watches the node's calls, and the
// node tells it of tasks and functions.
type Node struct {
	recorder *Recorder
	at       Party
}

// Node returns what records for the node of the given role on a host.
func (r *Recorder) Node(host string, role Role) *Node {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.hosts, host) {
		r.hosts = append(r.hosts, host)
	}
	return &Node{r, Party{host, role}}
}

// Begin starts recording an execution of the given name at the client's node,
// and returns a context for it.
func (r *Recorder) Begin(ctx context.Context, client *Node, name string) context.Context {
	r.mu.Lock()
	r.id, r.name, r.origin, r.spans = "", name, time.Now(), nil
	r.mu.Unlock()
	r.on.Store(true)
	return context.WithValue(ctx, key{}, r.add(Span{Kind: Execution, At: client.at, Name: name}))
}

// End ends the execution, if one is recorded; its UUID names the trace, and failure
// is why it failed, or nil. What its messages still do is recorded until Trace.
func (r *Recorder) End(id string, failure error) {
	if r == nil || !r.on.Load() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.id = id
	r.spans[0].End = r.now()
	if failure != nil {
		r.spans[0].Error = failure.Error()
	}
}

// Trace ends the recording, which Begin began, and returns it. Where the execution
// failed before it had a UUID, the trace gets one of its own.
func (r *Recorder) Trace() Trace {
	r.on.Store(false)
	r.mu.Lock()
	defer r.mu.Unlock()

	parsed, err := uuid.Parse(r.id)
	if err != nil {
		parsed = uuid.New()
	}

	t := Trace{
		ID:    strings.ReplaceAll(parsed.String(), "-", ""),
		Name:  r.name,
		Start: r.origin,
		Delay: r.spans[0].End,
		Hosts: slices.Clone(r.hosts),
	}

	for _, s := range r.spans {
		if s.Kind == "" { // begun just now, by nothing of the execution
			continue
		}
		if s.End == 0 { // under way still
			s.End = r.now()
		}
		t.Spans = append(t.Spans, s.Span)
	}

	t.link()
	slices.SortStableFunc(t.Spans, func(a, b Span) int { return cmp.Compare(a.Start, b.Start) })
	return t
}

// link finds the parents that no context told.
func (t *Trace) link() {
	root := t.Spans[0].ID
	var calls, serves, connects []*Span
	for i := range t.Spans {
		s := &t.Spans[i]
		if s.Parent == 0 && s.ID != root {
			s.Parent = root
		}
		switch s.Kind {
		case Call:
			calls = append(calls, s)
		case Serve:
			serves = append(serves, s)
		case Connect:
			connects = append(connects, s)
		}
	}

	byStart := func(a, b *Span) int { return cmp.Compare(a.Start, b.Start) }
	slices.SortStableFunc(calls, byStart)
	slices.SortStableFunc(serves, byStart)
	for call, serve := range pair(calls, serves) {
		serve.Parent = call.ID
		// The server notes the end after it sent the answer.
		serve.End = min(serve.End, call.End)
	}

	for _, connect := range connects {
		for _, call := range calls {
			same := call.Local == connect.Local && call.Remote == connect.Remote && call.At == connect.At
			if same && call.Start <= connect.End && connect.End <= call.End {
				connect.Parent = call.ID
				call.Start = min(call.Start, connect.Start) // gRPC connects before it says that the call begins
				break
			}
		}
	}
}

// pair finds the two sides of as many calls as possible; both lists are sorted by
// start. Requests that say the same, sent over one connection at the same time, can
// be told apart by nothing but time, and the first that fits need not be the one:
// it may leave another one nothing that fits. So a call that was given away already
// is taken back where its other side fits another call too (Kuhn's algorithm).
func pair(calls, serves []*Span) map[*Span]*Span {
	paired := make(map[*Span]*Span)
	var seen map[*Span]bool
	var find func(serve *Span) bool
	find = func(serve *Span) bool {
		var candidates []*Span
		for _, call := range calls {
			if seen[call] || !sameCall(call, serve) {
				continue
			}
			if paired[call] == nil {
				paired[call] = serve
				return true
			}
			candidates = append(candidates, call)
		}
		for _, call := range candidates {
			if seen[call] {
				continue
			}
			seen[call] = true
			if find(paired[call]) {
				paired[call] = serve
				return true
			}
		}
		return false
	}

	for _, serve := range serves {
		seen = make(map[*Span]bool)
		find(serve)
	}
	return paired
}

// sameCall tells whether two spans may be the two sides of one call. Where the
// network has addresses they say which connection it was; most requests on one
// connection differ in what they ask for; and no message is received before it was
// sent.
func sameCall(call, serve *Span) bool {
	switch {
	case call.Name != serve.Name || call.Request == nil,
		call.Start > serve.Start || serve.Start > call.End,
		!sameEndpoint(call.Remote, serve.Local) || !sameEndpoint(call.Local, serve.Remote):
		return false
	}
	if serve.Request == nil { // it has not come
		return call.Error != ""
	}
	a, b := *call.Request, *serve.Request
	if a.Time > b.Time || call.Response != nil && serve.Response != nil && serve.Response.Time > call.Response.Time {
		return false
	}
	return a.Size == b.Size && a.Invocation == b.Invocation && a.Sender == b.Sender && a.Forwarded == b.Forwarded &&
		a.Argument == b.Argument && slices.Equal(a.States, b.States)
}

// sameEndpoint tells whether two ends of a connection may be the same. A network
// in memory does not know all of them.
func sameEndpoint(a, b string) bool {
	if _, err := netip.ParseAddrPort(a); err != nil {
		return true
	}
	if _, err := netip.ParseAddrPort(b); err != nil {
		return true
	}
	return a == b
}

// now is the time since the execution began. The caller holds mu.
func (r *Recorder) now() time.Duration { return time.Since(r.origin) }

// add begins a span now.
func (r *Recorder) add(s Span) *span {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.ID, s.Start = uint64(len(r.spans)+1), r.now()
	added := &span{Span: s}
	r.spans = append(r.spans, added)
	return added
}

// key of the span in a context.
type key struct{}

// Cause is what a task was caused by, to be kept until the task runs.
type Cause struct{ span *span }

// CauseOf returns what is under way in a context.
func CauseOf(ctx context.Context) Cause {
	s, _ := ctx.Value(key{}).(*span)
	return Cause{s}
}

func (c Cause) id() uint64 {
	if c.span == nil {
		return 0
	}
	return c.span.ID
}

// Task begins the task of an invocation and returns its context, and what ends
// it.
func (n *Node) Task(ctx context.Context, cause Cause, invocation Invocation) (context.Context, func()) {
	if n == nil || !n.recorder.on.Load() {
		return ctx, func() {}
	}
	r := n.recorder
	s := r.add(Span{Kind: Task, At: n.at, Name: invocation.Function, Parent: cause.id(), Invocation: &invocation})
	return context.WithValue(ctx, key{}, s), func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		s.End = r.now()
	}
}

// Ran is one run of a function on a processor.
type Ran struct {
	Function string
	// Input is the size of the argument.
	Input units.Size
	// Submitted is when the processor got the task, Queued how long the task waited
	// there, and Took how long it then ran.
	Submitted    time.Time
	Queued, Took time.Duration
}

// Function records that a function has run in the context of its task, or of the
// call that it serves.
func (n *Node) Function(ctx context.Context, ran Ran) {
	if n == nil || !n.recorder.on.Load() {
		return
	}
	r, cause := n.recorder, CauseOf(ctx)
	s := r.add(Span{
		Kind: Function, At: n.at, Name: ran.Function, Parent: cause.id(), Input: ran.Input, Queued: ran.Queued,
	})

	r.mu.Lock()
	defer r.mu.Unlock()
	s.Start = ran.Submitted.Sub(r.origin)
	s.End = s.Start + ran.Queued + ran.Took
	s.Invocation = &Invocation{Function: ran.Function}
	switch {
	case cause.span == nil:
	case cause.span.Invocation != nil:
		*s.Invocation = *cause.span.Invocation
	case cause.span.Request != nil:
		*s.Invocation = cause.span.Request.Invocation
	}
}

// Net returns the node's network, watched: its calls, and the connections that
// it opens.
func (n *Node) Net(network wire.Net) wire.Net {
	if n == nil {
		return network
	}
	return watched{network, n}
}

// watched implements wire.Watched.
type watched struct {
	wire.Net
	node *Node
}

func (w watched) StatsHandler() stats.Handler { return w.node }

// DialContext implements wire.Net.
func (w watched) DialContext(ctx context.Context, address string) (net.Conn, error) {
	r := w.node.recorder
	if !r.on.Load() {
		return w.Net.DialContext(ctx, address)
	}
	s := r.add(Span{Kind: Connect, At: w.node.at, Name: "connect", Remote: address})
	conn, err := w.Net.DialContext(ctx, address)

	r.mu.Lock()
	defer r.mu.Unlock()
	s.End = r.now()
	if err != nil {
		s.Error = err.Error()
		return nil, err
	}
	s.Local = conn.LocalAddr().String()
	return conn, nil
}

// TagConn implements stats.Handler.
func (n *Node) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements stats.Handler.
func (n *Node) HandleConn(context.Context, stats.ConnStats) {}

// TagRPC implements stats.Handler. Which side of the call this is, is not known
// yet.
func (n *Node) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	if !n.recorder.on.Load() {
		return ctx
	}
	name := info.FullMethodName[strings.LastIndexByte(info.FullMethodName, '.')+1:]
	at := n.at
	s := n.recorder.add(Span{At: at, Name: name, Parent: CauseOf(ctx).id()})
	return context.WithValue(ctx, key{}, s)
}

// HandleRPC implements stats.Handler.
func (n *Node) HandleRPC(ctx context.Context, event stats.RPCStats) {
	s := CauseOf(ctx).span
	if s == nil {
		return
	}

	r := n.recorder
	r.mu.Lock()
	defer r.mu.Unlock()

	// Which side of the call this is, the first event that knows tells.
	switch e := event.(type) {
	case *stats.Begin:
		if e.Client && s.Kind == "" {
			s.Kind = Call
		}
	case *stats.InHeader:
		if !e.Client && s.Kind == "" {
			s.Kind = Serve
			s.Local, s.Remote = e.LocalAddr.String(), e.RemoteAddr.String()
			if strings.HasPrefix(s.Name, "StateServer/") {
				s.At.Role = StateServer // stands beside a client or computer, and is its own lifeline
			}
		}
	}

	// A call made while nothing is recorded has its cause's context.
	if event.IsClient() != (s.Kind == Call) || !event.IsClient() && s.Kind != Serve {
		return
	}

	switch e := event.(type) {
	case *stats.OutHeader:
		s.sending = r.now()
		if e.Client {
			s.Local, s.Remote = e.LocalAddr.String(), e.RemoteAddr.String()
		}
	case *stats.OutPayload:
		s.set(e.Client, describe(s.Name, e.Payload), s.sending, e.WireLength)
	case *stats.InPayload:
		s.set(!e.Client, describe(s.Name, e.Payload), e.RecvTime.Sub(r.origin), e.WireLength)
	case *stats.End:
		s.End = e.EndTime.Sub(r.origin)
		if e.Error != nil {
			s.Error = e.Error.Error()
		}
	}
}

func (s *span) set(request bool, m *Message, at time.Duration, size int) {
	m.Time, m.Size = at, units.Size(size)
	if request {
		s.Request = m
		return
	}

	if s.Request != nil { // an answer does not say what it answers
		m.Invocation = cmp.Or(m.Invocation, s.Request.Invocation)
		if len(m.States) == 1 && len(s.Request.States) == 1 {
			m.States[0].Name = cmp.Or(m.States[0].Name, s.Request.States[0].Name)
		}
	}
	s.Response = m
}
