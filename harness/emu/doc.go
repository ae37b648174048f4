// Package emu builds an emulated network from a topology: hosts, switches and
// links with a rate, delay, loss and queue per direction, on one Linux machine.
// It talks netlink only, runs no other programs, gives nothing a global name,
// and leaves nothing behind: all namespaces are held by file descriptors of the
// calling process.
//
// Each host is a network namespace with an interface, or several. All switches are bridges
// in one hidden namespace, the fabric, so that one dump gives all counters.
// Nothing is learned or flooded: forwarding entries and neighbours are static,
// along shortest paths. Networks with more than 256 interfaces get them when one host first
// sends to another (see guide).
//
//	host ns        fabric ns                                          host ns
//	eth0 ---- port|bridge s0|port HTB ---- HTB port|bridge s1|port ---- eth0
//
// In routed mode a router, which is a namespace too, is behind each bridge (see Router),
// and hosts know it alone.
//
// The rate of a link is the kernel's HTB on the egress of both its ports. Delay,
// jitter and loss, where a link has them, happen in a second hidden namespace,
// the medium, between the two ports: away from the shaper, because the two disturb
// each other on one device. There it is netem, or, on kernels without it, the
// relay process of package delayline.
//
//	port HTB ---- medium end | netem or relay | medium end ---- HTB port
//
// Segmentation offload is off everywhere: hosts cut large segments as they send
// them (see segmentOnSending), and no other device takes any (gso_max_segs 1),
// so that the shaper and the counters see what a real link would carry.
//
// A host with several interfaces is no way between them. It sends by the one that is nearest to
// the receiver, and from an interface's address by that interface (see topology.Topology.Exits).
//
// Limits: Linux; IPv4, and IPv6 beside it; 16 interfaces a host, whose addresses are of the
// network's one subnet (in routed mode routers are its only neighbours there); 1,023 ports
// on a switch (topology.MaxPorts), 5,000 switches, hosts and links each; rates of 8 kb/s to
// 30 Gb/s (topology.MinRate, MaxRate), delays up to an hour; two open files a host, a router and a link,
// and while it is built one for each 64 hosts and routers (FilesNeeded). There is no state
// outside of a Network: any number of them can be built in one process.
//
// The calling process needs CAP_NET_ADMIN, CAP_NET_RAW and CAP_SYS_ADMIN in its
// user namespace, as package sandbox gives, and its main function must call
// delayline.MaybeMain first. With CAP_NET_BROADCAST it builds large networks faster.
package emu
