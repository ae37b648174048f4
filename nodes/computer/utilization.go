package computer

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"

	"edgebed/nodes/wire"
)

// samplePeriod is how often utilisations are sampled and streamed.
const samplePeriod = time.Second

// startUtilization serves the stream of utilisations.
func (c *Computer) startUtilization(ctx context.Context) error {
	util := &utilization{streams: make(map[chan *wire.Utilization]bool)}
	register := func(s grpc.ServiceRegistrar) { wire.RegisterEdgeComputerServer(s, util) }
	server, err := wire.Serve(ctx, c.cfg.Net, c.cfg.UtilEndpoint, register)
	if err != nil {
		return fmt.Errorf("serve utilisation: %w", err)
	}
	c.util = util
	c.defers(server.Close)
	return nil
}

// housekeep does each second what is due: samples, joins that expire, and
// executions of the direct form that need not be remembered any more.
func (c *Computer) housekeep() {
	tick := time.NewTicker(samplePeriod)
	defer tick.Stop()
	for {
		select {
		case <-c.life.Done():
			return
		case <-tick.C:
		}
		if c.util != nil {
			c.util.publish(&wire.Utilization{Values: c.engine.Sample()})
		}
		c.expireJoins()
		c.waiting.forget(time.Now())
	}
}

// expireJoins tells the clients of joins that have waited too long. Each is in
// flight from when it waits no more: whoever looks finds it as one or the other.
func (c *Computer) expireJoins() {
	c.inFlight.Add(1)
	defer c.inFlight.Add(-1)
	for _, e := range c.joins.expire(time.Now()) {
		c.inFlight.Add(1)
		c.tasks.Go(func() {
			defer c.inFlight.Add(-1)
			c.lose(e.report, e.err())
		})
	}
}

// utilization serves the samples to any number of streams.
type utilization struct {
	wire.UnimplementedEdgeComputerServer

	mu      sync.Mutex
	streams map[chan *wire.Utilization]bool
}

// publish hands a sample to every stream. One that has not sent the sample
// before gets the new one in its place.
func (u *utilization) publish(sample *wire.Utilization) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for s := range u.streams {
		select {
		case <-s:
		default:
		}
		s <- sample
	}
}

// StreamUtil implements wire.EdgeComputerServer.
func (u *utilization) StreamUtil(_ *wire.Void, stream grpc.ServerStreamingServer[wire.Utilization]) error {
	samples := make(chan *wire.Utilization, 1)
	u.mu.Lock()
	u.streams[samples] = true
	u.mu.Unlock()

	defer func() {
		u.mu.Lock()
		delete(u.streams, samples)
		u.mu.Unlock()
	}()

	for {
		select {
		case <-stream.Context().Done():
			return nil
		case sample := <-samples:
			if err := stream.Send(sample); err != nil {
				return err
			}
		}
	}
}
