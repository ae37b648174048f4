package record

// Network is what a cell's executions ran over, so that a reader need not guess it
// from the names of ports.
type Network struct {
	// Topology is the name of the topology.
	Topology string `json:"topology"`
	// Switches by name, in the topology's order.
	Switches []string `json:"switches"`
	Hosts    []Host   `json:"hosts"`
	// Ports of the switches. Each link between switches has two, one of either.
	Ports []NetworkPort `json:"ports"`
}

// Host is a host of the network.
type Host struct {
	Name string `json:"name"`
	// Address is its IPv4 address.
	Address string `json:"address"`
	// Switch that it is attached to.
	Switch string `json:"switch"`
}

// NetworkPort is a port of a switch, with what happens to a frame that leaves the
// switch through it.
type NetworkPort struct {
	// Name is that of Execution.Ports.
	Name   string `json:"name"`
	Switch string `json:"switch"`
	// Peer is the switch or host that the port leads to; Trunk says that it is a
	// switch.
	Peer  string `json:"peer"`
	Trunk bool   `json:"trunk,omitempty"`
	// RateBPS is the link's rate in bit/s, 0 where it is not shaped.
	RateBPS int64 `json:"rate_bps,omitempty"`
	// DelayNS and JitterNS are of propagation: the delay lies within JitterNS of
	// DelayNS.
	DelayNS  int64 `json:"delay_ns,omitempty"`
	JitterNS int64 `json:"jitter_ns,omitempty"`
	// Loss is the probability that a frame is lost, 0 to 1.
	Loss float64 `json:"loss,omitempty"`
	// Queue is the limit of the queue before the rate, in packets; 0 where the link
	// is not shaped and so has none.
	Queue int `json:"queue,omitempty"`
}
