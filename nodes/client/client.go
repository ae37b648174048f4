// Package client runs workflows as the prototype's client does, and measures
// them: pure-faas by calling one function after the other, state-prop and
// state-local by one asynchronous request that is answered through a callback
// (paper Sec. 4 and 5; prototype, edgeclient). In the direct form, which the
// prototype never had, the client binds the functions to computers itself and
// sends these what they need, past the routers (paper Sec. 5.3).
//
// One Client stands for one client process: it has a callback server, a state
// server and, from its first request on, one connection to its router, and in
// the direct form one to each computer that it sends to. Its states stay where an
// execution left them, so that the next execution of the same workflow finds them
// there.
package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"

	"edgebed/nodes/cost"
	"edgebed/nodes/statestore"
	"edgebed/nodes/wire"
	"edgebed/nodes/workflow"
)

// DefaultTimeout bounds an execution where Config sets no Timeout.
const DefaultTimeout = 60 * time.Second

// Config says where a client stands and whom it talks to. Endpoints are
// ip:port.
type Config struct {
	// Net is the client's view of the network; nil means wire.TCP.
	Net wire.Net
	// Router is the e-router that the client sends its requests to.
	Router string
	// Tables is the endpoint where that router tells its tables, which the direct
	// form needs; where empty that form is refused.
	Tables string
	// Callback and State are the endpoints of the client's own servers, which
	// state-prop and state-local put into their requests.
	Callback, State string
	// Keepers are the computers' state servers. Verification looks there for states
	// that are not where the answer says: of branches that meet in a carried DAG
	// only the last one's references come back. Empty: it fails there.
	Keepers []string
	// Timeout bounds each execution; 0 means DefaultTimeout.
	Timeout time.Duration
	// Cost charges the client's start; nil charges nothing.
	Cost *cost.Charger
	// Logger gets late callbacks; nil discards.
	Logger *slog.Logger
}

// Options of one execution.
type Options struct {
	// Verify makes every function append its index to each state that it uses,
	// and fails the execution unless every state then shows exactly its users
	// in causal order. In state-local this fetches the states, after the delay
	// was taken; it costs traffic. A carried DAG loses updates that two branches
	// make (the prototype's limit), and verification says so.
	Verify bool
	// Answered, where it is set, is called once the delay was taken and before
	// states are fetched for Verify, which waits for it: whoever counts traffic
	// can tell the execution's from the verification's. Its error fails the
	// verification. It is not called without Verify, nor for a failed execution.
	Answered func() error
}

// State is an application state as the client knows it.
type State struct {
	// Content is the state's content where the client holds it: always in
	// pure-faas and state-prop, and after verification in state-local.
	Content []byte
	// Location is the endpoint of the state server that holds the state; empty
	// where the client holds it itself.
	Location string
}

// Result is what an execution showed. Where it failed, Delay is the time until
// the failure and the other fields hold what was learned so far.
type Result struct {
	// UUID names the execution's request; in pure-faas, its first one.
	UUID string
	// Began is when the delay began; the zero time where the execution was refused before.
	Began time.Time
	// Delay is from before the states are created to after the last response's
	// states were stored, as in the prototype.
	Delay time.Duration
	// Hops is the number of nodes that handled invocations: 2 per function, a
	// router and a computer. In the direct form it is the number of computers on
	// the longest path of messages to the last function.
	Hops int
	// Bound holds the endpoint of the computer that each function was bound to,
	// by position; nil except in the direct form.
	Bound []string
	// Responder is the computer that answered; empty where pure-faas called
	// several functions.
	Responder string
	// PTime is the sum of the processing times that computers reported, in
	// whole ms; 0 where the answer came through a callback.
	PTime time.Duration
	// Load1, Load10 and Load30 are the last answer's utilisations in percent.
	Load1, Load10, Load30 int
	// Output is the last function's output.
	Output string
	// States holds every state of the workflow, used or not. After a DAG in the
	// carry form it is what the last arrival at the last join brought (prototype),
	// and may be out of date: an older content, or a place where the state is no
	// longer, for a state that is used on one of several parallel branches (see
	// workflow.CheckCarry). So a client that is to go on with the states must not
	// have executed such a DAG; scenarios refuse it (keep-client).
	States map[string]State
}

// Stage is the part of an execution that failed.
type Stage string

// The stages of an execution.
const (
	// StageCheck refuses the execution before anything runs.
	StageCheck Stage = "check"
	// StageStates creates the states.
	StageStates Stage = "states"
	// StageResolve binds the functions to computers, in the direct form.
	StageResolve Stage = "resolve"
	// StageCall sends a request to the router, or in the direct form to a
	// computer.
	StageCall Stage = "call"
	// StageCallback waits for the result of an asynchronous request.
	StageCallback Stage = "callback"
	// StageVerify compares the final states with what they must hold.
	StageVerify Stage = "verify"
)

// Failure is an execution that did not succeed.
type Failure struct {
	Stage Stage
	// Err is the cause. It wraps context.DeadlineExceeded where time ran out
	// and *wire.RetError where a node answered with a non-OK retcode.
	Err error
}

// Error implements error; it is the reason to record.
func (f *Failure) Error() string { return fmt.Sprintf("execute workflow: %s: %v", f.Stage, f.Err) }

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Client is one client process. It executes one workflow at a time.
type Client struct {
	cfg       Config
	states    *statestore.Server
	callbacks *callbackServer
	router    *grpc.ClientConn
	// tables is the connection to the router's tables, computers those to
	// computers; only the execution in progress touches them.
	tables    *grpc.ClientConn
	computers map[string]*grpc.ClientConn
	life      context.Context
	end       context.CancelFunc

	// running is held by the execution in progress: there is one at a time.
	running sync.Mutex
	// held are the states between executions; started is whether there was one.
	held    held
	started bool

	mu    sync.Mutex
	spent bool

	closeOnce sync.Once
	closeErr  error
}

// New starts the client's callback and state servers. It opens no connection.
// The context bounds only the start.
func New(ctx context.Context, cfg Config) (*Client, error) {
	if cfg.Net == nil {
		cfg.Net = wire.TCP{}
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	life, end := context.WithCancel(context.Background())
	c := &Client{cfg: cfg, life: life, end: end, computers: make(map[string]*grpc.ClientConn)}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start client of router %s: %w", cfg.Router, err), c.Close())
	}
	return c, nil
}

func (c *Client) start(ctx context.Context) error {
	var err error
	c.callbacks, err = startCallbacks(ctx, c.cfg)
	if err != nil {
		return err
	}
	c.states, err = statestore.Start(ctx, statestore.Config{Net: c.cfg.Net, Endpoint: c.cfg.State})
	if err != nil {
		return err
	}

	c.router, err = wire.Dial(c.cfg.Net, c.cfg.Router)
	if err != nil || c.cfg.Tables == "" {
		return err
	}
	c.tables, err = wire.Dial(c.cfg.Net, c.cfg.Tables)
	return err
}

// Close ends an execution in progress, stops the client's servers and closes
// its connections. States in the client's server are lost with it, as when the
// prototype's client process ends. It may be called more than once.
func (c *Client) Close() error {
	c.closeOnce.Do(func() {
		c.end()
		c.running.Lock() // wait for the execution; it ended with c.life
		defer c.running.Unlock()

		var errs []error
		if c.router != nil {
			errs = append(errs, c.router.Close())
		}
		if c.tables != nil {
			errs = append(errs, c.tables.Close())
		}
		for _, endpoint := range slices.Sorted(maps.Keys(c.computers)) {
			errs = append(errs, c.computers[endpoint].Close())
		}

		// Servers come last: the callback server waits until the computers have closed
		// their connections.
		if c.callbacks != nil {
			errs = append(errs, c.callbacks.close())
		}
		if c.states != nil {
			errs = append(errs, c.states.Close())
		}
		c.closeErr = errors.Join(errs...)
	})
	return c.closeErr
}

// Spent tells whether an asynchronous execution failed on this client. Parts of
// it may still run, and a callback of the prototype's form does not say which
// execution it belongs to: a late one could be taken for the result of the next
// execution. A spent client therefore executes nothing more, and its endpoints
// should not be used again.
func (c *Client) Spent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spent
}

// LateCallbacks returns how many callbacks came that nobody waited for.
func (c *Client) LateCallbacks() int { return c.callbacks.lateCount() }

// Execute runs the workflow once and returns what it showed. The argument has at
// least 12 bytes, the framing of the prototype's input. A failed execution returns
// a *Failure. Pure-faas calls functions alike in both forms; in the direct form,
// and in both under the Text variant, each function of a DAG gets its predecessors'
// outputs instead of the client's input.
//
// The direct form refuses a workflow whose augmented task-state graph has a
// cycle, or whose states' access orders are not defined, before anything runs. So
// does every form where access orders are given, and the carry form then refuses
// what it cannot keep in order (workflow.CheckCarry).
func (c *Client) Execute(
	ctx context.Context, w *workflow.Workflow, run workflow.Run, opts Options,
) (Result, error) {
	if !c.running.TryLock() {
		err := errors.New("another execution is in progress (use one client per concurrent execution)")
		return Result{}, &Failure{StageCheck, err}
	}
	defer c.running.Unlock()
	p, err := c.check(w, run, opts)
	if err != nil {
		return Result{}, &Failure{StageCheck, err}
	}

	result, err := c.timed(ctx, p)
	if err != nil {
		// What the failed execution did to the states is not known.
		c.held = held{}
		if run.Model != workflow.PureFaaS {
			c.mu.Lock()
			c.spent = true
			c.mu.Unlock()
		}
		return result, err
	}

	if opts.Verify {
		if opts.Answered != nil {
			err = opts.Answered()
		}
		if err == nil {
			err = c.verifyWithin(ctx, p)
		}
		if err != nil {
			c.held = held{}
			result.States = c.held.copy()
			return result, &Failure{StageVerify, err}
		}
	}
	result.States = c.held.copy()
	return result, nil
}

// timed creates the states, runs the workflow and takes the delay, within the
// client's timeout.
func (c *Client) timed(ctx context.Context, p *prepared) (result Result, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	input := buildInput(p.Argument) // before the delay begins
	start := time.Now()
	defer func() { result.Began, result.Delay = start, time.Since(start) }()

	if err := c.warm(ctx); err != nil {
		return result, err
	}
	if err := c.create(ctx, p); err != nil {
		return result, err
	}
	switch {
	case p.Model == workflow.PureFaaS:
		return c.runSync(ctx, p, input)
	case p.augmented != nil:
		return c.runDirect(ctx, p, input)
	default:
		return c.runAsync(ctx, p, input)
	}
}

// warm charges the client's start to its first execution.
func (c *Client) warm(ctx context.Context) error {
	if c.started {
		return nil
	}
	c.started = true
	if err := c.cfg.Cost.ClientStart(ctx); err != nil {
		return &Failure{StageStates, err}
	}
	return nil
}

// prepared is an execution that was checked.
type prepared struct {
	workflow.Run
	w *workflow.Workflow
	// name is the functions' names joined by '-', as the prototype prints them.
	name string
	// verify asks for verification; users then holds the users of each state in
	// causal order. Pure-faas on a DAG always has users.
	verify bool
	users  map[string][]int
	// augmented is the workflow's augmented graph in the direct form.
	augmented *workflow.Augmented
	// outputs gives each function of a pure-faas DAG its predecessors' outputs.
	outputs bool
}

// check refuses what cannot run, before anything runs.
func (c *Client) check(w *workflow.Workflow, run workflow.Run, opts Options) (*prepared, error) {
	switch {
	case c.life.Err() != nil:
		return nil, errors.New("the client is closed")
	case c.Spent():
		return nil, errors.New("results of a failed execution may still arrive at this client (make a new one)")
	}
	if err := run.Validate(); err != nil {
		return nil, err
	}
	pure := run.Model == workflow.PureFaaS
	direct := !pure && run.Form == workflow.Direct
	if direct && c.tables == nil {
		return nil, errors.New("the direct form needs the router's tables (give the client their endpoint)")
	}
	if err := w.Validate(); err != nil {
		return nil, err
	}

	p := &prepared{Run: run, w: w, name: joined(w.Functions), verify: opts.Verify}
	p.outputs = run.Form == workflow.Direct || w.Variant == workflow.Text
	if w.HasOrders() && !pure && !direct {
		if err := w.CheckCarry(); err != nil {
			return nil, err
		}
	}

	// Who needs to know the users of states in causal order.
	if w.HasOrders() || opts.Verify || direct || (pure && !w.IsChain()) {
		augmented, err := workflow.Augment(w)
		if err != nil {
			return nil, err
		}
		p.users = augmented.Users
		if direct {
			p.augmented = augmented
		}
	}
	return p, nil
}
