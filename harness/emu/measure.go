package emu

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// Measurement is what probe frames found on one direction of a link.
type Measurement struct {
	// Link is the direction's name, from switch to switch: "s0-s1".
	Link string
	// Asked is what the link was given.
	Asked topology.Params
	// Rate at which a train of frames arrived, or, on a link with jitter, left its
	// shaper; 0 if it was not measured: the link is unshaped, or its bucket or its
	// queue do not let a train show it.
	Rate units.Rate
	// Interrupted says that the rate could have been measured, but this process
	// did not get to send the frames as fast as the link.
	Interrupted bool
	// Delay is the median over single small frames, from the call that sends
	// one to its arrival at the next switch; Singles of them arrived.
	Delay   time.Duration
	Singles int
	// Delays are those of the single frames, sorted, on a link with jitter, and Gap
	// the time between them when they were sent.
	Delays []time.Duration
	Gap    time.Duration
	// Lost frames did not arrive.
	Lost int
}

// What is sent to measure a direction.
const (
	// Single frames for the delay, and the time between them. Jitter needs more of
	// them, far enough apart for a frame not to wait for the one before, but no
	// longer than jitterGap.
	singles       = 9
	singleGap     = 2 * time.Millisecond
	jitterSingles = 40
	jitterGap     = 25 * time.Millisecond
	// A train is as long as trainTime, but has steadyFrames frames at least
	// after those that the bucket passes at once: one late frame of it should
	// not matter.
	trainTime    = 20 * time.Millisecond
	steadyFrames = 9
	// longestTrain bounds it: on slower links the frames are smaller.
	longestTrain = 150 * time.Millisecond
	// A direction whose bucket holds more than this at its rate is not measured:
	// to empty it and to let it fill again would take too long.
	largestBucket = 100 * time.Millisecond
	// shortestTrain is what a short queue must hold for a rate to be measured:
	// timers are late by 0.1 ms, which should be 1 %.
	shortestTrain = 10 * time.Millisecond
	// Links are measured side by side up to this sum of rates, which a core
	// can carry beside other work.
	sideBySide = 40 * units.Mbps
	// mostMeasured bounds the directions that are measured in large networks;
	// they are spread evenly.
	mostMeasured = 48
	// patience is how long after its last due time a frame counts as lost.
	patience = 250 * time.Millisecond
)

// probeType is the EtherType of probe frames, IEEE 802's for local experiments.
const probeType = 0x88b5

// probeHead is the Ethernet header and the probe's number.
const probeHead = 14 + 8

// smallestFrame is Ethernet's, without its checksum.
const smallestFrame = 60

// Measure sends probe frames through the shaper of every link, in both
// directions, and takes the time of their arrival from the kernel. They have an
// address that no host has, so that they end at the next switch, and no node or
// connection sees them; the ports' counters do. Nothing else should be on the
// network meanwhile. In large networks a sample of the links is measured.
func (n *Network) Measure(ctx context.Context) ([]Measurement, error) {
	if err := n.checkOpen(); err != nil {
		return nil, err
	}

	n.mu.Lock()
	var all []*probe
	for _, l := range n.links {
		for dir := range l.port {
			all = append(all, newProbe(l, dir))
		}
	}
	n.mu.Unlock()

	if len(all) == 0 {
		return nil, nil
	}

	// In a large network a part of the links stands for all.
	if step := (len(all) + mostMeasured - 1) / mostMeasured; step > 1 {
		// An odd step takes both directions in turn.
		step |= 1
		var some []*probe
		for i := 0; i < len(all); i += step {
			some = append(some, all[i])
		}
		all = some
	}

	err := n.fabric.do(func() error { return measure(ctx, all) })
	if err != nil {
		return nil, fmt.Errorf("measure the links of network %s: %w", n.topologyName(), err)
	}

	list := make([]Measurement, len(all))
	for i, p := range all {
		list[i] = p.result()
	}
	return list, nil
}

// probe is what is sent over a direction, and when it arrived.
type probe struct {
	link     string
	params   topology.Params
	from, to int // ports
	// A train has frames of the given size, of which the first atOnce meet a
	// bucket that is not empty; no train if frames is 0.
	frames, atOnce int
	size           units.Size
	// singles are sent apart from each other, gap in between.
	singles int
	gap     time.Duration
	// sent, left and arrived are in ns of the wall clock, 0 for not yet; the singles
	// come before the train's frames. left, when a frame left the shaper, is only
	// kept for links with jitter.
	sent, left, arrived []int64
}

func newProbe(l *link, dir int) *probe {
	p := &probe{link: l.direction(dir), params: l.params[dir], from: l.port[dir].index, to: l.port[1-dir].index}
	p.size = p.params.Frame()
	p.layTrain()
	p.singles, p.gap = singles, singleGap
	if jitter := p.params.Jitter; jitter > 0 {
		p.singles, p.gap = jitterSingles, min(max(2*jitter, singleGap), jitterGap)
		p.left = make([]int64, p.singles+p.frames)
	}
	p.sent = make([]int64, p.singles+p.frames)
	p.arrived = make([]int64, p.singles+p.frames)
	return p
}

// layTrain decides how many frames the train has, and of which size.
func (p *probe) layTrain() {
	rate, bucket := p.params.Rate, p.params.BurstSize()
	if rate == 0 || rate.Time(bucket) > largestBucket && bucket > p.params.Frame() {
		return
	}
	p.size = min(max(rate.Per(longestTrain)/(steadyFrames+2), smallestFrame), p.params.Frame())
	// HTB lets frames pass until its bucket is below zero.
	p.atOnce = int(bucket/p.size) + 2
	steady := max(int(rate.Per(trainTime)/p.size), steadyFrames)
	p.frames = p.atOnce + steady
	room := p.params.QueueHolds(p.size) - 1
	if p.params.Discipline == topology.RED {
		room /= redDrops
	}
	if steady > room {
		p.frames = p.atOnce + room
		if rate.Time(p.size*units.Size(room)) < shortestTrain {
			p.frames = 0
		}
	}
}

// duration is about how long the train takes.
func (p *probe) duration() time.Duration {
	if p.frames == 0 {
		return 0
	}
	return p.params.Rate.Time(p.size * units.Size(p.frames))
}

// delay is how long a frame may be on the wire.
func (p *probe) delay() time.Duration { return p.params.Delay + p.params.Jitter }

func (p *probe) result() Measurement {
	m := Measurement{Link: p.link, Asked: p.params}

	var delays []time.Duration
	for i, at := range p.arrived {
		switch {
		case at == 0:
			m.Lost++
		case i < p.singles:
			delays = append(delays, time.Duration(at-p.sent[i]))
		}
	}

	m.Singles = len(delays)
	if m.Singles > 0 {
		slices.Sort(delays)
		m.Delay = delays[len(delays)/2]
	}

	if p.params.Jitter > 0 {
		m.Delays, m.Gap = delays, p.gap
	}

	if p.frames > 0 {
		first := p.singles + p.atOnce
		if p.left != nil {
			// Jitter moves each arrival by more than a rate would.
			m.Rate = steadyRate(p.sent[first:], p.left[first:], 0, p.size)
		} else {
			m.Rate = steadyRate(p.sent[first:], p.arrived[first:], int64(p.params.Delay), p.size)
		}
		m.Interrupted = m.Rate == 0
	}

	return m
}

// steadyRate returns the rate of frames by the times of their arrival, of which
// some may be missing (0): the median over pairs half a train apart, which a few
// late frames do not move. Only pairs count between which the link always had
// the next frame before the last one had left. It returns 0 if there are none.
func steadyRate(sent, arrived []int64, delay int64, size units.Size) units.Rate {
	half := len(arrived) / 2
	var times []int64 // per half train
	gap := 0          // the last frame that came too late to the link
	last := int64(0)  // arrival before
	for i := range arrived {
		if sent[i] > last-delay {
			gap = i
		}
		if arrived[i] == 0 {
			continue
		}
		last = arrived[i]
		if k := i - half; half > 0 && k >= gap && arrived[k] != 0 {
			times = append(times, arrived[i]-arrived[k])
		}
	}
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	middle := float64(times[len(times)/2]+times[(len(times)-1)/2]) / 2
	return units.Rate(float64(size) * 8 * float64(half) / middle * float64(time.Second))
}

// measure sends all probes, on a thread in the fabric.
func measure(ctx context.Context, probes []*probe) error {
	m, err := newMeter(probes)
	if err != nil {
		return err
	}
	defer m.close()

	if err := m.singles(ctx); err != nil {
		return err
	}

	// Trains load links: only so many at once as the machine can carry.
	for rest := probes; len(rest) > 0; {
		count, sum := 0, units.Rate(0)
		for _, p := range rest {
			sum += p.params.Rate
			if count > 0 && sum > sideBySide {
				break
			}
			count++
		}
		if err := m.trains(ctx, len(probes)-len(rest), count); err != nil {
			return err
		}
		rest = rest[count:]
	}

	// What comes next should find the buckets full again.
	var refill time.Duration
	for _, p := range probes {
		if p.frames > 0 {
			refill = max(refill, p.params.Rate.Time(p.params.BurstSize()+p.size))
		}
	}
	return m.receive(ctx, time.Now().Add(refill))
}

// meter sends and receives probe frames.
type meter struct {
	fd, tap int // to send, to receive
	probes  []*probe
	byPort  map[int]int // the probe whose frames arrive at a port
	leaving map[int]int // the probe whose frames leave a port
}

// newMeter opens the sockets of a meter, in the namespace of the calling thread.
func newMeter(probes []*probe) (m *meter, err error) {
	m = &meter{fd: -1, tap: -1, probes: probes, byPort: map[int]int{}, leaving: map[int]int{}}
	for i, p := range probes {
		m.byPort[p.to], m.leaving[p.from] = i, i
	}
	defer func() {
		if err != nil {
			m.close()
		}
	}()

	// A socket does not see the frames that it sends, so that another one receives.
	for _, fd := range []*int{&m.fd, &m.tap} {
		*fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return nil, fmt.Errorf("open a packet socket: %w", err)
		}
	}

	jittered := slices.ContainsFunc(probes, func(p *probe) bool { return p.left != nil })
	ignoreOutgoing := 1
	if jittered {
		ignoreOutgoing = 0
	}
	for _, o := range []struct{ fd, level, option, value int }{
		{m.tap, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW, 1},
		{m.tap, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, ignoreOutgoing},
		// As much as is permitted.
		{m.tap, unix.SOL_SOCKET, unix.SO_RCVBUF, 8 << 20},
		{m.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 8 << 20},
	} {
		if err := unix.SetsockoptInt(o.fd, o.level, o.option, o.value); err != nil {
			return nil, fmt.Errorf("set up the packet socket: %w", err)
		}
	}

	// On all ports. Before a bridge takes a frame, taps for all protocols see
	// it; those for one protocol do not.
	all := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL))
	if err := unix.Bind(m.tap, &unix.SockaddrLinklayer{Protocol: all}); err != nil {
		return nil, fmt.Errorf("bind the packet socket: %w", err)
	}
	return m, nil
}

// close closes the sockets that are open.
func (m *meter) close() {
	for _, fd := range []int{m.fd, m.tap} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// singles sends the frames that measure delay, and waits for them.
func (m *meter) singles(ctx context.Context) error {
	// All probes keep one beat, so that one wait serves them all.
	most, gap := 0, time.Duration(0)
	for _, p := range m.probes {
		most, gap = max(most, p.singles), max(gap, p.gap)
	}
	for _, p := range m.probes {
		p.gap = gap
	}

	for i := range most {
		begin := time.Now()
		for k, p := range m.probes {
			if i >= p.singles {
				continue
			}
			// One by one: those of other links would be in each other's way.
			if _, err := m.send(k, i, smallestFrame); err != nil {
				return err
			}
		}

		if err := m.receive(ctx, begin.Add(gap)); err != nil {
			return err
		}
	}
	return m.settle(ctx, m.probes, single)
}

// stage is a part of the frames.
type stage int

const (
	single stage = iota
	train
)

// span returns the numbers of a probe's frames of a stage, the end excluded.
func (p *probe) span(s stage) (from, to int) {
	if s == single {
		return 0, p.singles
	}
	return p.singles, len(p.arrived)
}

// trains sends the trains of count probes from the first on, side by side.
func (m *meter) trains(ctx context.Context, first, count int) error {
	longest := 0
	batch := m.probes[first : first+count]
	for _, p := range batch {
		longest = max(longest, p.frames)
	}

	for i := range longest {
		for k, p := range batch {
			if i >= p.frames {
				continue
			}
			for {
				ok, err := m.send(first+k, p.singles+i, p.size)
				if err != nil {
					return err
				}
				if ok {
					break
				}
				// The socket has as many frames in queues as it may have.
				if err := m.receive(ctx, time.Now().Add(time.Millisecond)); err != nil {
					return err
				}
			}
		}
	}

	return m.settle(ctx, batch, train)
}

// send sends a frame of a probe. It returns false if the socket has no room.
func (m *meter) send(k, number int, size units.Size) (bool, error) {
	p := m.probes[k]
	frame := make([]byte, size)
	copy(frame, hardware(macProbe, k))
	copy(frame[6:], hardware(macProbe, 1<<20+k))
	binary.BigEndian.PutUint16(frame[12:], probeType)
	binary.BigEndian.PutUint64(frame[14:], uint64(number))
	now := time.Now().UnixNano()
	err := unix.Sendto(m.fd, frame, 0,
		&unix.SockaddrLinklayer{Ifindex: p.from, Protocol: probeType>>8 | probeType&0xff<<8, Halen: 6})
	switch {
	case errors.Is(err, unix.EAGAIN):
		return false, nil
	case errors.Is(err, unix.ENOBUFS): // the queue dropped it: it does not arrive
	case err != nil:
		return false, fmt.Errorf("send a probe frame over %s: %w", p.link, err)
	}
	p.sent[number] = now
	return true, nil
}

// settle receives until all frames of a stage have arrived, or until those that
// have not are lost.
func (m *meter) settle(ctx context.Context, probes []*probe, s stage) error {
	end := time.Now()

	missing := func() bool {
		for _, p := range probes {
			from, to := p.span(s)
			if slices.Contains(p.arrived[from:to], 0) {
				return true
			}
		}
		return false
	}

	var wait time.Duration
	for _, p := range probes {
		due := p.delay() + patience
		if s == train {
			due += 2 * p.duration()
		}
		wait = max(wait, due)
	}

	for end = end.Add(wait); missing() && time.Now().Before(end); {
		if err := m.receive(ctx, time.Now().Add(time.Millisecond)); err != nil {
			return err
		}
	}
	return nil
}

// receive notes what arrives until the given time.
func (m *meter) receive(ctx context.Context, until time.Time) error {
	frame, control := make([]byte, probeHead), make([]byte, 128)
	for {
		n, oobn, _, from, err := unix.Recvmsg(m.tap, frame, control, unix.MSG_DONTWAIT)
		switch {
		case err == nil:
			m.note(frame[:n], control[:oobn], from)
			continue
		case errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EAGAIN):
			return fmt.Errorf("receive probe frames: %w", err)
		}

		if err := ctx.Err(); err != nil {
			return err
		}

		left := time.Until(until)
		if left <= 0 {
			return nil
		}

		wait := unix.NsecToTimespec(int64(left))
		if _, err := unix.Ppoll([]unix.PollFd{{Fd: int32(m.tap), Events: unix.POLLIN}}, &wait, nil); err != nil &&
			!errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for probe frames: %w", err)
		}
	}
}

// note notes the arrival of a frame if it is one of ours.
func (m *meter) note(frame, control []byte, from unix.Sockaddr) {
	at, ok := from.(*unix.SockaddrLinklayer)
	if !ok || len(frame) < probeHead || binary.BigEndian.Uint16(frame[12:]) != probeType {
		return
	}

	ports := m.byPort
	if at.Pkttype == unix.PACKET_OUTGOING {
		ports = m.leaving
	}
	k, ok := ports[at.Ifindex]
	if !ok {
		return
	}

	p, number := m.probes[k], binary.BigEndian.Uint64(frame[14:])
	seen := p.arrived
	if at.Pkttype == unix.PACKET_OUTGOING {
		seen = p.left
	}

	if number >= uint64(len(seen)) {
		return
	}

	// The kernel's time of the frame, where it has one, is nearer the truth than now.
	seen[number] = time.Now().UnixNano()
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return
	}

	for _, c := range messages {
		if c.Header.Level == unix.SOL_SOCKET && c.Header.Type == unix.SO_TIMESTAMPNS_NEW && len(c.Data) >= 16 {
			seen[number] = int64(binary.NativeEndian.Uint64(c.Data))*1e9 + int64(binary.NativeEndian.Uint64(c.Data[8:]))
		}
	}
}
