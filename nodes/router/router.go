// Package router is the prototype's e-router: it forwards each invocation to
// one of the computers (or routers) that serve the function's name, as the
// controller told it (paper Sec. 6.1; prototype, EdgeLambdaProcessor).
//
// It keeps two tables: the overall one for requests of clients and computers,
// and the final one, with computers only, for requests that a router forwarded.
// One connection per destination is opened at its first use and kept. Unlike
// the prototype's, no call can block for ever and no failed call costs a slot.
package router

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"

	"edgebed/nodes/cost"
	"edgebed/nodes/wire"
)

// Retcodes of a router's own answers, in the prototype's words. After
// RetNoDestination stands the last destination's failure, if one was tried.
const (
	RetLoop          = "loop detected"
	RetNoDestination = "No destinations found for the entry"
)

// Defaults of Config: those of the prototype's experiments.
const (
	DefaultMaxPending  = 5
	DefaultHandlers    = 5
	DefaultAlpha       = 0.95
	DefaultCallTimeout = 60 * time.Second
)

// maxHops is the largest number of hops of a request that is still forwarded.
const maxHops = 254

// The tables' numbers in GetTable.
const (
	TableOverall = 0
	TableFinal   = 1
)

// Config says what a router listens to and how it forwards.
type Config struct {
	// Net is the router's view of the network; nil means wire.TCP.
	Net wire.Net
	// Endpoint is the address of RunLambda and the router's identity, ip:port.
	Endpoint string
	// ConfigEndpoint is the address of Configure, ip:port; empty means that
	// Endpoint serves both.
	ConfigEndpoint string
	// Controller is the controller's endpoint; empty means none.
	Controller string
	// Policy is RoundRobin where empty, Optimizer Async.
	Policy    Policy
	Optimizer Optimizer
	// Alpha is the Async optimizer's weight of the old value; 0 means
	// DefaultAlpha.
	Alpha float64
	// MaxPending bounds the calls in flight per destination; 0 means
	// DefaultMaxPending.
	MaxPending int
	// Handlers bounds the requests that are being forwarded; 0 means
	// DefaultHandlers.
	Handlers int
	// CallTimeout bounds every request from its arrival to its answer, and
	// every call to the controller; 0 means DefaultCallTimeout.
	CallTimeout time.Duration
	// KeepOnRetcode makes a non-OK retcode of a destination the answer, and a gRPC
	// status that speaks of the message, such as one that is too large, a refusal.
	// The prototype takes either for a failure of the whole computer, so that one
	// wrong request takes every computer that it reaches out of service.
	KeepOnRetcode bool
	// Seed of the Random policy.
	Seed uint64
	// Cost charges each RunLambda; nil charges nothing.
	Cost *cost.Charger
	// Logger gets failed destinations; nil discards.
	Logger *slog.Logger
}

func (cfg *Config) setDefaults() error {
	if cfg.Net == nil {
		cfg.Net = wire.TCP{}
	}
	cfg.Policy = orDefault(cfg.Policy, RoundRobin)
	cfg.Optimizer = orDefault(cfg.Optimizer, Async)
	cfg.Alpha = orDefault(cfg.Alpha, DefaultAlpha)
	cfg.MaxPending = orDefault(cfg.MaxPending, DefaultMaxPending)
	cfg.Handlers = orDefault(cfg.Handlers, DefaultHandlers)
	cfg.CallTimeout = orDefault(cfg.CallTimeout, DefaultCallTimeout)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}

	switch {
	case !slices.Contains(Policies, cfg.Policy):
		return fmt.Errorf("unknown policy %q (have %v)", cfg.Policy, Policies)
	case cfg.Optimizer != None && cfg.Optimizer != Async:
		return fmt.Errorf("unknown optimizer %q (have %v)", cfg.Optimizer, []Optimizer{None, Async})
	case cfg.Alpha < 0 || cfg.Alpha > 1:
		return fmt.Errorf("alpha %v: want 0 to 1", cfg.Alpha)
	case cfg.MaxPending < 0 || cfg.Handlers < 0 || cfg.CallTimeout < 0:
		return errors.New("limits must not be negative")
	}
	return nil
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// Stats counts what a router does.
type Stats struct {
	// Handling is how many requests hold a handler, Waiting how many wait for
	// one, Pending how many calls to destinations are in flight.
	Handling, Waiting, Pending int
	// Connections is how many destinations the router has a connection to.
	Connections int
	// Forwarded counts requests that a destination answered, Refused those that
	// the router answered itself with a non-OK retcode, Failed calls to
	// destinations that failed.
	Forwarded, Refused, Failed int64
}

// Router is a running e-router.
type Router struct {
	wire.UnimplementedEdgeServerServer
	wire.UnimplementedEdgeRouterServer

	cfg      Config
	tables   [2]*table
	handlers chan struct{}
	servers  []*wire.Server
	// life ends when Close begins; reports counts the calls to the controller.
	life       context.Context
	end        context.CancelFunc
	reports    sync.WaitGroup
	controller *grpc.ClientConn

	mu     sync.Mutex
	closed bool
	// links holds the connections that new calls use, by destination.
	links map[string]*link
	// reporting holds the destinations that are being reported to the controller.
	reporting map[failed]bool
	// installs counts the changes of the tables.
	installs uint64
	stats    Stats

	closeOnce sync.Once
	closeErr  error
}

// link is the connection to one destination, with a slot per call in flight. The
// router's lock guards what is not constant.
type link struct {
	cc    *grpc.ClientConn
	slots chan struct{}
	// users is how many calls have the link, dropped that it is closed after the
	// last of them.
	users   int
	dropped bool
	// unavailable is whether the latest call found no connection.
	unavailable atomic.Bool
}

// failed is a computer, or one start of it where that is known, that failed.
type failed struct {
	destination string
	generation  uint64
}

// Start listens on both endpoints, serves until Close, and announces the
// router to the controller. The context bounds only the start.
func Start(ctx context.Context, cfg Config) (*Router, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, fmt.Errorf("start router %s: %w", cfg.Endpoint, err)
	}
	life, end := context.WithCancel(context.Background())
	r := &Router{
		cfg:       cfg,
		handlers:  make(chan struct{}, cfg.Handlers),
		life:      life,
		end:       end,
		links:     make(map[string]*link),
		reporting: make(map[failed]bool),
	}

	// Each table draws from a stream of random numbers of its own.
	for i := range r.tables {
		r.tables[i] = newTable(cfg.Policy, cfg.Optimizer, cfg.Alpha, cfg.Seed+uint64(i))
	}
	if err := r.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start router %s: %w", cfg.Endpoint, err), r.Close())
	}
	return r, nil
}

func (r *Router) start(ctx context.Context) error {
	if r.cfg.ConfigEndpoint == "" {
		r.cfg.ConfigEndpoint = r.cfg.Endpoint
	}

	// Requests and configuration may share an endpoint, and then a server.
	err := r.serve(ctx, r.cfg.Endpoint, func(s grpc.ServiceRegistrar) {
		wire.RegisterEdgeServerServer(s, r)
		if r.cfg.ConfigEndpoint == r.cfg.Endpoint {
			wire.RegisterEdgeRouterServer(s, r)
		}
	})
	if err != nil {
		return err
	}
	if r.cfg.ConfigEndpoint != r.cfg.Endpoint {
		err := r.serve(ctx, r.cfg.ConfigEndpoint, func(s grpc.ServiceRegistrar) { wire.RegisterEdgeRouterServer(s, r) })
		if err != nil {
			return err
		}
	}

	if r.cfg.Controller == "" {
		return nil
	}
	cc, err := wire.Dial(r.cfg.Net, r.cfg.Controller)
	if err != nil {
		return err
	}
	r.controller = cc

	ctx, cancel := context.WithTimeout(ctx, r.cfg.CallTimeout)
	defer cancel()
	_, err = wire.NewEdgeControllerClient(cc).AnnounceRouter(ctx, &wire.RouterInfo{
		EdgeServerEndpoint: r.cfg.Endpoint, ForwardingTableEndpoint: r.cfg.ConfigEndpoint,
	})
	if err != nil {
		return fmt.Errorf("announce to controller %s (start it before its routers): %w", r.cfg.Controller, err)
	}
	return nil
}

// serve starts a server that Close ends.
func (r *Router) serve(ctx context.Context, endpoint string, register func(grpc.ServiceRegistrar)) error {
	s, err := wire.Serve(ctx, r.cfg.Net, endpoint, register, r.cfg.Cost.Server())
	if err != nil {
		return err
	}
	r.servers = append(r.servers, s)
	return nil
}

// Close stops the router: calls in flight are cancelled, connections closed,
// and everything that it started has ended when Close returns. It may be called
// more than once.
func (r *Router) Close() error {
	r.closeOnce.Do(func() {
		r.mu.Lock()
		r.closed = true
		r.mu.Unlock()
		r.end()

		var errs []error
		for _, s := range r.servers {
			if err := s.Close(); err != nil {
				errs = append(errs, fmt.Errorf("router %s: %w", r.cfg.Endpoint, err))
			}
		}

		// No call is left that could report a destination or take a link.
		r.reports.Wait()
		for _, destination := range slices.Sorted(maps.Keys(r.links)) {
			errs = append(errs, r.links[destination].cc.Close())
		}
		if r.controller != nil {
			errs = append(errs, r.controller.Close())
		}
		r.closeErr = errors.Join(errs...)
	})
	return r.closeErr
}

// Stats returns the router's counters.
func (r *Router) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	s.Connections = len(r.links)
	for _, l := range r.links {
		s.Pending += len(l.slots)
	}
	return s
}

// Table returns the lines of TableOverall or TableFinal, sorted by function and
// destination; any other table is empty.
func (r *Router) Table(id int) []Entry {
	if id < 0 || id >= len(r.tables) {
		return nil
	}
	return r.tables[id].list()
}

// Connect opens the connections to all destinations of both tables that are
// not open yet, and returns once they are ready for requests.
func (r *Router) Connect(ctx context.Context) error {
	destinations := make(map[string]bool)
	for _, t := range r.tables {
		for _, e := range t.list() {
			destinations[e.Destination] = true
		}
	}

	// All begin to connect before the first one is waited for.
	var links []*link
	names := slices.Sorted(maps.Keys(destinations))
	for _, d := range names {
		l, err := r.link(d)
		if err != nil {
			return fmt.Errorf("connect router %s to %s: %w", r.cfg.Endpoint, d, err)
		}
		defer r.release(d, l)
		l.cc.Connect()
		links = append(links, l)
	}

	for i, l := range links {
		for state := l.cc.GetState(); state != connectivity.Ready; state = l.cc.GetState() {
			if state == connectivity.Idle {
				l.cc.Connect()
			}
			if !l.cc.WaitForStateChange(ctx, state) {
				return fmt.Errorf("connect router %s to %s: still %s: %w", r.cfg.Endpoint, names[i], state, ctx.Err())
			}
		}
	}
	return nil
}

// Configure implements the EdgeRouter service. As in the prototype, refusals
// are texts in the answer, and the RPC succeeds.
func (r *Router) Configure(_ context.Context, in *wire.EdgeRouterConf) (*wire.Return, error) {
	switch in.GetAction() {
	case wire.EdgeRouterConf_FLUSH:
		for _, t := range r.tables {
			t.flush()
		}
	case wire.EdgeRouterConf_CHANGE:
		e := Entry{
			Function: in.GetLambda(), Destination: in.GetDestination(),
			Weight: float64(in.GetWeight()), Final: in.GetFinal(), Generation: in.GetGeneration(),
			installed: r.install(),
		}
		// First, so that no call for the entry takes the broken connection.
		r.refresh(e.Destination)

		if err := r.tables[TableOverall].change(e); err != nil {
			return &wire.Return{Msg: "Error: " + err.Error()}, nil
		}
		if e.Final {
			if err := r.tables[TableFinal].change(e); err != nil {
				return &wire.Return{Msg: "Error: " + err.Error()}, nil
			}
		}
	case wire.EdgeRouterConf_REMOVE:
		for _, t := range r.tables {
			t.remove(in.GetLambda(), in.GetDestination())
		}
	default:
		return &wire.Return{Msg: fmt.Sprintf("Error: unknown action %d", in.GetAction())}, nil
	}
	return &wire.Return{Msg: wire.RetOK}, nil
}

// install returns the number of one more change of the tables.
func (r *Router) install() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.installs++
	return r.installs
}

// GetTable implements the EdgeRouter service. A table that does not exist is
// empty, as in the prototype.
func (r *Router) GetTable(_ context.Context, in *wire.TableId) (*wire.ForwardingTable, error) {
	answer := &wire.ForwardingTable{}
	if in.GetValue() >= uint32(len(r.tables)) {
		return answer, nil
	}
	for _, e := range r.tables[in.GetValue()].list() {
		answer.Entries = append(answer.Entries, &wire.ForwardingTable_Entry{
			Lambda: e.Function, Destination: e.Destination, Weight: float32(e.Weight), Final: e.Final,
		})
	}
	return answer, nil
}

// GetNumTables implements the EdgeRouter service.
func (r *Router) GetNumTables(context.Context, *wire.Void) (*wire.NumTables, error) {
	return &wire.NumTables{Value: uint32(len(r.tables))}, nil
}

// RunLambda implements the EdgeServer service: it forwards the request and
// answers what the destination answered.
func (r *Router) RunLambda(ctx context.Context, in *wire.LambdaRequest) (*wire.LambdaResponse, error) {
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, r.cfg.CallTimeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	callers, ok := caller.Deadline()
	hurried := ok && !callers.After(deadline) // the caller's deadline comes first

	r.add(func(s *Stats) { s.Waiting++ })
	select {
	case r.handlers <- struct{}{}:
		r.add(func(s *Stats) { s.Waiting--; s.Handling++ })
	case <-ctx.Done():
		r.add(func(s *Stats) { s.Waiting-- })
		if caller.Err() != nil {
			return nil, status.FromContextError(caller.Err()).Err()
		}
		return r.refuse(fmt.Sprintf("router %s: no free handler within %v", r.cfg.Endpoint, r.cfg.CallTimeout)), nil
	}
	defer func() {
		<-r.handlers
		r.add(func(s *Stats) { s.Handling-- })
	}()

	if in.GetHops() > maxHops {
		return r.refuse(RetLoop), nil
	}

	table := r.tables[TableOverall]
	if in.GetForward() {
		table = r.tables[TableFinal]
	}
	prepare(in)

	var cause error
	for {
		entry, ok := table.choose(in.GetName())
		if !ok && cause != nil {
			return r.refuse(fmt.Sprintf("%s: %v", RetNoDestination, cause)), nil
		}
		if !ok {
			return r.refuse(RetNoDestination), nil
		}

		start, dest := time.Now(), entry.Destination
		out, err := r.call(ctx, dest, in)
		var ret *wire.RetError
		switch {
		case err == nil:
			table.measure(in.GetName(), dest, time.Since(start))
		case errors.As(err, &ret) && r.cfg.KeepOnRetcode:
			// The destination is well: it answers.
		case caller.Err() != nil:
			// Nobody waits for the answer, and the destination may be well.
			return nil, status.FromContextError(caller.Err()).Err()
		case hurried && status.Code(err) == codes.DeadlineExceeded:
			// The same, only that the destination noticed first.
			return nil, status.FromContextError(context.DeadlineExceeded).Err()
		case errors.Is(err, errBusy):
			return r.refuse(fmt.Sprintf("router %s: %v", r.cfg.Endpoint, err)), nil
		case r.cfg.KeepOnRetcode && speaksOfMessage(err):
			// The destination is well, and another one would say the same.
			return r.refuse(fmt.Sprintf("router %s: %v", r.cfg.Endpoint, err)), nil
		default:
			r.fail(entry, err)
			if ctx.Err() != nil {
				return r.refuse(fmt.Sprintf("router %s: %v", r.cfg.Endpoint, err)), nil
			}
			cause = err
			continue
		}

		if out.GetResponder() == "" {
			out.Responder = dest
		}
		r.add(func(s *Stats) { s.Forwarded++ })
		return out, nil
	}
}

// speaksOfMessage tells whether a call failed for what was sent, for instance
// because the message is larger than the destination accepts: the destination
// itself is well.
func speaksOfMessage(err error) bool {
	switch status.Code(err) {
	case codes.ResourceExhausted, codes.InvalidArgument, codes.OutOfRange, codes.FailedPrecondition,
		codes.NotFound, codes.AlreadyExists, codes.PermissionDenied:
		return true
	}
	return false
}

// prepare turns a received request into the one to forward, in place: unknown
// and extension fields stay. As in the prototype the next router will use its
// final table, and a DAG of a single function vanishes with its dependencies.
func prepare(in *wire.LambdaRequest) {
	in.Hops++
	in.Forward = true
	in.Dry = false
	if in.GetDag() != nil && len(in.GetDag().GetSuccessors()) == 0 {
		in.Dag, in.Dependencies = nil, nil
	}
}

// errBusy means that no call was made: all slots were taken until the deadline.
var errBusy = errors.New("too many calls pending")

// call makes one call to a destination once a slot is free.
func (r *Router) call(ctx context.Context, dest string, in *wire.LambdaRequest) (*wire.LambdaResponse, error) {
	l, err := r.link(dest)
	if err != nil {
		return nil, err
	}
	defer r.release(dest, l)

	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	case <-ctx.Done():
		return nil, fmt.Errorf("RunLambda %s at %s: %w: %w", in.GetName(), dest, errBusy, ctx.Err())
	}

	out, err := wire.NewEdgeServerClient(l.cc).RunLambda(ctx, in)
	l.unavailable.Store(status.Code(err) == codes.Unavailable)
	if err != nil {
		return nil, fmt.Errorf("RunLambda %s at %s: %w", in.GetName(), dest, err)
	}
	return out, wire.CheckRet(fmt.Sprintf("RunLambda %s at %s", in.GetName(), dest), out.GetRetcode())
}

// link returns the connection to a destination, which connects at its first
// call. The caller releases it when it needs it no more.
func (r *Router) link(dest string) (*link, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, fmt.Errorf("router %s is closed", r.cfg.Endpoint)
	}
	l, ok := r.links[dest]
	if !ok {
		cc, err := wire.Dial(r.cfg.Net, dest)
		if err != nil {
			return nil, err
		}
		l = &link{cc: cc, slots: make(chan struct{}, r.cfg.MaxPending)}
		r.links[dest] = l
	}
	l.users++
	return l, nil
}

// release gives back a link.
func (r *Router) release(dest string, l *link) {
	r.mu.Lock()
	l.users--
	last := l.dropped && l.users == 0
	r.mu.Unlock()
	if last {
		r.closeLink(dest, l)
	}
}

// refresh drops a connection that gRPC is still backing off from: the
// destination has just been announced, so the next call must try at once. Calls
// that have the connection already end as they would have without.
func (r *Router) refresh(dest string) {
	r.mu.Lock()
	l, ok := r.links[dest]
	if !ok || r.closed || !l.broken() {
		r.mu.Unlock()
		return
	}
	delete(r.links, dest)
	l.dropped = true
	unused := l.users == 0
	r.mu.Unlock()
	if unused {
		r.closeLink(dest, l)
	}
}

// broken tells whether gRPC is backing off from the destination. The connection shows
// it some time after the call that failed for it.
func (l *link) broken() bool {
	state := l.cc.GetState()
	return state == connectivity.TransientFailure || state == connectivity.Connecting && l.unavailable.Load()
}

func (r *Router) closeLink(dest string, l *link) {
	if err := l.cc.Close(); err != nil {
		r.cfg.Logger.Warn("close broken connection", "destination", dest, "error", err)
	}
}

// fail takes a destination of a function out of both tables and tells the
// controller, which takes the whole computer out of every router. It comes back
// when the computer announces itself again. If it has done so since the entry was
// chosen, the failure says nothing of what is there now, and nothing is done.
func (r *Router) fail(e Entry, cause error) {
	r.cfg.Logger.Warn("destination failed", "router", r.cfg.Endpoint,
		"function", e.Function, "destination", e.Destination, "error", cause)
	there := false
	for _, t := range r.tables {
		there = t.withdraw(e) || there
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Failed++
	what := failed{e.Destination, e.Generation}
	if !there || r.controller == nil || r.closed || r.reporting[what] {
		return
	}

	// Not on the request's time: its caller should know at once.
	r.reporting[what] = true
	r.reports.Go(func() {
		ctx, cancel := context.WithTimeout(r.life, r.cfg.CallTimeout)
		defer cancel()
		_, err := wire.NewEdgeControllerClient(r.controller).RemoveComputer(ctx, &wire.ComputerInfo{
			EdgeServerEndpoint: e.Destination, Generation: e.Generation,
		})

		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.reporting, what)
		if err != nil && r.life.Err() == nil {
			r.cfg.Logger.Warn("report failed destination",
				"controller", r.cfg.Controller, "destination", e.Destination, "error", err)
		}
	})
}

// refuse answers a request that was not forwarded. As in the prototype the answer
// counts no hops.
func (r *Router) refuse(retcode string) *wire.LambdaResponse {
	r.add(func(s *Stats) { s.Refused++ })
	return &wire.LambdaResponse{Retcode: retcode}
}

func (r *Router) add(f func(*Stats)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.stats)
}
