package delayline

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"edgebed/harness/fate"
)

const (
	// batch is how many frames one system call receives or sends.
	batch = 16
	// frameSize holds the largest GSO frame with all its headers.
	frameSize = 68 << 10
	// controlSize holds the timestamp and the PACKET_AUXDATA of a frame.
	controlSize = 128
	// vnetHead is the length of the header that PACKET_VNET_HDR puts in front
	// of each frame (struct virtio_net_hdr).
	vnetHead = 10
	// macPair is the length of the two addresses that precede a VLAN tag.
	macPair = 12

	// sendLead is how long a frame takes from the start of the system call
	// that sends it to the moment at which the other end of the veth pair
	// counts it as received.
	sendLead = 3 * int64(time.Microsecond)
	// maxEarly bounds the time that a thread is woken up too early to make up
	// for late timers, and with it each single active wait.
	maxEarly = 150 * int64(time.Microsecond)
	// minSleep is the shortest wait that is worth a system call.
	minSleep = 3 * int64(time.Microsecond)
	// After a wait longer than longSleep timers of an idle machine are much
	// later than after a short one, so the last shortSleep is waited for apart.
	longSleep  = 1500 * int64(time.Microsecond)
	shortSleep = 300 * int64(time.Microsecond)
	// tolerance is how much too early a frame is sent when the allowance for
	// active waiting is used up.
	tolerance = 25 * int64(time.Microsecond)
	// spinShare is the part of a core that a line may spend on waiting actively.
	// The early wake-up alone keeps the median, so this only narrows the
	// spread, and many relays share a machine. 3 % instead of 0.2 % made no
	// difference to the quantiles of BenchmarkDelay, and cost three times the
	// processor time.
	spinShare = 0.002
	// maxAllowance bounds the active waiting that can be saved up.
	maxAllowance = 2 * int64(time.Millisecond)
	// maxNap is how long a busy direction is left unread at most. One with a
	// small receive buffer is read more often.
	maxNap      = 4 * int64(time.Millisecond)
	maxShortNap = 1 * int64(time.Millisecond)
	minNap      = 200 * int64(time.Microsecond)
	// pause is how long a socket is left alone after an error, or sending
	// after the kernel had no room.
	errorPause = 10 * int64(time.Millisecond)
	stallPause = 100 * int64(time.Microsecond)
	// maxAge is the largest plausible age of a receive timestamp. A larger one
	// comes from a stepped wall clock.
	maxAge = int64(time.Second)

	never = math.MaxInt64
)

// mmsghdr is the kernel's struct mmsghdr.
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

// shape is Params in the form that the pump uses.
type shape struct {
	delay, jitter int64
	reorder       bool
	odds          fate.Odds
	nap           int64 // how long the direction may be left unread; 0 never
}

// direction is one direction of a line.
type direction struct {
	rx, tx   int
	maxNap   int64
	shape    atomic.Pointer[shape]
	dice     fate.Dice
	queue    *queue
	lastDue  int64
	ready    bool  // poll reported frames
	fault    bool  // the socket failed at the last read
	lastRead int64 // when the socket was read
	napUntil int64 // when the socket is read although nobody polls it; 0: poll
	stalled  int64 // until when sending waits for room

	packets, bytes              atomic.Uint64
	lost, doubled               atomic.Uint64
	ringFull, refused, stalls   atomic.Uint64
	queuedPackets, queuedLength atomic.Int64
	socketFull                  uint64 // for stats only
	lateness                    histogram
}

// pump moves the frames of one line, both ways, in one thread. All its system
// calls are raw: the Go scheduler does not learn of them, so that it does not
// give the thread's processor slot away, and its monitor, which would wake up
// every 20 us to look for slots to give away, sleeps for 10 ms at a time.
// Nothing in the process may stop the world, which would wait for the threads.
type pump struct {
	dirs [2]direction

	rx, tx       [batch]mmsghdr
	rxIov, txIov [batch]unix.Iovec
	taken        [batch]entry
	control      [batch][controlSize]byte
	scratch      []byte
	poll         [2]unix.PollFd
	timeout      unix.Timespec
	base         time.Time // when the pump's monotonic time begins

	// late and typical are the 90 % and 50 % quantiles of the lateness of
	// timed waits, tracked step by step.
	late, typical int64
	// allowance is the active waiting that is saved up, and grows by spinShare
	// of the time since allowanceAt.
	allowance, allowanceAt int64
}

// newPump prepares a pump between two packet sockets.
func newPump(a, b int, m lineMessage) (*pump, error) {
	p := &pump{
		base:      time.Now(),
		scratch:   make([]byte, batch*frameSize),
		late:      60 * int64(time.Microsecond),
		typical:   40 * int64(time.Microsecond),
		allowance: maxAllowance,
	}

	fds := [2]int{a, b}
	for i, params := range []Params{m.AB, m.BA} {
		d := &p.dirs[i]
		d.rx, d.tx = fds[i], fds[1-i]
		d.dice = fate.NewDice(m.Seed, uint64(i))

		size, err := unix.GetsockoptInt(d.rx, unix.SOL_SOCKET, unix.SO_RCVBUF)
		if err != nil {
			return nil, fmt.Errorf("read SO_RCVBUF: %w", os.NewSyscallError("getsockopt", err))
		}

		d.maxNap = maxNap
		if size < receiveBuffer {
			d.maxNap = maxShortNap
		}

		if d.queue, err = newQueue(QueueBytes); err != nil {
			return nil, err
		}
		d.set(params)
		d.ready = true
	}

	for i := range batch {
		p.rxIov[i].Base = &p.scratch[i*frameSize]
		p.rxIov[i].SetLen(frameSize)
		p.rx[i].hdr.Iov = &p.rxIov[i]
		p.rx[i].hdr.SetIovlen(1)
		p.rx[i].hdr.Control = &p.control[i][0]
		p.tx[i].hdr.Iov = &p.txIov[i]
		p.tx[i].hdr.SetIovlen(1)
	}

	return p, nil
}

// set changes the shape of the frames that arrive from now on. It may be called
// from another thread.
func (d *direction) set(params Params) {
	s := &shape{
		delay:   int64(params.Delay),
		jitter:  int64(params.Jitter),
		reorder: params.Reorder,
		odds:    params.Odds,
	}
	// A frame must be read well before it is due.
	if s.nap = min((s.delay-s.jitter)/2, d.maxNap); s.nap < minNap {
		s.nap = 0
	}
	d.shape.Store(s)
}

// stats reads the counters from the control thread.
func (d *direction) stats() DirStats {
	// Reading resets the kernel's own counter.
	if st, err := unix.GetsockoptTpacketStats(d.rx, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
		d.socketFull += uint64(st.Drops)
	}
	s := DirStats{
		Packets:     d.packets.Load(),
		Bytes:       d.bytes.Load(),
		Lost:        d.lost.Load(),
		Doubled:     d.doubled.Load(),
		RingFull:    d.ringFull.Load(),
		SocketFull:  d.socketFull,
		Refused:     d.refused.Load(),
		Stalls:      d.stalls.Load(),
		Queued:      uint64(max(d.queuedPackets.Load(), 0)),
		QueuedBytes: uint64(max(d.queuedLength.Load(), 0)),
	}
	s.Dropped = s.RingFull + s.SocketFull + s.Refused
	s.LateP50, s.LateP99, s.LateMax = d.lateness.quantiles()
	return s
}

// now returns the monotonic time in ns since the pump was made.
func (p *pump) now() int64 { return int64(time.Since(p.base)) }

// wallOffset returns the wall clock minus the monotonic time.
func (p *pump) wallOffset() int64 {
	// The thread may lose its processor between two readings, so the closest
	// of some is taken.
	best, offset := int64(never), int64(0)
	for range 4 {
		before := p.now()
		wall := time.Now().UnixNano()
		between := p.now() - before
		if between < best {
			best, offset = between, wall-before-between/2
		}
		if best < int64(time.Microsecond) {
			break
		}
	}
	return offset
}

// run moves frames for ever.
func (p *pump) run() {
	limit := p.now() + sendLead
	for {
		for i := range p.dirs {
			d := &p.dirs[i]
			if d.ready || d.napUntil != 0 && limit >= d.napUntil {
				p.receive(d)
			}
		}
		for i := range p.dirs {
			p.send(&p.dirs[i], limit)
		}
		limit = p.wait()
	}
}

// receive queues what has arrived.
func (p *pump) receive(d *direction) {
	s := d.shape.Load()
	d.ready, d.fault = false, false
	var mono int64
	total := 0

	// A few batches at a time, so that a flood does not hold up what is due.
	for range 4 {
		for i := range p.rx {
			p.rx[i].hdr.SetControllen(controlSize)
		}
		r, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(d.rx), uintptr(unsafe.Pointer(&p.rx)), batch,
			unix.MSG_DONTWAIT|unix.MSG_TRUNC, 0, 0)
		mono = p.now()

		if errno != 0 {
			switch errno {
			case unix.EAGAIN:
			case unix.EINTR:
				d.ready = true
			case unix.EINVAL:
				// A frame that the header cannot describe; it is consumed.
				d.refused.Add(1)
				d.ready = true
			default:
				// The interface is down or gone.
				d.fault = true
			}
			break
		}

		offset := p.wallOffset()
		for i := range int(r) {
			p.accept(d, s, i, mono, offset)
		}
		total += int(r)
		d.ready = r == batch
		if !d.ready {
			break
		}
	}

	switch {
	case d.fault:
		d.napUntil = mono + errorPause
	case s.nap > 0 && (total > 1 || d.napUntil == 0 && mono-d.lastRead < s.nap/2):
		// Frames come so densely that waking up for each costs more than
		// letting them wait in the kernel, where they have their timestamps.
		d.napUntil = mono + s.nap
	default:
		d.napUntil = 0
	}

	d.lastRead = mono
}

// accept decides over the i-th frame of a batch and queues it.
func (p *pump) accept(d *direction, s *shape, i int, mono, offset int64) {
	f := d.dice.Throw(&s.odds)
	n := int(p.rx[i].len)
	if n < vnetHead+macPair+2 || n > frameSize {
		d.refused.Add(1)
		return
	}
	if f.Lost {
		d.lost.Add(1)
		return
	}
	stamp, tag, tagged := p.parseControl(i)
	arrival := mono
	if age := mono - (stamp - offset); stamp != 0 && age > 0 && age < maxAge {
		arrival -= age
	}
	due := arrival + s.delay
	if s.jitter > 0 {
		due += int64(f.Spread * float64(s.jitter))
	}
	if s.reorder {
		d.queue.sort()
	} else {
		due = max(due, d.lastDue)
	}
	d.lastDue = max(due, d.lastDue)

	frame := p.scratch[i*frameSize : i*frameSize+n]
	if !tagged {
		tag = 0
	}
	d.enqueue(frame, due, tag)
	if f.Twice && d.enqueue(frame, due, tag) {
		d.doubled.Add(1)
	}
}

// enqueue queues a frame, with the VLAN tag that is not 0 put back in. It reports whether
// there was room.
func (d *direction) enqueue(frame []byte, due int64, tag uint32) bool {
	size := len(frame)
	if tag != 0 {
		size += 4
	}
	room := d.queue.push(due, size)
	if room == nil {
		d.ringFull.Add(1)
		return false
	}
	d.queuedPackets.Add(1)
	d.queuedLength.Add(int64(size - vnetHead))

	if tag == 0 {
		copy(room, frame)
		return true
	}
	const cut = vnetHead + macPair
	copy(room, frame[:cut])
	binary.BigEndian.PutUint32(room[cut:], tag)
	copy(room[cut+4:], frame[cut:])
	shiftOffsets(room)
	return true
}

// shiftOffsets moves the offsets in the header of a frame by the length of the
// VLAN tag that was put in.
func shiftOffsets(frame []byte) {
	const needsChecksum, hdrLen, csumStart = 1, 2, 6
	if frame[0]&needsChecksum != 0 {
		binary.NativeEndian.PutUint16(frame[csumStart:], binary.NativeEndian.Uint16(frame[csumStart:])+4)
	}
	if v := binary.NativeEndian.Uint16(frame[hdrLen:]); v != 0 {
		binary.NativeEndian.PutUint16(frame[hdrLen:], v+4)
	}
}

// parseControl reads the receive timestamp, in ns of the wall clock or zero,
// and the VLAN tag that the kernel has taken out of the i-th frame of a batch.
func (p *pump) parseControl(i int) (stamp int64, tag uint32, tagged bool) {
	control := p.control[i][:min(int(p.rx[i].hdr.Controllen), controlSize)]

	const head = unix.SizeofCmsghdr
	for len(control) >= head {
		h := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(control)))
		n := int(h.Len)
		if n < head || n > len(control) {
			return
		}

		data := control[head:n]
		switch {
		case h.Level == unix.SOL_SOCKET && h.Type == unix.SO_TIMESTAMPNS_NEW && len(data) >= 16:
			stamp = int64(binary.NativeEndian.Uint64(data))*1e9 + int64(binary.NativeEndian.Uint64(data[8:]))
		case h.Level == unix.SOL_PACKET && h.Type == unix.PACKET_AUXDATA && len(data) >= 20:
			// struct tpacket_auxdata: status at 0, vlan_tci at 16, vlan_tpid at 18.
			status := binary.NativeEndian.Uint32(data)
			if status&unix.TP_STATUS_VLAN_VALID == 0 {
				break
			}
			tpid := uint32(unix.ETH_P_8021Q)
			if status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
				tpid = uint32(binary.NativeEndian.Uint16(data[18:]))
			}
			tag, tagged = tpid<<16|uint32(binary.NativeEndian.Uint16(data[16:])), true
		}

		// Control messages are aligned to the word size.
		const word = int(unsafe.Sizeof(uintptr(0)))
		control = control[min((n+word-1)&^(word-1), len(control)):]
	}
	return
}

// send sends the frames that are due at limit.
func (p *pump) send(d *direction, limit int64) {
	q := d.queue

	if d.stalled != 0 {
		if limit < d.stalled {
			return
		}
		d.stalled = 0
	}

	for {
		n := q.take(limit, p.taken[:])
		for i, e := range p.taken[:n] {
			frame := q.frame(e)
			p.txIov[i].Base = unsafe.SliceData(frame)
			p.txIov[i].SetLen(len(frame))
		}
		if n == 0 {
			return
		}

		start := p.now()
		r, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(d.tx), uintptr(unsafe.Pointer(&p.tx)), uintptr(n),
			unix.MSG_DONTWAIT, 0, 0)
		end := p.now()

		switch errno {
		case 0:
			// The receiving side of each frame was processed within the call,
			// one frame after the other.
			each := (end - start) / int64(r)
			for i := range int(r) {
				size := int64(p.txIov[i].Len) - vnetHead
				d.packets.Add(1)
				d.bytes.Add(uint64(size))
				d.queuedPackets.Add(-1)
				d.queuedLength.Add(-size)
				d.lateness.add(start + int64(i)*each + sendLead - p.taken[i].due)
			}
			q.settle(p.taken[:n], int(r))
		case unix.EINTR:
			q.settle(p.taken[:n], 0)
		case unix.EAGAIN:
			q.settle(p.taken[:n], 0)
			d.stalls.Add(1)
			d.stalled = end + stallPause
			return
		default:
			// The first frame was not accepted: ENOBUFS, the device dropped it;
			// EMSGSIZE, it exceeds the MTU; ENETDOWN or ENXIO, the device is
			// down or gone.
			d.refused.Add(1)
			d.queuedPackets.Add(-1)
			d.queuedLength.Add(vnetHead - int64(p.txIov[0].Len))
			q.settle(p.taken[:n], 1)
		}

		limit = max(limit, end+sendLead)
	}
}

// wait returns when there is something to do, and the time up to which frames
// are due then.
func (p *pump) wait() int64 {
	next := int64(never)
	faults := false
	for i := range p.dirs {
		d := &p.dirs[i]
		if d.ready {
			return p.now() + sendLead
		}
		if d.queue.count > 0 {
			next = min(next, max(d.queue.earliest(), d.stalled))
		}
		faults = faults || d.fault
	}
	if next == never && !faults {
		for i := range p.dirs {
			p.dirs[i].napUntil = 0
		}
		p.pollReady(-1)
		return p.now() + sendLead
	}

	now := p.now()
	p.allowance = min(p.allowance+int64(float64(now-p.allowanceAt)*spinShare), maxAllowance)
	p.allowanceAt = now
	early := p.late
	if p.allowance < early {
		early = p.typical
	}
	target := next - sendLead
	wake := next
	if next != never {
		wake = target - early
	}
	timed := true
	for i := range p.dirs {
		if until := p.dirs[i].napUntil; until != 0 && until < wake {
			wake, timed = until, false
		}
	}
	if timed && wake-now > longSleep {
		p.pollReady(wake - now - shortSleep)
		return p.now() + sendLead
	}
	if wake-now > minSleep {
		if p.pollReady(wake-now) == 0 && timed {
			now = p.now()
			p.learn(now - wake)
			return now + sendLead
		}
		return p.now() + sendLead
	}
	if !timed {
		return max(now+sendLead, wake) // the nap is over
	}
	left := target - now
	switch {
	case left <= 0:
	case left <= p.allowance:
		begin := now
		for now < target {
			now = p.now()
		}
		p.allowance -= now - begin
	case left <= tolerance:
		now = target
	default:
		if p.pollReady(left) == 0 {
			now = p.now()
		}
	}
	return now + sendLead
}

// learn follows the quantiles of the lateness of timed waits.
func (p *pump) learn(lateness int64) {
	const step = int64(time.Microsecond)
	if lateness > p.late {
		p.late = min(p.late+step*90/50, maxEarly)
	} else {
		p.late = max(p.late-step*10/50, minSleep)
	}
	if lateness > p.typical {
		p.typical = min(p.typical+step, maxEarly)
	} else {
		p.typical = max(p.typical-step, 0)
	}
}

// pollReady waits for frames at the sockets that do not nap, for the given time
// in ns or without end if it is negative, and returns how many have some.
func (p *pump) pollReady(timeout int64) int {
	for i := range p.dirs {
		p.poll[i] = unix.PollFd{Fd: int32(p.dirs[i].rx), Events: unix.POLLIN}
		if p.dirs[i].napUntil != 0 {
			p.poll[i].Fd = -1
		}
	}
	var limit uintptr
	if timeout >= 0 {
		p.timeout = unix.NsecToTimespec(timeout)
		limit = uintptr(unsafe.Pointer(&p.timeout))
	}
	r, _, errno := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&p.poll)), 2, limit, 0, 0, 0)
	if errno != 0 || r == 0 {
		return int(r)
	}
	for i := range p.dirs {
		p.dirs[i].ready = p.poll[i].Revents != 0
	}
	return int(r)
}
