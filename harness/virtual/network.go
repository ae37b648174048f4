package virtual

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"edgebed/harness/job"
	"edgebed/harness/record"
	"edgebed/harness/simnet"
	"edgebed/harness/testbed"
	"edgebed/nodes/clock"
	"edgebed/nodes/wire"
)

// Build makes the network of a job in virtual time.
func Build(_ context.Context, j *job.Job) (testbed.Network, error) {
	t := j.Cell.Topology
	if err := j.CanRunOn(record.Virtual); err != nil {
		return nil, err
	}
	software, _, err := j.Cell.Nodes.SoftwareCost.Model(string(record.Virtual))
	if err != nil {
		return nil, err
	}

	n, err := simnet.Build(j.Topology(), simnet.Options{
		CongestionControl: t.CongestionControl, Seed: j.Cell.Seed, WakeUp: software.WakeUp,
	})
	if err != nil {
		return nil, err
	}
	return &network{Network: n, clock: clock.NewTimers(), jumper: startJumper()}, nil
}

// network is a network in virtual time as the testbed uses it.
type network struct {
	*simnet.Network
	clock  *clock.Timers
	jumper *jumper
	close  sync.Once
}

// Close implements testbed.Network.
func (n *network) Close() error {
	err := n.Network.Close()
	n.close.Do(n.jumper.stop)
	return err
}

// Kind implements testbed.Network.
func (n *network) Kind() record.NetworkKind { return record.Virtual }

// Net implements testbed.Network.
func (n *network) Net(host string) (wire.Net, error) { return n.Host(host) }

// Clock implements testbed.Network.
func (n *network) Clock() clock.Clock { return n.clock }

// Sleep implements testbed.Network.
func (n *network) Sleep(ctx context.Context, d time.Duration) error { return simnet.Sleep(ctx, d) }

// Capture implements testbed.Network.
func (n *network) Capture(port string, w io.Writer, comment string) (testbed.StopCapture, error) {
	c, err := n.Network.Capture(port, w, comment)
	if err != nil {
		return nil, err
	}
	return func() (int64, error) { return 0, c.Stop() }, nil
}

// Living implements testbed.Network: nothing of it can end before this process.
func (n *network) Living(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithCancel(ctx)
}

// Rest implements testbed.Network. The collector works here and, while memory lasts,
// nowhere else: it would halt goroutines at moments that differ from run to run, and
// so change the order in which those run that are ready at one instant.
func (n *network) Rest() {
	n.jumper.halt()
	defer n.jumper.resume()

	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	if memory.HeapAlloc > restHeap {
		runtime.GC()
	}
	simnet.Align()
}

// Sizes of the heap: from the first on garbage is collected between executions, from
// the second on at any time.
const (
	restHeap = 64 << 20
	mostHeap = 1 << 30
)

// collectAtRest switches the collector off but for Rest, and where memory gets short.
func collectAtRest() {
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(mostHeap)
}

// Watch implements testbed.Network: nothing can disturb a computed network.
func (n *network) Watch(context.Context, []int) (testbed.Watch, error) { return exact{}, nil }

// exact finds nothing.
type exact struct{}

// Findings implements testbed.Watch.
func (exact) Findings(context.Context) ([]record.Finding, error) { return nil, nil }

// Stop implements testbed.Watch.
func (exact) Stop(context.Context) (*record.Audit, float64, error) {
	return &record.Audit{Verdict: record.Exact}, 0, nil
}

// Close implements testbed.Watch.
func (exact) Close() {}

// The network fulfils what the testbed asks for.
var _ testbed.Network = (*network)(nil)

// CheckClock refuses a clock that is not virtual: the program was built without
// -tags faketime, or with cgo, whose threads keep the clock from jumping.
func CheckClock() error {
	// The virtual clock begins in 2009 and stands still while this runs.
	began := time.Now()
	for range 1000 {
		if now := time.Now(); !now.Equal(began) {
			return fmt.Errorf("check the clock: it is the machine's; build this program with %s", BuildCommand)
		}
	}
	if usesCgo {
		return fmt.Errorf("check the clock: the program uses cgo, whose threads keep virtual time from passing; "+
			"build it with %s", BuildCommand)
	}
	return nil
}

// BuildCommand builds the worker.
const BuildCommand = "make bin/edgebed-virtual, which is CGO_ENABLED=0 go build -tags faketime " +
	"-ldflags -checklinkname=0"

// BuildFlags are those of go build for the worker, without cgo: one chooses the virtual
// clock, the other lets the jumper move it.
func BuildFlags() []string { return []string{"-tags", "faketime", "-ldflags", "-checklinkname=0"} }
