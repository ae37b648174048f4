package emu

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"

	"edgebed/harness/emu/delayline"
	"edgebed/harness/topology"
	"edgebed/nodes/yamlfile"
)

// Network is an emulated network. Its methods may be called from several
// goroutines.
type Network struct {
	opts  Options
	home  *os.File
	hosts []*Host
	// interfaces of all hosts, in the topology's order.
	interfaces []*Interface
	ports      []*port
	boxPorts   []*port // which nobody sees: of the boxes at the hosts' ends of access links, and to routers
	links      []*link
	backend    Backend
	relay      *delayline.Relay
	settings   map[string]string

	fabric, medium   *namespace
	fabricC, mediumC *conn          // medium and mediumC are nil if no link is delayed
	bridges          map[string]int // interface index by switch
	mediumEnds       []int          // interface indices of the medium's devices
	steps            []step         // of building
	procs            procs          // while it is built

	wired *topology.Topology // as built: see topology.Wired
	boxes map[string]bool    // switches of wired that are at the ends of access links
	mtu   int                // of devices that are not of one link
	ipv6  bool               // beside IPv4

	guided bool   // hosts learn of each other when they first send
	guide  *guide // of a guided network that is built

	sticks  map[string][]stick // of each router; nil where switches forward
	routers []*Router

	mu       sync.Mutex         // guards what live changes change:
	topology *topology.Topology // and its links' parameters

	closeOnce sync.Once
	closeErr  error
	closed    chan struct{}  // closed by Close
	captures  sync.WaitGroup // that run
}

// port is one port of a switch.
type port struct {
	name       string // "s0-s1" or "s0-host0"
	at, toward string
	index      int
	trunk      bool
	hidden     bool   // counts nothing: it leads to a router
	shaped     bool   // has a queue whose limit the topology says
	device     device // as it was when the network had been built
}

// link is one link between switches, or an access link between a switch and the box of
// a host. Its ends and directions have the order of the topology: direction 0 leaves
// end 0.
type link struct {
	spec   topology.LinkSpec // as wired
	ends   [2]string         // as the topology has them
	suffix string            // of parallel links' names
	at     *Interface        // whose access link it is; nil between switches
	port   [2]*port
	params [2]topology.Params
	line   int    // index of the relay's line, or -1
	medium [2]int // interface indices in the medium, or zero
	// redrawn counts how often netem was changed since the network was built.
	redrawn [2]uint64
}

// Topology returns a copy of what the network is now, with all live changes to
// link classes.
func (n *Network) Topology() *topology.Topology {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.topology.Clone()
}

// Hosts returns the hosts in the topology's order.
func (n *Network) Hosts() []*Host { return slices.Clone(n.hosts) }

// Host returns the host of the given name.
func (n *Network) Host(name string) (*Host, error) {
	var names []string
	for _, h := range n.hosts {
		if h.name == name {
			return h, nil
		}
		names = append(names, h.name)
	}
	return nil, fmt.Errorf("find host: network %s has no host %q%s", n.topology.Name, name,
		yamlfile.Suggest(name, names))
}

// Backend returns what makes the delay of links: Netem, DelayLine, or None if
// none is delayed.
func (n *Network) Backend() Backend { return n.backend }

// Relay returns the delay line, whose statistics say how punctual it was, or
// nil if there is none. Its lines are those of DelayedLinks. It is closed by
// Close.
func (n *Network) Relay() *delayline.Relay { return n.relay }

// DelayedLinks names the relay's lines, for instance "s0-s1"; from A to B is
// from the first switch to the second.
func (n *Network) DelayedLinks() []string {
	var names []string
	for _, l := range n.links {
		if l.line >= 0 {
			names = append(names, l.direction(0))
		}
	}
	return names
}

// Close takes the network down: the relay ends, captures end, and the kernel
// removes the namespaces with all devices once nothing uses them. Sockets that
// were opened in hosts, and processes that were started there, keep their
// namespace until they end.
func (n *Network) Close() error {
	n.closeOnce.Do(func() {
		n.mu.Lock()
		close(n.closed)
		n.mu.Unlock()
		n.captures.Wait()

		var errs []error
		if n.guide != nil {
			errs = append(errs, n.guide.close())
		}
		if n.relay != nil {
			errs = append(errs, n.relay.Close())
		}

		for _, h := range n.hosts {
			errs = append(errs, h.close())
		}
		for _, r := range n.routers {
			errs = append(errs, r.close())
		}
		for _, c := range []*conn{n.fabricC, n.mediumC} {
			if c != nil {
				c.Close()
			}
		}

		for _, ns := range []*namespace{n.fabric, n.medium} {
			if ns != nil {
				errs = append(errs, ns.Close())
			}
		}

		if n.home != nil {
			errs = append(errs, n.home.Close())
		}
		n.closeErr = errors.Join(errs...)
	})
	return n.closeErr
}

// checkOpen returns an error after Close.
func (n *Network) checkOpen() error {
	select {
	case <-n.closed:
		return fmt.Errorf("use network %s: %w", n.topology.Name, net.ErrClosed)
	default:
		return nil
	}
}
