package crosscheck

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/gopacket/gopacket/pcapgo"

	counters "edgebed/harness/network"
	"edgebed/harness/topology"
	"edgebed/nodes/units"
	"edgebed/nodes/wire"
)

// experiment is transfers from one host to another over a link, all at once, each
// over a new connection.
type experiment struct {
	name  string
	mode  topology.Mode
	rate  units.Rate
	flows int
	size  int // bytes of each
}

// envFolder names the folder for the captures and counters of virtual time.
const envFolder = "EDGEBED_TEST_CROSSCHECK"

// trunk is the port at which the transfers are captured.
const trunk = "s0-s1"

var experiments = []experiment{
	{"one", topology.Switched, units.Mbps, 1, 100_000},
	{"five", topology.Switched, units.Mbps, 5, 100_000},
	{"fast", topology.Switched, 20 * units.Mbps, 1, 100_000},
	{"routed", topology.Routed, units.Mbps, 1, 100_000},
	{"five-routed", topology.Routed, 2 * units.Mbps, 5, 100_000},
}

// topology is two hosts with the link between them.
func (e experiment) topology() *topology.Topology {
	delay, queue := time.Millisecond, 1000
	return &topology.Topology{
		Version: 1, Name: "pair", Mode: e.mode, Subnet: netip.MustParsePrefix("10.9.0.0/24"),
		Switches: []string{"s0", "s1"},
		Hosts: []topology.HostSpec{
			{Name: "a", Address: netip.MustParseAddr("10.9.0.1"), Switch: "s0"},
			{Name: "b", Address: netip.MustParseAddr("10.9.0.2"), Switch: "s1"},
		},
		Classes: map[string]topology.Class{"trunk": {Override: topology.Override{Rate: &e.rate, Delay: &delay, Queue: &queue}}},
		Links:   []topology.LinkSpec{{Between: [2]string{"s0", "s1"}, Class: "trunk"}},
	}
}

// run makes the transfers, and returns when all have arrived.
func (e experiment) run(ctx context.Context, from, to wire.Net) error {
	l, err := to.Listen(ctx, "10.9.0.2:80")
	if err != nil {
		return err
	}
	defer l.Close()

	ended := make(chan error, 2*e.flows)
	for range e.flows {
		go func() {
			c, err := l.Accept()
			if err != nil {
				ended <- err
				return
			}
			defer c.Close()
			_, err = io.CopyN(io.Discard, c, int64(e.size))
			ended <- err
		}()
		go func() {
			c, err := from.DialContext(ctx, "10.9.0.2:80")
			if err != nil {
				ended <- err
				return
			}
			defer c.Close()
			_, err = c.Write(make([]byte, e.size))
			ended <- err
		}()
	}

	var errs []error
	for range 2 * e.flows {
		errs = append(errs, <-ended)
	}
	return errors.Join(errs...)
}

// network is one on which an experiment is made, emulated or in virtual time.
type network struct {
	from, to wire.Net
	// capture begins to write the frames of a port to w; stop ends that.
	capture func(port string, w io.Writer) (stop func() error, err error)
	idle    func(ctx context.Context, quiet time.Duration) (counters.Counters, error)
}

// captured makes the transfers, and returns what was captured of them at the trunk.
func (e experiment) captured(ctx context.Context, n network) ([]byte, error) {
	var file bytes.Buffer
	stop, err := n.capture(trunk, &file)
	if err != nil {
		return nil, err
	}
	if err := e.run(ctx, n.from, n.to); err != nil {
		return nil, err
	}
	if _, err := n.idle(ctx, 50*time.Millisecond); err != nil {
		return nil, err
	}
	err = stop()
	return file.Bytes(), err
}

// frame is one that was captured, at a time since the first.
type frame struct {
	at   time.Duration
	size int
	// back means that it goes towards the transfers' sender.
	back bool
}

// data tells whether a frame carries data of a transfer.
func (f frame) data() bool { return !f.back && f.size > 100 }

// frames reads what was captured at the trunk.
func frames(capture []byte) ([]frame, error) {
	r, err := pcapgo.NewNgReader(bytes.NewReader(capture), pcapgo.DefaultNgReaderOptions)
	if err != nil {
		return nil, err
	}

	var list []frame
	var first time.Time
	for {
		data, info, err := r.ReadPacketData()
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read frame %d: %w", len(list), err)
		}
		if len(list) == 0 {
			first = info.Timestamp
		}

		// The source of an IPv4 packet after an Ethernet header.
		from := netip.AddrFrom4([4]byte(data[26:30]))
		list = append(list, frame{
			at: info.Timestamp.Sub(first), size: cmp.Or(info.Length, len(data)), back: from == netip.MustParseAddr("10.9.0.2"),
		})
	}
}
