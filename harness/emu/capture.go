package emu

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"golang.org/x/sys/unix"

	"edgebed/nodes/yamlfile"
)

// The kernel's capture ring. It is memory that the kernel shares, so that
// net.core.rmem_max, which nobody may raise in a user namespace, does not limit it.
const (
	ringFrame  = 2048    // holds a header and a full frame of the default MTU
	ringHead   = 256     // more than a header
	ringBlock  = 1 << 18 // a multiple of the page size and of the room for a frame
	ringBlocks = 64      // 16 MiB, 8192 frames
)

// Capture is a running capture of a switch port.
type Capture struct {
	socket *os.File
	ring   []byte
	room   int // for each frame of the ring
	next   int // frame of the ring
	out    *pcapgo.NgWriter
	stop   chan struct{}
	once   sync.Once
	done   chan struct{}
	stats  CaptureStats
	err    error
}

// CaptureStats says what a capture has seen.
type CaptureStats struct {
	// Packets and Bytes were written, in both directions.
	Packets, Bytes int64
	// Lost packets came faster than they could be written.
	Lost int64
}

// Ports returns the names of all switch ports, in the order of Counters.
func (n *Network) Ports() []string {
	names := make([]string, len(n.ports))
	for i, p := range n.ports {
		names[i] = p.name
	}
	return names
}

// Capture starts writing the frames of a switch port to w in the pcapng format,
// in both directions, each marked with its direction as seen from the switch:
// what leaves is taken after the shaper, when it goes onto the wire. It runs
// until Stop or Close; w must stay writable until then. The comments are
// the file's.
func (n *Network) Capture(portName string, w io.Writer, comments ...string) (*Capture, error) {
	i := slices.IndexFunc(n.ports, func(p *port) bool { return p.name == portName })
	if i < 0 {
		return nil, fmt.Errorf("capture port %s: network %s has no such port%s", portName, n.topologyName(),
			yamlfile.Suggest(portName, n.Ports()))
	}

	out, err := pcapgo.NewNgWriterInterface(w, pcapgo.NgInterface{
		Name: portName, LinkType: layers.LinkTypeEthernet, TimestampResolution: 9, SnapLength: uint32(n.wired.Frame()),
	}, pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{
		Application: "edgebed", OS: "Linux", Comment: strings.Join(comments, "\n"),
	}})
	if err != nil {
		return nil, fmt.Errorf("capture port %s: write the file's start: %w", portName, err)
	}

	c := &Capture{out: out, room: ringFrame, stop: make(chan struct{}), done: make(chan struct{})}
	for c.room < ringHead+int(n.wired.Frame()) {
		c.room *= 2
	}
	if err := n.fabric.do(func() error { return c.open(n.ports[i].index) }); err != nil {
		return nil, fmt.Errorf("capture port %s: %w", portName, errors.Join(err, c.close()))
	}

	n.mu.Lock()
	if err = n.checkOpen(); err == nil {
		n.captures.Add(1)
	}
	n.mu.Unlock()
	if err != nil {
		return nil, errors.Join(err, c.close())
	}

	// What is captured is written as it comes, until the capture or the network is closed.
	go func() {
		defer n.captures.Done()
		defer close(c.done)
		c.run(n.closed)
	}()
	return c, nil
}

// Stop ends the capture when all that came before is written. It returns what
// the capture saw, and the first error of writing. Further calls return the
// same.
func (c *Capture) Stop() (CaptureStats, error) {
	c.once.Do(func() { close(c.stop) })
	<-c.done
	return c.stats, c.err
}

// open makes the socket and its ring on the calling thread.
func (c *Capture) open(index int) error {
	// Protocol 0: nothing arrives before the socket is bound to the port.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("open a packet socket: %w", err)
	}
	c.socket = os.NewFile(uintptr(fd), "capture")

	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V2); err != nil {
		return fmt.Errorf("choose the ring's version: %w", err)
	}

	req := &unix.TpacketReq{
		Block_size: ringBlock, Block_nr: ringBlocks,
		Frame_size: uint32(c.room), Frame_nr: uint32(ringBlock / c.room * ringBlocks),
	}
	if err := unix.SetsockoptTpacketReq(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, req); err != nil {
		return fmt.Errorf("make the ring: %w", err)
	}

	c.ring, err = unix.Mmap(fd, 0, ringBlock*ringBlocks, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map the ring: %w", err)
	}

	all := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL))
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: index}); err != nil {
		return fmt.Errorf("bind to the port: %w", err)
	}
	return nil
}

func (c *Capture) close() error {
	var errs []error
	if c.ring != nil {
		errs = append(errs, unix.Munmap(c.ring))
	}
	if c.socket != nil {
		errs = append(errs, c.socket.Close())
	}
	return errors.Join(errs...)
}

// run writes frames until it is told to stop.
func (c *Capture) run(closed <-chan struct{}) {
	defer func() { c.err = errors.Join(c.err, c.out.Flush(), c.close()) }()

	const pause = 2 * time.Millisecond
	tick := time.NewTicker(pause)
	defer tick.Stop()
	stopping := false

	for {
		// What is in the ring when the stop is seen came before it.
		select {
		case <-c.stop:
			stopping = true
		case <-closed:
			stopping = true
		case <-tick.C:
		}

		c.drain()
		if stopping {
			break
		}
	}

	stats, err := unix.GetsockoptTpacketStats(int(c.socket.Fd()), unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		c.err = errors.Join(c.err, fmt.Errorf("read the capture's losses: %w", err))
		return
	}
	c.stats.Lost = int64(stats.Drops)
}

// drain writes all frames that are in the ring.
func (c *Capture) drain() {
	for {
		frame := c.ring[c.next*c.room:][:c.room]
		header := (*unix.Tpacket2Hdr)(unsafe.Pointer(&frame[0]))
		// The kernel writes the status last, and reads it first.
		if atomic.LoadUint32(&header.Status)&unix.TP_STATUS_USER == 0 {
			return
		}
		c.write(frame, header)
		atomic.StoreUint32(&header.Status, unix.TP_STATUS_KERNEL)
		c.next = (c.next + 1) % (len(c.ring) / c.room)
	}
}

// write writes one frame of the ring.
func (c *Capture) write(frame []byte, header *unix.Tpacket2Hdr) {
	// The kernel puts a sockaddr_ll after the header.
	const align = unix.TPACKET_ALIGNMENT
	const addressAt = (unix.SizeofTpacket2Hdr + align - 1) / align * align
	address := (*unix.RawSockaddrLinklayer)(unsafe.Pointer(&frame[addressAt]))
	flags := pcapgo.NgEpbFlags{Direction: pcapgo.NgEpbFlagDirectionInbound}
	if address.Pkttype == unix.PACKET_OUTGOING {
		flags.Direction = pcapgo.NgEpbFlagDirectionOutbound
	}
	c.stats.Packets++
	c.stats.Bytes += int64(header.Len)
	if c.err != nil {
		return
	}
	data := frame[min(int(header.Mac), len(frame)):]
	data = data[:min(int(header.Snaplen), len(data))]
	info := gopacket.CaptureInfo{
		Timestamp: time.Unix(int64(header.Sec), int64(header.Nsec)), CaptureLength: len(data), Length: int(header.Len),
	}
	if err := c.out.WritePacketWithOptions(info, data, pcapgo.NgPacketOptions{Flags: &flags}); err != nil {
		c.err = fmt.Errorf("write a captured frame: %w", err)
	}
}
