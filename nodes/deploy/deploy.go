// Package deploy assembles the nodes of an experiment: a controller, routers
// and computers on the hosts that it is given, and clients as they are needed.
// It takes each host's network as it comes, so that a deployment runs in
// emulated hosts, on loopback addresses, or in memory.
//
// Nothing waits for a fixed time: the controller listens before the routers
// announce themselves, the routers are known before the computers announce
// theirs, and Start returns once every router's tables are complete.
package deploy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"edgebed/nodes/clock"
	"edgebed/nodes/computer"
	"edgebed/nodes/controller"
	"edgebed/nodes/cost"
	"edgebed/nodes/processor"
	"edgebed/nodes/router"
	"edgebed/nodes/trace"
	"edgebed/nodes/wire"
)

// pollInterval is how often conditions that nobody announces are looked at.
const pollInterval = 2 * time.Millisecond

// farInterval is pollInterval where nodes run in other processes, which may have little time to
// answer.
const farInterval = 50 * time.Millisecond

// After a spent client the next one takes other ports, portStep further, until
// portSteps are used up; the ports keep four digits, and the messages their
// size.
const (
	portStep  = 2
	portSteps = 1500
)

// Host is a machine that nodes can stand on.
type Host struct {
	// Name is what the other parts of Config call the host.
	Name string
	// Address is the host's IP address on the network.
	Address netip.Addr
	// Net is the host's view of the network.
	Net wire.Net
	// Elsewhere starts the host's nodes in another process; nil means the calling one.
	Elsewhere Starter
}

// Computer is an e-computer of a deployment.
type Computer struct {
	Spec processor.Spec
	// StateHost is the host whose computer's state server keeps the states that
	// this one used (prototype: --no-state-server); empty means its own server.
	StateHost string
	// StateReadWrite makes every use of a state read it from that host's server
	// and write it back, instead of moving it there once. It needs a StateHost
	// other than the computer's own.
	StateReadWrite bool
	// SerialMoves makes a move of states hold up the computer's joins and
	// completions, as in the prototype.
	SerialMoves bool
}

// Config says what stands where. The ports are wire's.
type Config struct {
	Hosts []Host
	// Client is the host of the clients.
	Client string
	// Controller is the host of the controller; empty means Client.
	Controller string
	// Routers are the hosts with an e-router; nil means all hosts. A client or
	// computer on a host without one uses the first.
	Routers []string
	// Computers maps hosts to their computers.
	Computers map[string]Computer

	// Policy and Optimizer of the routers; empty means the defaults of router,
	// which are those of the paper's experiments.
	Policy    router.Policy
	Optimizer router.Optimizer
	// Handlers bounds the requests that a router forwards at a time and that a
	// computer handles at a time, and is a computer's number of asynchronous
	// workers; MaxPending bounds a router's calls per destination. 0 means the
	// prototype's 5.
	Handlers, MaxPending int
	// CallTimeout bounds every call of a node; 0 means the nodes' defaults.
	CallTimeout time.Duration
	// Timeout bounds each execution; 0 means the client's default.
	Timeout time.Duration
	// PoisonOnRetcode makes routers take a computer out of service after any
	// non-OK retcode, as the prototype does. Otherwise only a computer that does
	// not answer is taken out.
	PoisonOnRetcode bool
	// Seed of the routers' random choices.
	Seed uint64
	// Clock of the computers' processors; nil gives each a clock.Thread.
	Clock clock.Clock
	// Cost is what the nodes' software takes beyond their own work; nil is nothing.
	Cost *cost.Charger
	// Logger gets what the nodes log; nil discards.
	Logger *slog.Logger
	// Trace records what the nodes do; nil records nothing.
	Trace *trace.Recorder
}

// Stats is a look at all nodes.
type Stats struct {
	Controller controller.Stats
	// Routers and Computers are by host name.
	Routers   map[string]router.Stats
	Computers map[string]computer.Stats
}

// Busy returns the number of tasks and asynchronous requests that computers
// hold, and of failures that they are telling clients. Functions that wait for
// predecessors are left out; Settle forgets them.
func (s Stats) Busy() int {
	n := 0
	for _, c := range s.Computers {
		n += c.Running + c.Queued + c.InFlight
	}
	return n
}

// Deployment is a set of running nodes.
type Deployment struct {
	*plan

	controller ControllerNode
	routers    map[string]RouterNode

	mu        sync.Mutex
	computers map[string]ComputerNode
	client    ClientNode // the last one given out
	ports     int        // steps from the usual client ports
	seats     map[string]*seats
	open      map[ClientNode]bool // those of NewClientOn

	closeOnce sync.Once
	closeErr  error
}

// Start starts the controller, the routers and the computers, in this order,
// and waits until every router knows every function. The context bounds only
// the start. On an error everything is closed again.
func Start(ctx context.Context, cfg Config) (*Deployment, error) {
	p, err := newPlan(cfg)
	if err != nil {
		return nil, fmt.Errorf("start deployment: %w", err)
	}
	for _, h := range cfg.Hosts {
		if err := h.reachable(); err != nil {
			return nil, fmt.Errorf("start deployment: %w", err)
		}
	}

	d := &Deployment{
		plan:      p,
		routers:   make(map[string]RouterNode),
		computers: make(map[string]ComputerNode),
		seats:     make(map[string]*seats),
		open:      make(map[ClientNode]bool),
	}
	if err := d.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start deployment: %w", err), d.Close())
	}
	return d, nil
}

func (d *Deployment) start(ctx context.Context) error {
	c, err := d.on(d.cfg.Controller).StartController(ctx)
	if err != nil {
		return err
	}
	d.controller = c

	for i, name := range d.cfg.Routers {
		// A router draws from two streams of random numbers.
		r, err := d.on(name).StartRouter(ctx, d.cfg.Seed+uint64(2*i))
		if err != nil {
			return err
		}
		d.routers[name] = r
	}

	for _, name := range slices.Sorted(maps.Keys(d.cfg.Computers)) {
		if err := d.StartComputer(ctx, name); err != nil {
			return err
		}
	}
	return d.ready(ctx)
}

// StartComputer starts the configured computer of a host: again, if it was
// stopped.
func (d *Deployment) StartComputer(ctx context.Context, name string) error {
	if _, ok := d.cfg.Computers[name]; !ok {
		return fmt.Errorf("start computer: none is configured for host %q", name)
	}

	d.mu.Lock()
	_, running := d.computers[name]
	d.mu.Unlock()
	if running {
		return fmt.Errorf("start computer: the one of host %s is running", name)
	}

	c, err := d.on(name).StartComputer(ctx)
	if err != nil {
		return err
	}

	d.mu.Lock()
	defer d.mu.Unlock()
	d.computers[name] = c
	return nil
}

// StopComputer closes the computer of a host; the others go on.
func (d *Deployment) StopComputer(name string) error {
	d.mu.Lock()
	c, ok := d.computers[name]
	delete(d.computers, name)
	d.mu.Unlock()
	if !ok {
		return fmt.Errorf("stop computer: none runs on host %q", name)
	}
	return c.Close()
}

// SetSpeed makes the processors of a host's computer run at a factor of their speed,
// above 0, until it is stopped or told otherwise.
func (d *Deployment) SetSpeed(name string, factor float64) error {
	d.mu.Lock()
	c, ok := d.computers[name]
	d.mu.Unlock()
	if !ok {
		return fmt.Errorf("set speed: no computer runs on host %q", name)
	}
	c.SetSpeed(factor)
	return nil
}

// Running tells whether a host's computer runs.
func (d *Deployment) Running(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.computers[name]
	return ok
}

// ready waits until both tables of every router hold every function of every
// computer.
func (d *Deployment) ready(ctx context.Context) error {
	type entry struct{ function, destination string }
	want := make(map[entry]bool)
	for name, c := range d.cfg.Computers {
		for _, container := range c.Spec.Containers {
			want[entry{container.Lambda.Name, endpoint(d.hosts[name], wire.PortComputer)}] = true
		}
	}

	return d.poll(ctx, func() error {
		for name, r := range d.routers {
			for _, table := range []int{router.TableOverall, router.TableFinal} {
				have := make(map[entry]bool)
				for _, e := range r.Table(table) {
					have[entry{e.Function, e.Destination}] = true
				}
				for e := range want {
					if !have[e] {
						return fmt.Errorf("router on %s does not know %s at %s (is it reachable from the controller?)",
							name, e.function, e.destination)
					}
				}
			}
		}
		return nil
	})
}

// idle waits until no computer works on anything.
func (d *Deployment) idle(ctx context.Context) error {
	return d.poll(ctx, func() error {
		if n := (Stats{Computers: d.ComputerStats()}).Busy(); n > 0 {
			return fmt.Errorf("computers still hold %d tasks or requests", n)
		}
		return nil
	})
}

// Settle ends what is left of failed executions, so that it does not reach the next
// one, its client or its share of the traffic: functions that wait for messages that
// will not come are forgotten, and it returns when no computer works on anything
// any more. No execution may be in progress.
func (d *Deployment) Settle(ctx context.Context) error {
	for {
		d.mu.Lock()
		computers := maps.Clone(d.computers)
		d.mu.Unlock()

		dropped := 0
		for _, c := range computers {
			dropped += c.Abandon()
		}
		// What still runs may send to functions that then wait: look again.
		if err := d.idle(ctx); err != nil {
			return fmt.Errorf("wait for the rest of a failed execution: %w", err)
		}
		if dropped == 0 {
			return nil
		}
	}
}

// poll calls f until it returns nil or the context ends.
func (d *Deployment) poll(ctx context.Context, f func() error) error {
	every := pollInterval
	for _, h := range d.hosts {
		if h.Elsewhere != nil {
			every = farInterval
		}
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", err, ctx.Err())
		}
	}
}

// NewClient returns a fresh client on the client's host, as the prototype
// starts a client process per workflow. One client is open at a time: close it
// before the next. After a client that is spent (an asynchronous execution
// failed on it), NewClient first calls Settle, and gives the new client other
// ports, so that nothing of the failed execution can reach it.
func (d *Deployment) NewClient(ctx context.Context) (ClientNode, error) {
	d.mu.Lock()
	last, ports := d.client, d.ports
	d.mu.Unlock()
	if last != nil && last.Spent() {
		if err := d.Settle(ctx); err != nil {
			return nil, fmt.Errorf("new client: %w", err)
		}
		ports = (ports + 1) % portSteps
	}

	c, err := d.startClient(ctx, d.cfg.Client, ports)
	if err != nil {
		return nil, err
	}

	d.mu.Lock()
	defer d.mu.Unlock()
	d.client, d.ports = c, ports
	return c, nil
}

// startClient starts a client on a host, so many steps from the usual ports.
func (d *Deployment) startClient(ctx context.Context, host string, ports int) (ClientNode, error) {
	c, err := d.on(host).StartClient(ctx, ports)
	if err != nil {
		return nil, fmt.Errorf("new client on host %s: %w", host, err)
	}
	return c, nil
}

// Placement returns the host that serves a function. It fails where none or
// several do.
func (d *Deployment) Placement(function string) (string, error) {
	hosts := d.serving(function)
	switch len(hosts) {
	case 1:
		return hosts[0], nil
	case 0:
		return "", fmt.Errorf("place function %s: no computer serves it", function)
	default:
		return "", fmt.Errorf("place function %s: computers on %q serve it", function, hosts)
	}
}

// serving returns the hosts whose configured computers serve a function,
// sorted.
func (d *Deployment) serving(function string) []string {
	var hosts []string
	for name, c := range d.cfg.Computers {
		serves := func(c processor.Container) bool { return c.Lambda.Name == function }
		if slices.ContainsFunc(c.Spec.Containers, serves) {
			hosts = append(hosts, name)
		}
	}
	slices.Sort(hosts)
	return hosts
}

// Router returns the router on a host, or nil.
func (d *Deployment) Router(host string) RouterNode { return d.routers[host] }

// StateSizes returns the sizes in bytes of the states on a host's state server, by name; nil where
// it has no such server.
func (d *Deployment) StateSizes(host string) map[string]int {
	d.mu.Lock()
	c := d.computers[host]
	d.mu.Unlock()
	if c == nil {
		return nil
	}
	return c.StateSizes()
}

// Stats returns the present numbers of all nodes.
func (d *Deployment) Stats() Stats {
	s := Stats{Routers: make(map[string]router.Stats), Computers: d.ComputerStats()}
	if d.controller != nil {
		s.Controller = d.controller.Stats()
	}
	for name, r := range d.routers {
		s.Routers[name] = r.Stats()
	}
	return s
}

// ComputerStats returns the present numbers of the computers by host name. Those elsewhere are
// asked at the same time.
func (d *Deployment) ComputerStats() map[string]computer.Stats {
	d.mu.Lock()
	computers := maps.Clone(d.computers)
	d.mu.Unlock()

	list := make(map[string]computer.Stats)
	var mu sync.Mutex
	var far sync.WaitGroup
	for name, c := range computers {
		if d.hosts[name].Elsewhere == nil {
			stats := c.Stats()
			mu.Lock()
			list[name] = stats
			mu.Unlock()
			continue
		}
		far.Go(func() {
			stats := c.Stats()
			mu.Lock()
			defer mu.Unlock()
			list[name] = stats
		})
	}
	far.Wait()
	return list
}

// Close closes the clients, the computers, the routers and the controller, in
// this order. Nothing that they started is left when it returns. It may be
// called more than once.
func (d *Deployment) Close() error {
	d.closeOnce.Do(func() {
		d.mu.Lock()
		last, computers, open := d.client, maps.Clone(d.computers), maps.Clone(d.open)
		d.mu.Unlock()

		var errs []error
		if last != nil {
			errs = append(errs, last.Close())
		}
		for c := range open {
			errs = append(errs, c.Close())
		}
		for _, name := range slices.Sorted(maps.Keys(computers)) {
			errs = append(errs, computers[name].Close())
		}
		for _, name := range slices.Sorted(maps.Keys(d.routers)) {
			errs = append(errs, d.routers[name].Close())
		}
		if d.controller != nil {
			errs = append(errs, d.controller.Close())
		}

		if err := errors.Join(errs...); err != nil {
			d.closeErr = fmt.Errorf("close deployment: %w", err)
		}
	})
	return d.closeErr
}
