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
	StateSizes() map[string]int
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
	p, err := newPlan(cfg)
	if err != nil {
		return nil, fmt.Errorf("start nodes of host %s: %w", host, err)
	}
	h, ok := p.hosts[host]
	if !ok {
		return nil, fmt.Errorf("start nodes of host %s: there is no such host", host)
	}
	if err := h.reachable(); err != nil {
		return nil, fmt.Errorf("start nodes of host %s: %w", host, err)
	}
	return here{p, h}, nil
}

// on returns what starts the nodes of a host.
func (p *plan) on(host string) Starter {
	h := p.hosts[host]
	if h.Elsewhere != nil {
		return h.Elsewhere
	}
	return here{p, h}
}

// here starts nodes of a host in the calling process.
type here struct {
	*plan
	host Host
}

// StartController implements Starter.
func (h here) StartController(ctx context.Context) (ControllerNode, error) {
	cfg := &h.cfg
	c, err := controller.Start(ctx, controller.Config{
		Net:         cfg.Trace.Node(h.host.Name, trace.Controller).Net(h.host.Net),
		Endpoint:    endpoint(h.host, wire.PortController),
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
	cfg := &h.cfg
	r, err := router.Start(ctx, router.Config{
		Net:            cfg.Trace.Node(h.host.Name, trace.Router).Net(h.host.Net),
		Endpoint:       endpoint(h.host, wire.PortRouter),
		ConfigEndpoint: endpoint(h.host, wire.PortRouterConfig),
		Controller:     endpoint(h.hosts[cfg.Controller], wire.PortController),
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
	cfg := &h.cfg
	spec, state := cfg.Computers[h.host.Name], h.stateHost(h.host.Name)
	node := cfg.Trace.Node(h.host.Name, trace.Computer)

	c, err := computer.Start(ctx, computer.Config{
		Net:               node.Net(h.host.Net),
		Endpoint:          endpoint(h.host, wire.PortComputer),
		UtilEndpoint:      endpoint(h.host, wire.PortUtilization),
		StateEndpoint:     endpoint(h.hosts[state], wire.PortState),
		RemoteStateServer: state != h.host.Name,
		StateReadWrite:    spec.StateReadWrite,
		SerialMoves:       spec.SerialMoves,
		Companion:         h.routerOf(h.host.Name),
		Controller:        endpoint(h.hosts[cfg.Controller], wire.PortController),
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
	cfg := &h.cfg
	c, err := client.New(ctx, client.Config{
		Net:      cfg.Trace.Node(h.host.Name, trace.Client).Net(h.host.Net),
		Router:   h.routerOf(h.host.Name),
		Tables:   endpoint(h.routerHost(h.host.Name), wire.PortRouterConfig),
		Callback: endpoint(h.host, wire.PortCallback+uint16(ports*portStep)),
		State:    endpoint(h.host, wire.PortClientState+uint16(ports*portStep)),
		Keepers:  h.keepers(),
		Timeout:  cfg.Timeout,
		Cost:     cfg.Cost,
		Logger:   cfg.Logger,
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}
