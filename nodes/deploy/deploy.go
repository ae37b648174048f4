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
	cfg   Config
	hosts map[string]Host

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
	d := &Deployment{
		cfg:       cfg,
		hosts:     make(map[string]Host),
		routers:   make(map[string]RouterNode),
		computers: make(map[string]ComputerNode),
		seats:     make(map[string]*seats),
		open:      make(map[ClientNode]bool),
	}
	if err := d.check(func(Host) bool { return true }); err != nil {
		return nil, fmt.Errorf("start deployment: %w", err)
	}
	if err := d.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start deployment: %w", err), d.Close())
	}
	return d, nil
}

// check fills in defaults and refuses a configuration that names unknown hosts. Those hosts need
// a network of which needed is true.
func (d *Deployment) check(needed func(Host) bool) error {
	cfg := &d.cfg
	var names []string
	for _, h := range cfg.Hosts {
		_, twice := d.hosts[h.Name]
		switch {
		case twice:
			return fmt.Errorf("host %s stands twice", h.Name)
		case needed(h) && h.Net == nil || !h.Address.IsValid():
			return fmt.Errorf("host %s needs an address and a network", h.Name)
		}

		if h.Net != nil {
			h.Net = cfg.Cost.Net(h.Net, h.Address)
		}
		d.hosts[h.Name] = h
		names = append(names, h.Name)
	}

	if cfg.Controller == "" {
		cfg.Controller = cfg.Client
	}
	if cfg.Routers == nil {
		cfg.Routers = names
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if len(cfg.Routers) == 0 {
		return errors.New("at least one host needs a router")
	}
	if err := cfg.checkStates(); err != nil {
		return err
	}

	type use struct{ what, host string }
	uses := []use{{"client", cfg.Client}, {"controller", cfg.Controller}}
	for _, r := range cfg.Routers {
		uses = append(uses, use{"router", r})
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Computers)) {
		uses = append(uses, use{"computer", name})
	}
	for _, u := range uses {
		if _, ok := d.hosts[u.host]; !ok {
			return fmt.Errorf("%s on unknown host %q (have %q)", u.what, u.host, names)
		}
	}
	return nil
}

// checkStates refuses computers whose states would have no server, or the wrong
// one.
func (cfg *Config) checkStates() error {
	for _, name := range slices.Sorted(maps.Keys(cfg.Computers)) {
		state := cfg.Computers[name].StateHost
		if state == "" || state == name {
			if cfg.Computers[name].StateReadWrite {
				return fmt.Errorf("computer %s is to read and write its states remotely "+
					"(name another host that keeps them)", name)
			}
			continue
		}

		server, ok := cfg.Computers[state]
		if !ok || (server.StateHost != "" && server.StateHost != state) {
			return fmt.Errorf("computer %s keeps its states on host %q, "+
				"which has no computer with its own state server", name, state)
		}
	}
	return nil
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

// stateHost is the host whose state server a computer uses.
func (d *Deployment) stateHost(name string) string {
	if s := d.cfg.Computers[name].StateHost; s != "" {
		return s
	}
	return name
}

// keepers are the endpoints of all computers' state servers.
func (d *Deployment) keepers() []string {
	var list []string
	for name := range d.cfg.Computers {
		list = append(list, endpoint(d.hosts[d.stateHost(name)], wire.PortState))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// routerOf is the endpoint of the router that serves a host: its own, or else
// the first one.
func (d *Deployment) routerOf(name string) string {
	return endpoint(d.routerHost(name), wire.PortRouter)
}

func (d *Deployment) routerHost(name string) Host {
	if !slices.Contains(d.cfg.Routers, name) {
		name = d.cfg.Routers[0]
	}
	return d.hosts[name]
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

// Computer returns the computer that runs on a host in the calling process, or nil.
func (d *Deployment) Computer(host string) *computer.Computer {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, _ := d.computers[host].(*computer.Computer)
	return c
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

// endpoint is a host's address with a port.
func endpoint(h Host, port uint16) string { return netip.AddrPortFrom(h.Address, port).String() }
