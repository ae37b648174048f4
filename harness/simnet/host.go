package simnet

import (
	"context"
	"fmt"
	"math/rand"
	"net"
	"net/netip"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"

	"edgebed/harness/topology"
)

// Host is a machine with a TCP/IP stack of its own. It implements wire.Net.
type Host struct {
	spec    topology.HostSpec
	network *Network
	stack   *stack.Stack
	cards   []*card
}

// Name returns the host's name in the topology.
func (h *Host) Name() string { return h.spec.Name }

// Address returns the IPv4 address of the host's first interface.
func (h *Host) Address() netip.Addr { return h.spec.Address }

// tuning is how the hosts' TCP differs from gVisor's defaults.
type tuning []tcpip.SettableTransportProtocolOption

// Linux's buffers (net.ipv4.tcp_rmem and tcp_wmem): half of a receive buffer is
// announced as window. Linux lets it grow to 6 MiB, but slowly; gVisor's grows at
// once, and several such windows overflow the queues of 1 Gb/s links, which never
// happens there.
const (
	receiveBuffer    = 128 << 10
	receiveBufferMax = 512 << 10
	sendBuffer       = 4 << 20
)

// tune returns the settings that make gVisor's TCP like Linux's.
func tune(t *topology.Topology, o Options) tuning {
	// RACK takes segments that were sent at the same instant as one that is
	// acknowledged for lost, which in virtual time most are.
	var recovery tcpip.TCPRecovery
	sack, moderate := tcpip.TCPSACKEnabled(true), tcpip.TCPModerateReceiveBufferOption(true)
	control := tcpip.CongestionControlOption(o.CongestionControl)
	rto := tcpip.TCPMinRTOOption(minRTO(t))
	return tuning{
		&recovery, &sack, &moderate, &control, &rto,
		&tcpip.TCPReceiveBufferSizeRangeOption{Min: 4 << 10, Default: receiveBuffer, Max: receiveBufferMax},
		&tcpip.TCPSendBufferSizeRangeOption{Min: 4 << 10, Default: sendBuffer, Max: sendBuffer},
	}
}

// minRTO is the least time before a segment is sent again. Linux adds 200 ms or
// more to the smoothed round trip, gVisor takes 200 ms if the round trip's spread
// is small; what full windows of two flows need on the slowest link is added
// instead.
func minRTO(t *topology.Topology) time.Duration {
	var longest time.Duration
	for _, l := range t.AllLinks() {
		for _, p := range t.Directions(l) {
			if p.Rate > 0 {
				longest = max(longest, p.Rate.Time(receiveBuffer))
			}
		}
	}
	return 200*time.Millisecond + longest
}

// lockedSource is a rand.Source for several goroutines.
type lockedSource struct {
	mu  sync.Mutex
	src *rand.Rand
}

func (l *lockedSource) Int63() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.src.Int63()
}

func (l *lockedSource) Seed(s int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.src.Seed(s)
}

func (l *lockedSource) Read(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.src.Read(b)
}

func (n *Network) newHost(spec topology.HostSpec, index int, options tuning) (*Host, error) {
	h := &Host{spec: spec, network: n}
	source := &lockedSource{src: rand.New(rand.NewSource(int64(n.opts.Seed<<20) + int64(index)))}
	h.stack = stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol},
		HandleLocal:        true,
		RandSource:         source,
		SecureRNG:          source,
	})
	for _, o := range options {
		if err := h.stack.SetTransportProtocolOption(tcp.ProtocolNumber, o); err != nil {
			return nil, fmt.Errorf("set %T: %s", o, err)
		}
	}
	return h, nil
}

// setRoutes tells the stack by which of its cards what leaves, as the emulation's hosts are
// told: by the one whose address it has, and where it has none yet by the one that is nearest.
// It is given the host's place.
func (h *Host) setRoutes(t *topology.Topology, place int) {
	var table []tcpip.Route
	add := func(to tcpip.Subnet, c *card) { table = append(table, tcpip.Route{Destination: to, NIC: c.nic}) }

	if len(h.cards) > 1 {
		for i, exit := range t.Exits(place) {
			if to := h.network.cards[i]; exit > 0 && to.host != h {
				add(alone(to.address), h.cards[exit])
			}
		}
	}
	for _, c := range h.cards {
		add(header.IPv4EmptySubnet, c)
	}
	h.stack.SetRouteTable(table)
}

// alone is the network of one address.
func alone(a netip.Addr) tcpip.Subnet { return tcpip.AddrFrom4(a.As4()).WithPrefix().Subnet() }

// Listen opens a TCP listener on an address of the host.
func (h *Host) Listen(_ context.Context, address string) (net.Listener, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("listen on host %s: %w", h.spec.Name, err)
	}
	l, refused := h.listen(full(at))
	if refused != nil {
		return nil, fmt.Errorf("listen on host %s at %s: %s", h.spec.Name, address, refused)
	}
	return listener{l}, nil
}

// listen does what gonet.ListenTCP does, with SO_REUSEADDR as Go's own listeners have
// it: connections of an earlier listener may not have ended yet.
func (h *Host) listen(at tcpip.FullAddress) (*gonet.TCPListener, tcpip.Error) {
	var queue waiter.Queue
	endpoint, err := h.stack.NewEndpoint(tcp.ProtocolNumber, ipv4.ProtocolNumber, &queue)
	if err != nil {
		return nil, err
	}
	endpoint.SocketOptions().SetReuseAddress(true)

	err = endpoint.Bind(at)
	if err == nil {
		err = endpoint.Listen(backlog)
	}
	if err != nil {
		endpoint.Close()
		return nil, err
	}
	return gonet.NewTCPListener(h.stack, &queue, endpoint), nil
}

// backlog is how many connections may wait for a listener, as Linux's somaxconn.
const backlog = 4096

// listener ends Accept when it is closed, which gonet's own Close does not.
type listener struct{ *gonet.TCPListener }

// Close implements net.Listener.
func (l listener) Close() error {
	l.Shutdown()
	return l.TCPListener.Close()
}

// DialContext opens a TCP connection from the host.
func (h *Host) DialContext(ctx context.Context, address string) (net.Conn, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("dial from host %s: %w", h.spec.Name, err)
	}
	c, err := gonet.DialContextTCP(ctx, h.stack, full(to), ipv4.ProtocolNumber)
	if err != nil {
		return nil, fmt.Errorf("dial %s from host %s: %w", address, h.spec.Name, err)
	}
	return c, nil
}

func full(a netip.AddrPort) tcpip.FullAddress {
	return tcpip.FullAddress{Addr: tcpip.AddrFromSlice(a.Addr().AsSlice()), Port: a.Port()}
}
