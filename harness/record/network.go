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
	// Interfaces are those beside the first one, in their order.
	Interfaces []Interface `json:"interfaces,omitempty"`
	// Uplink is what happens to a frame that the host sends, where that is more than to
	// arrive at the switch; its Switch is the host, its Peer the switch. The port of the
	// switch has the way back.
	Uplink *NetworkPort `json:"uplink,omitempty"`
}

// Interface is one of a host's beside its first one, eth1 and so on.
type Interface struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	Switch  string `json:"switch"`
	// Uplink is as a host's.
	Uplink *NetworkPort `json:"uplink,omitempty"`
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
	// Loss is the share of frames that are lost in the long run, 0 to 1; Bursts the
	// channel, where that is not each by itself.
	Loss   float64 `json:"loss,omitempty"`
	Bursts *Bursts `json:"bursts,omitempty"`
	// Duplicate is the probability that a frame arrives twice, Corrupt that a bit of it
	// is flipped.
	Duplicate float64 `json:"duplicate,omitempty"`
	Corrupt   float64 `json:"corrupt,omitempty"`
	// Queue is the limit of the queue before the rate, in packets; 0 where the link
	// is not shaped and so has none, and where QueueBytes is its limit in bytes.
	Queue      int   `json:"queue,omitempty"`
	QueueBytes int64 `json:"queue_bytes,omitempty"`
	// Discipline of the queue, where it is not a FIFO.
	Discipline string `json:"discipline,omitempty"`
}

// Bursts is the channel of Gilbert and Elliott, by the probabilities that tc calls p, r,
// 1-h and 1-k.
type Bursts struct {
	P    float64 `json:"p"`
	R    float64 `json:"r"`
	Bad  float64 `json:"1-h"`
	Good float64 `json:"1-k"`
}
