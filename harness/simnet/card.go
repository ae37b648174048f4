package simnet

import (
	"fmt"
	"net/netip"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"

	"edgebed/harness/topology"
)

// Sizes of frames.
const (
	ethernet = 14
	// timestamps is what the option takes of each header, reserved what gVisor
	// leaves free for options in each segment. A larger MTU makes up for it.
	timestamps = 12
	reserved   = 40
)

// segmentOf returns the payload of a full TCP segment in a packet of an MTU, as Linux's with
// time stamps.
func segmentOf(mtu int) int { return mtu - header.IPv4MinimumSize - header.TCPMinimumSize - timestamps }

// card is a network card of a host: what the stack sends through it goes to its
// switch at once.
type card struct {
	*channel.Endpoint
	host    *Host
	nic     tcpip.NICID // the stack's number of it
	index   int         // among the network's
	address netip.Addr
	port    *port // the switch's
	flows   map[flow]*connection
	// smallQueue is how much of a connection may wait in the network, in bytes.
	smallQueue int
	// segment is the payload of a full segment.
	segment int
}

// addCard gives the host a card for an interface.
func (h *Host) addCard(f topology.Interface) (*card, error) {
	segment := segmentOf(h.network.topology.MTUOf(f.InterfaceSpec))
	mtu := segment + header.IPv4MinimumSize + header.TCPMinimumSize + reserved
	c := &card{
		Endpoint: channel.New(0, uint32(mtu), ""), host: h, nic: tcpip.NICID(1 + f.Number),
		index: len(h.network.cards), address: f.Address, flows: map[flow]*connection{}, segment: segment,
	}
	// TCP segments do not change on their way.
	c.LinkEPCapabilities = stack.CapabilityTXChecksumOffload | stack.CapabilityRXChecksumOffload

	if err := h.stack.CreateNIC(c.nic, c); err != nil {
		return nil, fmt.Errorf("make its network card: %s", err)
	}
	address := tcpip.ProtocolAddress{
		Protocol: ipv4.ProtocolNumber,
		AddressWithPrefix: tcpip.AddressWithPrefix{
			Address: tcpip.AddrFromSlice(f.Address.AsSlice()), PrefixLen: h.network.topology.Subnet.Bits(),
		},
	}
	if err := h.stack.AddProtocolAddress(c.nic, address, stack.AddressProperties{}); err != nil {
		return nil, fmt.Errorf("give it address %v: %s", f.Address, err)
	}

	h.cards = append(h.cards, c)
	return c, nil
}

// take gives a frame that has arrived to the stack.
func (c *card) take(f frame) {
	packet := f.packet
	if f.hops > 0 {
		packet = stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithView(f.current())})
		f.packet.DecRef()
	}
	c.InjectInbound(ipv4.ProtocolNumber, packet)
	packet.DecRef()
}

// WritePackets implements stack.LinkWriter.
func (c *card) WritePackets(list stack.PacketBufferList) (int, tcpip.Error) {
	n := c.host.network
	packets := list.AsSlice()
	n.schedule.mu.Lock()
	defer n.schedule.mu.Unlock()
	for _, p := range packets {
		to := header.IPv4(p.NetworkHeader().Slice()).DestinationAddress()
		n.collect(c, p, frame{
			packet: stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: p.ToBuffer()}),
			size:   p.Size() + ethernet,
			to:     netip.AddrFrom4(to.As4()),
		})
	}
	return len(packets), nil
}

// send gives a frame to the switch. It needs the lock.
func (c *card) send(now int64, f frame) {
	c.port.received(now, f)
	c.host.network.forward(now, c.port.at, f)
}
