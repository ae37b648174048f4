// Package controller is the prototype's controller with its flat installer: it
// learns of computers and routers from their announcements and tells every
// router of every function that every computer serves (prototype,
// EdgeControllerFlat). Nobody else configures routers.
package controller

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"edgebed/nodes/wire"
)

// DefaultCallTimeout bounds the configuration of one router where Config sets
// no CallTimeout.
const DefaultCallTimeout = 10 * time.Second

// fanOut is how many routers are configured at the same time.
const fanOut = 16

// Config says where a controller listens.
type Config struct {
	// Net is the controller's view of the network; nil means wire.TCP.
	Net wire.Net
	// Endpoint is the address of the EdgeController service, ip:port.
	Endpoint string
	// CallTimeout bounds each router's share of an announcement; 0 means
	// DefaultCallTimeout.
	CallTimeout time.Duration
	// Logger gets forgotten routers and refused configurations; nil discards.
	Logger *slog.Logger
}

// Stats is what a controller knows.
type Stats struct {
	// Routers and Computers hold the RunLambda endpoints, sorted.
	Routers, Computers []string
}

// Controller is a running controller.
type Controller struct {
	wire.UnimplementedEdgeControllerServer

	cfg    Config
	server *wire.Server
	// life ends when Close begins, and every installation with it.
	life context.Context
	end  context.CancelFunc
	// turn holds one token: one announcement is installed at a time, as in the
	// prototype, and whoever waits for it can give up.
	turn chan struct{}

	mu sync.Mutex
	// routers maps a router's RunLambda endpoint to its Configure endpoint.
	routers map[string]string
	// computers are known by their RunLambda endpoints.
	computers map[string]computer

	closeOnce sync.Once
	closeErr  error
}

// computer is what was announced of one.
type computer struct {
	// functions that it serves, sorted.
	functions []string
	// generation tells its starts apart (wire.ComputerInfo); 0 where it does not
	// say.
	generation uint64
}

// Start listens on the endpoint and serves until Close. The context bounds
// only the start.
func Start(ctx context.Context, cfg Config) (*Controller, error) {
	if cfg.Net == nil {
		cfg.Net = wire.TCP{}
	}
	if cfg.CallTimeout <= 0 {
		cfg.CallTimeout = DefaultCallTimeout
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	life, end := context.WithCancel(context.Background())
	c := &Controller{
		cfg:       cfg,
		life:      life,
		end:       end,
		turn:      make(chan struct{}, 1),
		routers:   make(map[string]string),
		computers: make(map[string]computer),
	}

	register := func(s grpc.ServiceRegistrar) { wire.RegisterEdgeControllerServer(s, c) }
	server, err := wire.Serve(ctx, cfg.Net, cfg.Endpoint, register)
	if err != nil {
		end()
		return nil, fmt.Errorf("start controller: %w", err)
	}
	c.server = server
	return c, nil
}

// Close stops the controller and waits for its handlers. Routers keep their
// tables. It may be called more than once.
func (c *Controller) Close() error {
	c.closeOnce.Do(func() {
		c.end()
		if err := c.server.Close(); err != nil {
			c.closeErr = fmt.Errorf("controller: %w", err)
		}
	})
	return c.closeErr
}

// Stats returns what the controller knows now.
func (c *Controller) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{
		Routers:   slices.Sorted(maps.Keys(c.routers)),
		Computers: slices.Sorted(maps.Keys(c.computers)),
	}
}

// AnnounceComputer implements the EdgeController service: every router gets
// one entry per function. The same announcement twice does nothing; one with
// other functions replaces the first, and one of a later start is told to the
// routers again. One of an earlier start came too late, and does nothing. It
// answers once the routers are configured.
func (c *Controller) AnnounceComputer(ctx context.Context, in *wire.ComputerInfo) (*wire.Void, error) {
	if err := c.take(ctx); err != nil {
		return nil, err
	}
	defer c.release()

	endpoint := in.GetEdgeServerEndpoint()
	announced := computer{generation: in.GetGeneration()}
	for _, container := range in.GetContainers() {
		announced.functions = append(announced.functions, container.GetLambda())
	}
	slices.Sort(announced.functions)
	announced.functions = slices.Compact(announced.functions)

	c.mu.Lock()
	old, known := c.computers[endpoint]
	same := known && slices.Equal(old.functions, announced.functions)
	late := announced.generation != 0 && announced.generation < old.generation
	if late || same && announced.generation == old.generation {
		c.mu.Unlock()
		return &wire.Void{}, nil
	}
	c.computers[endpoint] = announced
	routers := maps.Clone(c.routers)
	c.mu.Unlock()

	orders := announced.changes(endpoint)
	if !same {
		orders = append(removals(endpoint, old.functions), orders...)
	}
	c.install(routers, orders)
	return &wire.Void{}, nil
}

// RemoveComputer implements the EdgeController service: every router loses all
// functions of the computer. The containers of the message are not looked at. A
// message that speaks of an earlier start than the one that is known does
// nothing: the computer has come back since.
func (c *Controller) RemoveComputer(ctx context.Context, in *wire.ComputerInfo) (*wire.Void, error) {
	if err := c.take(ctx); err != nil {
		return nil, err
	}
	defer c.release()

	endpoint := in.GetEdgeServerEndpoint()

	c.mu.Lock()
	known := c.computers[endpoint]
	if in.GetGeneration() != 0 && in.GetGeneration() < known.generation {
		c.mu.Unlock()
		return &wire.Void{}, nil
	}
	delete(c.computers, endpoint)
	routers := maps.Clone(c.routers)
	c.mu.Unlock()

	c.install(routers, removals(endpoint, known.functions))
	return &wire.Void{}, nil
}

// AnnounceRouter implements the EdgeController service: the router gets one
// entry per function of each known computer. A repeated announcement replaces
// the router's Configure endpoint. A router that cannot be configured is
// forgotten, and told so by the RPC's status: it must announce itself again.
func (c *Controller) AnnounceRouter(ctx context.Context, in *wire.RouterInfo) (*wire.Void, error) {
	if err := c.take(ctx); err != nil {
		return nil, err
	}
	defer c.release()

	router := in.GetEdgeServerEndpoint()
	c.mu.Lock()
	c.routers[router] = in.GetForwardingTableEndpoint()
	computers := maps.Clone(c.computers)
	c.mu.Unlock()

	var orders []*wire.EdgeRouterConf
	for _, endpoint := range slices.Sorted(maps.Keys(computers)) {
		orders = append(orders, computers[endpoint].changes(endpoint)...)
	}
	c.install(map[string]string{router: in.GetForwardingTableEndpoint()}, orders)

	c.mu.Lock()
	_, kept := c.routers[router]
	c.mu.Unlock()
	if !kept {
		return nil, status.Errorf(codes.Unavailable, "controller %s cannot configure router %s at %s",
			c.cfg.Endpoint, router, in.GetForwardingTableEndpoint())
	}
	return &wire.Void{}, nil
}

// take waits for the turn to install.
func (c *Controller) take(ctx context.Context) error {
	select {
	case c.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for another announcement at controller %s: %w", c.cfg.Endpoint, ctx.Err())
	}
}

func (c *Controller) release() { <-c.turn }

// changes are the orders that make a router send the functions to the
// computer: weight 1, final, as the prototype's flat installer sends them.
func (c computer) changes(endpoint string) []*wire.EdgeRouterConf {
	var orders []*wire.EdgeRouterConf
	for _, f := range c.functions {
		orders = append(orders, &wire.EdgeRouterConf{
			Action: wire.EdgeRouterConf_CHANGE, Lambda: f, Destination: endpoint, Weight: 1, Final: true,
			Generation: c.generation,
		})
	}
	return orders
}

// removals are the orders that undo changes.
func removals(endpoint string, functions []string) []*wire.EdgeRouterConf {
	var orders []*wire.EdgeRouterConf
	for _, f := range functions {
		orders = append(orders, &wire.EdgeRouterConf{
			Action: wire.EdgeRouterConf_REMOVE, Lambda: f, Destination: endpoint,
		})
	}
	return orders
}

// install sends the orders, in order, to each router, and forgets the routers
// that fail. Once begun it does not stop with the announcer's context: half an
// installation would leave routers that disagree.
func (c *Controller) install(routers map[string]string, orders []*wire.EdgeRouterConf) {
	if len(orders) == 0 {
		return
	}
	var group errgroup.Group
	group.SetLimit(fanOut)
	// In the order of their names, so that one seed in virtual time means one order.
	for _, router := range slices.Sorted(maps.Keys(routers)) {
		config := routers[router]
		group.Go(func() error {
			err := c.configure(config, orders)
			if err == nil {
				return nil
			}

			c.cfg.Logger.Warn("forget router", "router", router, "error", err)
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.routers[router] == config {
				delete(c.routers, router)
			}
			return nil
		})
	}
	_ = group.Wait() // the functions return no errors
}

// configure sends the orders to one router over a connection of their own, as
// the prototype does. What the router answers is logged and otherwise ignored.
func (c *Controller) configure(endpoint string, orders []*wire.EdgeRouterConf) error {
	ctx, cancel := context.WithTimeout(c.life, c.cfg.CallTimeout)
	defer cancel()
	cc, err := wire.Dial(c.cfg.Net, endpoint)
	if err != nil {
		return fmt.Errorf("configure router: %w", err)
	}
	defer cc.Close()

	client := wire.NewEdgeRouterClient(cc)
	for _, order := range orders {
		answer, err := client.Configure(ctx, order)
		if err != nil {
			return fmt.Errorf("configure router at %s: %s %s to %s: %w",
				endpoint, order.GetAction(), order.GetLambda(), order.GetDestination(), err)
		}
		if answer.GetMsg() != wire.RetOK {
			c.cfg.Logger.Warn("router refused a configuration", "router", endpoint,
				"action", order.GetAction().String(), "function", order.GetLambda(), "answer", answer.GetMsg())
		}
	}
	return nil
}
