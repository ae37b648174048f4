// Package computer is the e-computer: an emulated serverless platform that
// runs functions on processors of a given speed, and moves workflows and their
// states on (paper Sec. 4 and 6.1). It speaks the prototype's interface and
// keeps its order of messages and its use of connections
// (Edge/edgecomputer.cpp), so that delays and traffic compare.
//
// A request without a callback is synchronous: the answer holds the result
// (PureFaaS). One with a callback is acknowledged at once; after the function
// has run, the computer invokes the next functions through its companion
// e-router, or sends the result of the last one to the callback (StateProp
// and StateLocal). States that a request only points to are fetched to the
// computer's own state server by the functions that use them (StateLocal).
//
// Requests of the direct form (package direct, paper Sec. 5.3) come one from each
// predecessor and each previous user of a state. They wait until the task has
// all that it needs; what comes of it goes straight to the computers of the next
// tasks, not through e-routers.
//
// Where the prototype only logs that a workflow is lost, this computer tells
// the callback: a LambdaResponse whose retcode says what failed and whose uuid
// says in which execution.
package computer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"edgebed/nodes/clock"
	"edgebed/nodes/cost"
	"edgebed/nodes/processor"
	"edgebed/nodes/statestore"
	"edgebed/nodes/trace"
	"edgebed/nodes/wire"
)

// Defaults of Config.
const (
	// DefaultAsyncWorkers and DefaultMaxHandlers are those of the prototype
	// and of its experiments (--num-threads).
	DefaultAsyncWorkers = 5
	DefaultMaxHandlers  = 5
	// DefaultCallTimeout is long enough for 10 MB over a 2 Mb/s link.
	DefaultCallTimeout = 60 * time.Second
)

// Config says what a computer emulates and whom it works with. Endpoints are
// ip:port; they are bind addresses and identities, and are compared as plain
// strings.
type Config struct {
	// Net is the computer's network; nil means wire.TCP.
	Net wire.Net
	// Endpoint is where the computer serves RunLambda. With port 0 the
	// listener chooses the port.
	Endpoint string
	// UtilEndpoint is where it streams its utilisation. Where empty there is
	// no such server, and the loads in responses are 0, as in the prototype.
	UtilEndpoint string
	// StateEndpoint is the state server where it keeps the states that its
	// functions have used. The computer starts that server, unless
	// RemoteStateServer. Where empty it cannot serve remote states.
	StateEndpoint string
	// RemoteStateServer makes StateEndpoint a server that runs elsewhere
	// (prototype: --no-state-server). A state then moves there when it is first
	// used, and is never read from there.
	RemoteStateServer bool
	// StateReadWrite makes every use of a remote state read it from the remote
	// state server before the function runs, and write it back afterwards, both
	// over one connection per use (paper Fig. 2, option 3: "the state is handled
	// by a cloud service"). A state that is still elsewhere moves to the server
	// first, once. It goes with RemoteStateServer only.
	StateReadWrite bool
	// SerialMoves makes a task that moves its remote states hold up the arrivals at
	// joins, with their acknowledgements, and the completion of other tasks, as in
	// the prototype, where one mutex guards all three (Edge/edgecomputer.cpp:
	// checkPreconditions, blockingExecution, taskDone). Without it only other moves
	// wait. The direct form, which the prototype does not have, never waits.
	//
	// It hardly shows. With and without it, the same 20 DAGs of exp401 under
	// state-local in the carry form (10 kB, 1 seed) took 390.6 and 391.3 ms at 10 Mb/s
	// (-0.1 ± 0.8 %, mean and standard error of the pairs), and 196.2 and 204.7 ms at
	// 100 Mb/s (-3.2 ± 2.0 %). In exp402 (200 kB, 20 executions) it was 432 and 396 ms
	// with states at the edge (+9 ± 4 %), 612 and 642 ms in the cloud (-5 ± 1 %): the
	// signs differ, because the routers chose other computers in each run.
	SerialMoves bool
	// Companion is the e-router for the next functions of a workflow. Where
	// empty only single functions and last functions can be served.
	Companion string
	// Controller is told of the computer once that listens, and when it
	// closes. It may be empty.
	Controller string
	Spec       processor.Spec
	// AsyncWorkers is the number of asynchronous requests of the carry form that
	// are handled at a time; 0 means DefaultAsyncWorkers, a negative number that
	// only synchronous requests are served. Tasks of the direct form never wait
	// for each other, except for the processors.
	AsyncWorkers int
	// MaxHandlers is the number of RunLambda calls that are handled at a time;
	// 0 means DefaultMaxHandlers, a negative number that there is no bound.
	MaxHandlers int
	// CallTimeout bounds every call that the computer makes, and how long a
	// join of a DAG waits after its last arrival; 0 means DefaultCallTimeout.
	CallTimeout time.Duration
	// Clock of the processors; nil means a clock.Thread of the computer's own.
	Clock clock.Clock
	// Cost charges each RunLambda and each state that is brought here; nil charges
	// nothing.
	Cost *cost.Charger
	// Logger takes what goes wrong; nil means that nothing is logged.
	Logger *slog.Logger
	// Trace is told of tasks and functions; nil records nothing. Calls are watched
	// through Net.
	Trace *trace.Node
}

// withDefaults checks the configuration and fills in what was left out.
func (cfg Config) withDefaults() (Config, error) {
	if cfg.Endpoint == "" {
		return cfg, errors.New("no endpoint given (want ip:port)")
	}
	if cfg.RemoteStateServer && cfg.StateEndpoint == "" {
		return cfg, errors.New("no state endpoint given for the remote state server (want ip:port)")
	}
	if cfg.StateReadWrite && !cfg.RemoteStateServer {
		return cfg, errors.New("states of the computer's own server cannot be read and written remotely " +
			"(want a remote state server)")
	}

	if cfg.Companion != "" && cfg.AsyncWorkers < 0 {
		return cfg, errors.New("companion given to a synchronous computer (want asynchronous workers, or no companion)")
	}
	if cfg.CallTimeout < 0 {
		return cfg, fmt.Errorf("call timeout is %v (want a positive duration)", cfg.CallTimeout)
	}
	if err := cfg.Spec.Validate(); err != nil {
		return cfg, err
	}

	if cfg.Net == nil {
		cfg.Net = wire.TCP{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.AsyncWorkers = cmp.Or(cfg.AsyncWorkers, DefaultAsyncWorkers)
	cfg.MaxHandlers = cmp.Or(cfg.MaxHandlers, DefaultMaxHandlers)
	cfg.CallTimeout = cmp.Or(cfg.CallTimeout, DefaultCallTimeout)
	return cfg, nil
}

// Computer is a running e-computer.
type Computer struct {
	wire.UnimplementedEdgeServerServer

	cfg      Config
	endpoint string
	log      *slog.Logger
	engine   *processor.Engine

	// Persistent connections; nil where there is no such peer.
	companion wire.EdgeServerClient
	states    *statestore.Client
	stateNode *statestore.Server

	handlers chan struct{} // a place per running handler; nil means no bound
	queue    *queue
	joins    joins
	waiting  waitingTable
	peers    peers
	util     *utilization
	failures failureLog

	// sending is held while one task's branches are sent, moving while one
	// task's remote states are moved: both are serial per computer, as in the
	// prototype. What else its moves hold up is Config.SerialMoves.
	sending, moving semaphore

	inFlight atomic.Int64
	blocked  atomic.Int64 // requests that wait for a place among handlers

	life   context.Context // ends at Close
	tasks  sync.WaitGroup  // workers, housekeeping, late reports
	undo   []func() error  // what Close does, last first
	closed sync.Once
	err    error
}

// Start returns a computer that listens already and is known to the
// controller. The context bounds the start only; Close ends the computer.
func Start(ctx context.Context, cfg Config) (*Computer, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("start computer: %w", err)
	}
	c := &Computer{
		cfg:      cfg,
		endpoint: cfg.Endpoint,
		joins:    newJoins(),
		waiting:  newWaitingTable(),
		peers:    newPeers(cfg.Net),
		sending:  newSemaphore(),
		moving:   newSemaphore(),
	}

	if cfg.MaxHandlers > 0 {
		c.handlers = make(chan struct{}, cfg.MaxHandlers)
	}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start computer on %s: %w", cfg.Endpoint, err), c.Close())
	}
	return c, nil
}

func (c *Computer) start(ctx context.Context) error {
	told := c.cfg.Clock
	if told == nil {
		thread, err := clock.NewThread()
		if err != nil {
			return err
		}
		c.defers(thread.Close)
		told = thread
	}

	server, err := wire.Listen(ctx, c.cfg.Net, c.cfg.Endpoint, c.cfg.Cost.Server())
	if err != nil {
		return err
	}
	// Below, Close ends it earlier where it serves, and says why if it failed.
	c.defers(func() error { server.Close(); return nil })

	c.endpoint = server.Endpoint()
	c.log = c.cfg.Logger.With("computer", c.endpoint)
	c.engine = processor.NewEngine(c.endpoint, c.cfg.Spec, told)

	if err := c.connect(ctx); err != nil {
		return err
	}

	// From here on there is work to end: tasks with life, once the queue and the
	// waiting table take no more.
	life, cancel := context.WithCancel(context.Background())
	c.life = life
	c.defers(c.peers.close)
	c.defers(func() error { c.tasks.Wait(); return nil })
	c.defers(func() error { c.waiting.close(); return nil })

	if c.cfg.AsyncWorkers > 0 {
		c.queue = newQueue()
		c.defers(func() error { c.queue.close(); return nil })
		for range c.cfg.AsyncWorkers {
			c.tasks.Go(c.work)
		}
	}

	if c.cfg.UtilEndpoint != "" {
		if err := c.startUtilization(ctx); err != nil {
			cancel()
			return err
		}
	}
	c.tasks.Go(c.housekeep)

	// The computer serves before it is announced, so that no call comes too early.
	server.Serve(func(s grpc.ServiceRegistrar) { wire.RegisterEdgeServerServer(s, c) })
	c.defers(server.Close)
	c.defers(func() error { c.engine.Close(); cancel(); return nil })
	return c.announce(ctx)
}

// connect sets up the peers that keep their connections, and the own state
// server.
func (c *Computer) connect(ctx context.Context) error {
	if c.cfg.StateEndpoint != "" {
		endpoint := c.cfg.StateEndpoint
		if !c.cfg.RemoteStateServer {
			node, err := statestore.Start(ctx, statestore.Config{Net: c.cfg.Net, Endpoint: endpoint})
			if err != nil {
				return err
			}
			c.stateNode = node
			c.defers(node.Close)
			endpoint = node.Endpoint() // with the port that it has chosen
		}

		client, err := statestore.Dial(c.cfg.Net, endpoint)
		if err != nil {
			return err
		}
		c.states = client
		c.defers(client.Close)
	}

	if c.cfg.Companion != "" {
		conn, err := wire.Dial(c.cfg.Net, c.cfg.Companion)
		if err != nil {
			return fmt.Errorf("connect to companion: %w", err)
		}
		c.companion = wire.NewEdgeServerClient(conn)
		c.defers(conn.Close)
	}
	return nil
}

// announce tells the controller which functions the computer runs, and Close
// that they are gone. The prototype announces before its server listens, and
// numWorkers is always 0 there. The time of the start, in ns, is the generation
// that tells it from an earlier start of a computer on the same endpoint.
func (c *Computer) announce(ctx context.Context) error {
	if c.cfg.Controller == "" {
		return nil
	}
	conn, err := wire.Dial(c.cfg.Net, c.cfg.Controller)
	if err != nil {
		return fmt.Errorf("connect to controller: %w", err)
	}
	c.defers(conn.Close)
	controller := wire.NewEdgeControllerClient(conn)

	generation := uint64(time.Now().UnixNano())
	info := &wire.ComputerInfo{EdgeServerEndpoint: c.endpoint, Generation: generation}
	for _, cont := range c.cfg.Spec.Containers {
		info.Containers = append(info.Containers, &wire.Container{
			Name: cont.Name, Processor: cont.Processor, Lambda: cont.Lambda.Name,
		})
	}
	slices.SortFunc(info.Containers, func(a, b *wire.Container) int { return cmp.Compare(a.Lambda, b.Lambda) })

	ctx, cancel := context.WithTimeout(ctx, c.cfg.CallTimeout)
	defer cancel()
	if _, err := controller.AnnounceComputer(ctx, info); err != nil {
		return fmt.Errorf("announce to controller %s: %w", c.cfg.Controller, err)
	}

	c.defers(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), c.cfg.CallTimeout)
		defer cancel()
		gone := &wire.ComputerInfo{EdgeServerEndpoint: c.endpoint, Generation: generation}
		if _, err := controller.RemoveComputer(ctx, gone); err != nil {
			return fmt.Errorf("remove computer %s from controller %s: %w", c.endpoint, c.cfg.Controller, err)
		}
		return nil
	})
	return nil
}

// defers adds a step to Close, to be done before the steps added earlier.
func (c *Computer) defers(step func() error) { c.undo = append(c.undo, step) }

// Close tells the controller, ends everything that is under way, and returns
// when no goroutine, connection or thread of the computer is left. Only the
// first call does anything; all return its error.
func (c *Computer) Close() error {
	c.closed.Do(func() {
		var errs []error
		for _, step := range slices.Backward(c.undo) {
			errs = append(errs, step())
		}
		c.err = errors.Join(errs...)
	})
	return c.err
}

// SetSpeed makes the computer's processors run at a factor of their speed, above 0, from
// now on.
func (c *Computer) SetSpeed(factor float64) { c.engine.SetSpeed(factor) }

// Endpoint returns the computer's identity, the endpoint of RunLambda.
func (c *Computer) Endpoint() string { return c.endpoint }

// StateServer returns the computer's own state server, or nil where it has
// none.
func (c *Computer) StateServer() *statestore.Server { return c.stateNode }

// StateSizes returns the sizes in bytes of the states on the computer's own state server, by name;
// nil where it has none.
func (c *Computer) StateSizes() map[string]int {
	if c.stateNode == nil {
		return nil
	}
	sizes := map[string]int{}
	for _, name := range c.stateNode.Names() {
		sizes[name] = c.stateNode.Size(name)
	}
	return sizes
}

// call returns a context for one call to a peer.
func (c *Computer) call(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.cfg.CallTimeout)
}

// semaphore lets one holder in at a time; unlike a mutex, waiting for it ends
// with a context.
type semaphore chan struct{}

func newSemaphore() semaphore { return make(semaphore, 1) }

func (s semaphore) acquire(ctx context.Context) error {
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s semaphore) release() { <-s }
