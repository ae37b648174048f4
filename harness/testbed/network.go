package testbed

import (
	"context"
	"io"
	"time"

	"edgebed/harness/job"
	"edgebed/harness/network"
	"edgebed/harness/record"
	"edgebed/harness/topology"
	"edgebed/nodes/clock"
	"edgebed/nodes/wire"
)

// Network is what a cell needs of a network: Emulated's has the kernel's links,
// simnet's links in virtual time.
type Network interface {
	// Kind says what makes the links.
	Kind() record.NetworkKind
	// Net is the network as the named host sees it.
	Net(host string) (wire.Net, error)
	// Clock is that of the computers' processors; nil gives each its own.
	Clock() clock.Clock
	// Sleep waits as long as a node's software is busy, with less lateness than
	// Go's timers have. It ends with ctx's error, if that ends first.
	Sleep(ctx context.Context, d time.Duration) error
	// Settings are the facts that could move a curve, for the records.
	Settings() map[string]string
	// Counters are what has passed all ports; Idle waits until nothing has moved
	// for the given time, and returns those of then.
	Counters() (network.Counters, error)
	Idle(ctx context.Context, quiet time.Duration) (network.Counters, error)
	TCP() (network.TCP, error)
	// SetLinks changes parameters of directions of links: either all or none.
	SetLinks(changes ...topology.Change) error
	// Capture begins to write the frames of a port, in both directions, to w as pcapng.
	Capture(port string, w io.Writer, comment string) (StopCapture, error)
	// Living returns a context that ends, with the reason as its cause, where what makes the
	// network ends, such as its delay line.
	Living(ctx context.Context) (context.Context, context.CancelFunc)
	// Rest does before an execution what would disturb it.
	Rest()
	// Watch begins to look for what disturbs the cell's executions. Apart are the processes, by
	// their ids, of hosts with limits.
	Watch(ctx context.Context, apart []int) (Watch, error)
	Close() error
}

// Watch looks for disturbances until it is closed.
type Watch interface {
	// Findings are those up to here.
	Findings(ctx context.Context) ([]record.Finding, error)
	// Stop ends the watching. It returns the verdict and the share of the
	// machine's processors that was in use, 0 to 1.
	Stop(ctx context.Context) (audit *record.Audit, busy float64, err error)
	Close()
}

// Build makes the network of a job.
type Build func(ctx context.Context, j *job.Job) (Network, error)
