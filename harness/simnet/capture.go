package simnet

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"edgebed/nodes/yamlfile"
)

// Capture is a running capture of a switch port.
type Capture struct {
	port *port
	out  *pcapgo.NgWriter
	err  error
}

// Directions of captured frames as seen from the switch.
const (
	inbound  = pcapgo.NgEpbFlagDirectionInbound
	outbound = pcapgo.NgEpbFlagDirectionOutbound
)

// Ports returns the names of all switch ports, in the order of Counters.
func (n *Network) Ports() []string {
	names := make([]string, len(n.ports))
	for i, p := range n.ports {
		names[i] = p.counters.Name
	}
	return names
}

// Capture starts writing the frames of a switch port to w in the pcapng format, in
// both directions, each marked with its direction as seen from the switch: what
// leaves is taken after the shaper, when it goes onto the wire. It runs until Stop
// or the network's Close. Hardware addresses are zero, and checksums missing. The
// comments are the file's.
func (n *Network) Capture(portName string, w io.Writer, comments ...string) (*Capture, error) {
	i := slices.IndexFunc(n.ports, func(p *port) bool { return p.counters.Name == portName })
	if i < 0 {
		return nil, fmt.Errorf("capture port %s: network %s has no such port%s",
			portName, n.topology.Name, yamlfile.Suggest(portName, n.Ports()))
	}

	out, err := pcapgo.NewNgWriterInterface(w, pcapgo.NgInterface{
		Name: portName, LinkType: layers.LinkTypeEthernet,
		TimestampResolution: 9, SnapLength: uint32(n.topology.Frame()),
	}, pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{
		Application: "edgebed", Comment: strings.Join(comments, "\n"),
	}})
	if err != nil {
		return nil, fmt.Errorf("capture port %s: write the file's start: %w", portName, err)
	}

	c := &Capture{port: n.ports[i], out: out}
	n.schedule.mu.Lock()
	defer n.schedule.mu.Unlock()
	n.schedule.catchUp()
	if c.port.capture != nil {
		return nil, fmt.Errorf("capture port %s: it is being captured", portName)
	}
	c.port.capture = c
	return c, nil
}

// Stop ends the capture.
func (c *Capture) Stop() error {
	s := c.port.network.schedule
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	c.port.capture = nil
	if c.err == nil {
		c.err = c.out.Flush()
	}
	if c.err != nil {
		return fmt.Errorf("capture port %s: %w", c.port.counters.Name, c.err)
	}
	return nil
}

// write writes a frame. It needs the lock; c may be nil.
func (c *Capture) write(now int64, f frame, direction pcapgo.NgEpbFlag) {
	if c == nil || c.err != nil {
		return
	}
	view := f.current()
	defer view.Release()
	data := make([]byte, ethernet, f.size)
	binary.BigEndian.PutUint16(data[12:], uint16(layers.EthernetTypeIPv4))
	data = append(data, view.AsSlice()...)
	at := c.port.network.schedule.origin.Add(time.Duration(now))
	info := gopacket.CaptureInfo{Timestamp: at, Length: len(data), CaptureLength: len(data)}
	c.err = c.out.WritePacketWithOptions(info, data,
		pcapgo.NgPacketOptions{Flags: &pcapgo.NgEpbFlags{Direction: direction}})
}
