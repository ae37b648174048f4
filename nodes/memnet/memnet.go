// Package memnet is an in-memory network: hosts with IP addresses, listeners
// and buffered connections, but no kernel. Nodes run on it unchanged through
// wire.Net, so that thousands of executions can be tested in seconds, with the
// addresses of the real experiments, and every connection and byte is counted
// per pair of hosts. It has no rate, no delay and no loss.
package memnet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"

	"google.golang.org/grpc/test/bufconn"

	"edgebed/nodes/wire"
)

// buffer is how many bytes a connection holds per direction before its writer
// blocks.
const buffer = 64 << 10

// firstEphemeral is the lowest port that a listener on port 0 gets.
const firstEphemeral = 49152

// errCut is the error of connections and dials of a host that was cut off.
var errCut = errors.New("host is cut off")

// Pair is a direction between two hosts, which may be the same host.
type Pair struct {
	// From and To are the hosts' addresses.
	From, To netip.Addr
}

// Count is what happened in one direction.
type Count struct {
	// Conns counts the connections that From opened to To.
	Conns int64
	// Bytes counts the bytes that From sent to To, whichever of them opened the
	// connection: payload with HTTP/2 framing, no TCP or IP headers.
	Bytes int64
}

// Chunk is a piece of one connection's byte stream.
type Chunk struct {
	// Conn numbers the connections of a network from 1 in the order in which
	// they were opened.
	Conn int
	// Dialed is true for bytes of the side that opened the connection.
	Dialed bool
	// From and To are the hosts' addresses.
	From, To netip.Addr
	// Data is only valid during the call that passes it.
	Data []byte
}

// Network is a set of hosts. Its methods may be called from several goroutines.
type Network struct {
	mu        sync.Mutex
	listeners map[netip.AddrPort]*bufconn.Listener
	conns     map[*conn]struct{}
	cut       map[netip.Addr]bool
	counts    map[Pair]Count
	opened    int
	ephemeral uint16
	tap       func(Chunk)
}

// New returns an empty network.
func New() *Network {
	return &Network{
		listeners: make(map[netip.AddrPort]*bufconn.Listener),
		conns:     make(map[*conn]struct{}),
		cut:       make(map[netip.Addr]bool),
		counts:    make(map[Pair]Count),
		ephemeral: firstEphemeral,
	}
}

// Tap calls f with every piece of data that crosses the network, in order for
// each connection and direction; pieces of different connections come
// concurrently. Nil stops it.
func (n *Network) Tap(f func(Chunk)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tap = f
}

// Host returns the network as the host with this address sees it. Hosts need
// no registration.
func (n *Network) Host(address netip.Addr) wire.Net { return host{n, address} }

// Counts returns a copy of all counters.
func (n *Network) Counts() map[Pair]Count {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.counts)
}

// Conns returns how many connections were opened between any hosts.
func (n *Network) Conns() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.opened
}

// Open returns how many connections are open and how many listeners exist, for
// leak tests.
func (n *Network) Open() (conns, listeners int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.conns), len(n.listeners)
}

// Cut takes a host off the network at once, as a cable that is pulled, but
// without the silence: its connections to other hosts break, and dials between
// it and others fail until Restore. What is on the host goes on, its listeners
// and its connections to itself too.
func (n *Network) Cut(address netip.Addr) {
	n.mu.Lock()
	n.cut[address] = true
	var broken []*conn
	for c := range n.conns {
		if n.isCut(c.local, c.remote) {
			broken = append(broken, c)
		}
	}
	n.mu.Unlock()
	for _, c := range broken {
		_ = c.Close() // both sides see the end of the stream
	}
}

// isCut tells whether two hosts cannot reach each other. The caller holds mu.
func (n *Network) isCut(a, b netip.Addr) bool { return a != b && (n.cut[a] || n.cut[b]) }

// Restore brings a host back that was cut off.
func (n *Network) Restore(address netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.cut, address)
}

// Listening returns the addresses that accept connections, sorted.
func (n *Network) Listening() []netip.AddrPort {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.SortedFunc(maps.Keys(n.listeners), netip.AddrPort.Compare)
}

// host is the view of one host.
type host struct {
	n       *Network
	address netip.Addr
}

// Listen implements wire.Net. Port 0 means any free port.
func (h host) Listen(_ context.Context, address string) (net.Listener, error) {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: want ip:port: %w", address, err)
	}
	if ap.Addr() != h.address {
		return nil, opError("listen", ap, syscall.EADDRNOTAVAIL)
	}

	n := h.n
	n.mu.Lock()
	defer n.mu.Unlock()
	for ap.Port() == 0 {
		candidate := netip.AddrPortFrom(ap.Addr(), n.ephemeral)
		n.ephemeral = max(n.ephemeral+1, firstEphemeral)
		if _, used := n.listeners[candidate]; !used {
			ap = candidate
		}
	}

	if _, used := n.listeners[ap]; used {
		return nil, opError("listen", ap, syscall.EADDRINUSE)
	}
	l := bufconn.Listen(buffer)
	n.listeners[ap] = l
	return &listener{Listener: l, n: n, at: ap}, nil
}

// DialContext implements wire.Net.
func (h host) DialContext(ctx context.Context, address string) (net.Conn, error) {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("dial %s: want ip:port: %w", address, err)
	}

	n := h.n
	n.mu.Lock()
	l, cut := n.listeners[ap], n.isCut(h.address, ap.Addr())
	n.mu.Unlock()
	if cut {
		return nil, opError("dial", ap, errCut)
	}
	if l == nil {
		return nil, opError("dial", ap, syscall.ECONNREFUSED)
	}

	raw, err := l.DialContext(ctx)
	if err != nil {
		return nil, opError("dial", ap, err)
	}

	// The host may have been cut off meanwhile.
	n.mu.Lock()
	if n.isCut(h.address, ap.Addr()) {
		n.mu.Unlock()
		_ = raw.Close() // never used
		return nil, opError("dial", ap, errCut)
	}

	n.opened++
	c := &conn{Conn: raw, n: n, number: n.opened, local: h.address, remote: ap.Addr(), at: ap}
	n.conns[c] = struct{}{}
	pair := Pair{c.local, c.remote}
	count := n.counts[pair]
	count.Conns++
	n.counts[pair] = count
	n.mu.Unlock()
	return c, nil
}

// opError makes a *net.OpError, as the kernel's network does.
func opError(op string, at netip.AddrPort, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Addr: net.TCPAddrFromAddrPort(at), Err: err}
}

// listener frees its address when it is closed.
type listener struct {
	*bufconn.Listener
	n  *Network
	at netip.AddrPort
}

// Addr implements net.Listener.
func (l *listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.at) }

// Close implements net.Listener. Connections stay.
func (l *listener) Close() error {
	l.n.mu.Lock()
	if l.n.listeners[l.at] == l.Listener {
		delete(l.n.listeners, l.at)
	}
	l.n.mu.Unlock()
	return l.Listener.Close()
}

// conn is the dialling side of a connection. It counts for both sides: what it
// reads was sent by the other one, and counts when it is read.
type conn struct {
	net.Conn
	n             *Network
	number        int
	local, remote netip.Addr
	at            netip.AddrPort
}

// RemoteAddr implements net.Conn.
func (c *conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.at) }

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) {
	k, err := c.Conn.Read(b)
	c.count(Chunk{Conn: c.number, From: c.remote, To: c.local, Data: b[:k]})
	return k, err
}

// Write implements net.Conn. The bytes are counted before they can be read.
func (c *conn) Write(b []byte) (int, error) {
	c.count(Chunk{Conn: c.number, Dialed: true, From: c.local, To: c.remote, Data: b})
	return c.Conn.Write(b)
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.n.mu.Lock()
	delete(c.n.conns, c)
	c.n.mu.Unlock()
	return c.Conn.Close()
}

func (c *conn) count(chunk Chunk) {
	if len(chunk.Data) == 0 {
		return
	}
	pair := Pair{chunk.From, chunk.To}
	c.n.mu.Lock()
	count := c.n.counts[pair]
	count.Bytes += int64(len(chunk.Data))
	c.n.counts[pair] = count
	tap := c.n.tap
	c.n.mu.Unlock()
	if tap != nil {
		tap(chunk)
	}
}
