package deploy

import (
	"context"
	"fmt"

	"edgebed/nodes/client"
	"edgebed/nodes/computer"
	"edgebed/nodes/controller"
	"edgebed/nodes/router"
	"edgebed/nodes/trace"
	"edgebed/nodes/wire"
	"edgebed/nodes/workflow"
)

// Starter starts the nodes of one host: those of NewStarter run in the calling process. A host
// whose nodes are to run in another one has a Starter that asks there (Host.Elsewhere). Contexts
// bound only the start.
type Starter interface {
	StartController(ctx context.Context) (ControllerNode, error)
	// StartRouter starts the router, which draws from the seed.
	StartRouter(ctx context.Context, seed uint64) (RouterNode, error)
	StartComputer(ctx context.Context) (ComputerNode, error)
	// StartClient starts a client, so many steps from the usual ports.
	StartClient(ctx context.Context, ports int) (ClientNode, error)
}

// ControllerNode is a *controller.Controller, wherever it runs.
type ControllerNode interface {
	Stats() controller.Stats
	Close() error
}

// RouterNode is a *router.Router, wherever it runs.
type RouterNode interface {
	Table(id int) []router.Entry
	Connect(ctx context.Context) error
	Stats() router.Stats
	Close() error
}

// ComputerNode is a *computer.Computer, wherever it runs.
type ComputerNode interface {
	Endpoint() string
	Connect(ctx context.Context, endpoints []string) error
	SetSpeed(factor float64)
	Abandon() int
	Stats() computer.Stats
	Close() error
}

// ClientNode is a *client.Client, wherever it runs. One that runs elsewhere keeps the States and the
// Output of its results to itself: nobody but clients needs what can be large.
type ClientNode interface {
	Execute(
		ctx context.Context, w *workflow.Workflow, run workflow.Run, opts client.Options,
	) (client.Result, error)
	Spent() bool
	Close() error
}

// NewStarter returns a starter of the nodes that a configuration has on one of its hosts, in the
// calling process. Of the other hosts it needs no network.
func NewStarter(cfg Config, host string) (Starter, error) {
	d := &Deployment{cfg: cfg, hosts: make(map[string]Host)}
	if err := d.check(func(h Host) bool { return h.Name == host }); err != nil {
		return nil, fmt.Errorf("start nodes of host %s: %w", host, err)
	}
	if _, ok := d.hosts[host]; !ok {
		return nil, fmt.Errorf("start nodes of host %s: there is no such host", host)
	}
	return here{d, d.hosts[host]}, nil
}

// on returns what starts the nodes of a host.
func (d *Deployment) on(host string) Starter {
	if h := d.hosts[host]; h.Elsewhere != nil {
		return h.Elsewhere
	}
	return here{d, d.hosts[host]}
}

// here starts nodes of a host in the calling process. Of the deployment it needs but what check
// has filled in.
type here struct {
	d  *Deployment
	on Host
}

// StartController implements Starter.
func (h here) StartController(ctx context.Context) (ControllerNode, error) {
	cfg := &h.d.cfg
	c, err := controller.Start(ctx, controller.Config{
		Net:         cfg.Trace.Node(h.on.Name, trace.Controller).Net(h.on.Net),
		Endpoint:    endpoint(h.on, wire.PortController),
		CallTimeout: cfg.CallTimeout,
		Logger:      cfg.Logger,
	})
	if err != nil {
		return nil, err // and not a nil in an interface
	}
	return c, nil
}

// StartRouter implements Starter.
func (h here) StartRouter(ctx context.Context, seed uint64) (RouterNode, error) {
	cfg := &h.d.cfg
	r, err := router.Start(ctx, router.Config{
		Net:            cfg.Trace.Node(h.on.Name, trace.Router).Net(h.on.Net),
		Endpoint:       endpoint(h.on, wire.PortRouter),
		ConfigEndpoint: endpoint(h.on, wire.PortRouterConfig),
		Controller:     endpoint(h.d.hosts[cfg.Controller], wire.PortController),
		Policy:         cfg.Policy,
		Optimizer:      cfg.Optimizer,
		MaxPending:     cfg.MaxPending,
		Handlers:       cfg.Handlers,
		CallTimeout:    cfg.CallTimeout,
		KeepOnRetcode:  !cfg.PoisonOnRetcode,
		Seed:           seed,
		Cost:           cfg.Cost,
		Logger:         cfg.Logger,
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// StartComputer implements Starter.
func (h here) StartComputer(ctx context.Context) (ComputerNode, error) {
	d, cfg := h.d, &h.d.cfg
	spec, state := cfg.Computers[h.on.Name], d.stateHost(h.on.Name)
	node := cfg.Trace.Node(h.on.Name, trace.Computer)

	c, err := computer.Start(ctx, computer.Config{
		Net:               node.Net(h.on.Net),
		Endpoint:          endpoint(h.on, wire.PortComputer),
		UtilEndpoint:      endpoint(h.on, wire.PortUtilization),
		StateEndpoint:     endpoint(d.hosts[state], wire.PortState),
		RemoteStateServer: state != h.on.Name,
		StateReadWrite:    spec.StateReadWrite,
		SerialMoves:       spec.SerialMoves,
		Companion:         d.routerOf(h.on.Name),
		Controller:        endpoint(d.hosts[cfg.Controller], wire.PortController),
		Spec:              spec.Spec,
		Clock:             cfg.Clock,
		AsyncWorkers:      cfg.Handlers,
		MaxHandlers:       cfg.Handlers,
		CallTimeout:       cfg.CallTimeout,
		Cost:              cfg.Cost,
		Logger:            cfg.Logger,
		Trace:             node,
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// StartClient implements Starter.
func (h here) StartClient(ctx context.Context, ports int) (ClientNode, error) {
	d, cfg := h.d, &h.d.cfg
	c, err := client.New(ctx, client.Config{
		Net:      cfg.Trace.Node(h.on.Name, trace.Client).Net(h.on.Net),
		Router:   d.routerOf(h.on.Name),
		Tables:   endpoint(d.routerHost(h.on.Name), wire.PortRouterConfig),
		Callback: endpoint(h.on, wire.PortCallback+uint16(ports*portStep)),
		State:    endpoint(h.on, wire.PortClientState+uint16(ports*portStep)),
		Keepers:  d.keepers(),
		Timeout:  cfg.Timeout,
		Cost:     cfg.Cost,
		Logger:   cfg.Logger,
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}
