package emu

import (
	"context"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"

	"edgebed/harness/emu/delayline"
	"edgebed/harness/network"
	"edgebed/harness/topology"
)

func (n *Network) addLinks(ctx context.Context) error {
	needed := n.opts.LiveDelay
	suffixes := n.topology.Suffixes()
	for i, spec := range n.topology.AllLinks() {
		p := n.topology.Directions(spec)
		l := &link{spec: n.wired.Links[i], ends: spec.Between, suffix: suffixes[i], params: p, line: -1}
		n.links = append(n.links, l)
		needed = needed || delayed(p[0]) || delayed(p[1])
	}
	for _, f := range n.interfaces {
		if f.spec.HasAccess() {
			n.links[f.spec.Link].at = f
		}
	}

	if needed && len(n.links) > 0 {
		if err := n.openMedium(); err != nil {
			return err
		}
	}
	for _, l := range n.links {
		for dir := range l.params {
			if err := l.params[dir].CanBe(n.kind()); err != nil {
				return fmt.Errorf("make link %s: %w", l.direction(dir), err)
			}
		}
	}

	if err := n.addPairs(); err != nil {
		return err
	}
	var trunks []*port
	for _, l := range n.links {
		trunks = append(trunks, l.port[0], l.port[1])
	}
	if err := n.attach(trunks); err != nil {
		return err
	}

	for _, l := range n.links {
		for dir, p := range l.port {
			if err := n.fabricC.shape(p.index, l.params[dir]); err != nil {
				return fmt.Errorf("shape port %s: %w", p.name, err)
			}
		}
	}

	if n.backend == Netem {
		if err := n.joinAll(); err != nil {
			return err
		}
	}
	if err := errors.Join(n.raiseMedium(), n.bringUp(trunks)); err != nil {
		return err
	}

	if n.backend == DelayLine {
		return n.startRelay(ctx)
	}
	return nil
}

// addPairs makes the devices of all links: a veth pair from port to port, or one from
// each port into the medium.
func (n *Network) addPairs() error {
	b := n.fabricC.batch()
	add := func(near, far end, p *port) error {
		return b.add(newVeth(near, far), "add the veth pair of port", p.name)
	}

	var errs []error
	for i, l := range n.links {
		for dir := range 2 {
			l.port[dir] = n.newPort(port{
				name: l.direction(dir), at: l.spec.Between[dir], toward: l.spec.Between[1-dir], trunk: true,
			})
		}

		if !n.throughMedium(l) {
			errs = append(errs, add(l.port[0].end(l.mtu()), l.port[1].end(l.mtu()), l.port[0]))
			continue
		}
		for side, p := range l.port {
			l.medium[side] = firstEnd + 2*i + side
			n.mediumEnds = append(n.mediumEnds, l.medium[side])
			far := end{
				name: endName(i, side), index: l.medium[side], hardware: hardware(macMedium, 2*i+side), mtu: l.mtu(),
				ns: n.medium,
			}
			errs = append(errs, add(p.end(l.mtu()), far, p))
		}
	}

	if err := errors.Join(append(errs, b.send())...); err != nil {
		return fmt.Errorf("%w%s", err, missing(err, "veth"))
	}
	return nil
}

// throughMedium says whether a link has a delay stage.
func (n *Network) throughMedium(l *link) bool {
	return n.medium != nil && (n.opts.LiveDelay || delayed(l.params[0]) || delayed(l.params[1]))
}

// raiseMedium brings the devices of the medium up.
func (n *Network) raiseMedium() error {
	if n.medium == nil {
		return nil
	}
	b := n.mediumC.batch()
	for _, index := range n.mediumEnds {
		if err := b.add(setUp(index), "bring up device", fmt.Sprint(index)); err != nil {
			return err
		}
	}
	return b.send()
}

// startRelay starts the delay line with all links that go through the medium.
func (n *Network) startRelay(ctx context.Context) error {
	var lines []delayline.Line
	for i, l := range n.links {
		if l.medium[0] == 0 {
			continue
		}

		line, err := n.openLine(i, l)
		if err != nil {
			// The relay takes over the files of the lines; this is before that.
			for _, opened := range lines {
				err = errors.Join(err, opened.A.Close(), opened.B.Close())
			}
			return err
		}
		l.line = len(lines)
		lines = append(lines, *line)
	}

	var err error
	if n.relay, err = delayline.Start(ctx, lines); err != nil {
		return fmt.Errorf("start the delay line: %w", err)
	}
	return nil
}

// openMedium makes the medium's namespace and decides on the back end.
func (n *Network) openMedium() (err error) {
	if n.medium, err = newNamespace(n.home, n.procs.setForBridges); err != nil {
		return fmt.Errorf("make the medium's namespace: %w", err)
	}

	if n.mediumC, err = n.medium.dial(); err != nil {
		return err
	}

	n.backend = n.opts.Delay
	if n.backend == DelayLine {
		return nil
	}

	support, err := n.mediumC.probeNetem()
	n.settings["netem"] = support.String()
	switch {
	case support == Available:
		n.backend = Netem
	case n.opts.Delay == Auto:
		if err != nil {
			n.settings["netem"] += ": " + err.Error()
		}
		n.backend = DelayLine
	case err != nil:
		return err
	default:
		return errors.New("use netem: this kernel does not have it; load sch_netem, or choose the delay line")
	}

	return nil
}

// netemSeed is the seed of what leaves a device of the medium.
func (n *Network) netemSeed(device int) uint64 { return n.opts.Seed<<20 + uint64(device) }

// kind is what the network's back end can do.
func (n *Network) kind() network.Kind {
	if n.backend == Netem {
		return network.Emulated()
	}
	return network.DelayLine()
}

// mtu is that of both directions.
func (l *link) mtu() int { return l.params[0].Packet() }

// endName is the name of the device in the medium at one end of link i.
func endName(i, end int) string { return fmt.Sprintf("w%d", 2*i+end) }

// openLine opens the sockets by which the relay moves a link's frames.
func (n *Network) openLine(i int, l *link) (*delayline.Line, error) {
	line := &delayline.Line{AB: lineParams(l.params[0]), BA: lineParams(l.params[1]), Seed: n.opts.Seed + uint64(i)}
	err := n.medium.do(func() (err error) {
		if line.A, err = delayline.Open(endName(i, 0)); err != nil {
			return err
		}
		if line.B, err = delayline.Open(endName(i, 1)); err != nil {
			return errors.Join(err, line.A.Close())
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("open the delay line of %s: %w", l.direction(0), err)
	}

	return line, nil
}

// joinAll connects the two medium ends of each link by a bridge that floods, and puts
// each direction's netem on the end where it leaves the medium.
func (n *Network) joinAll() error {
	b := n.mediumC.batch()
	for i, l := range n.links {
		if l.medium[0] == 0 {
			continue
		}

		joint := end{
			name: fmt.Sprintf("j%d", i), index: firstJoint + i, hardware: hardware(macBridge, 1<<20+i), mtu: l.mtu(),
		}
		err := b.add(newBridge(joint), "add the medium's bridge for", l.direction(0))
		for _, index := range l.medium {
			err = errors.Join(err,
				b.add(setMaster(index, joint.index), "attach the medium's end of", l.direction(0)),
				b.add(setPort(index, nl.IFLA_BRPORT_LEARNING), "attach the medium's end of", l.direction(0)))
		}
		if err != nil {
			return err
		}
	}
	if err := b.send(); err != nil {
		return fmt.Errorf("%w%s", err, missing(err, "bridge"))
	}

	for _, l := range n.links {
		for dir := range 2 {
			if l.medium[0] == 0 {
				break
			}
			end := l.medium[1-dir]
			if err := n.mediumC.setNetem(end, l.params[dir], n.netemSeed(end), create); err != nil {
				return fmt.Errorf("add netem for link %s: %w", l.direction(dir), err)
			}
		}
	}
	return nil
}

// lineParams returns the parameters of a link that are not the shaper's.
func lineParams(p topology.Params) delayline.Params {
	return delayline.Params{
		Delay: p.Delay, Jitter: p.Jitter, Odds: p.Odds(),
		Reorder: p.Jitter > 0 && p.JitterOrder == topology.Reorder,
	}
}

// DelayedLinks returns how many links have a delay, jitter, loss or the like.
func DelayedLinks(t *topology.Topology) (number int) {
	for _, l := range t.AllLinks() {
		if p := t.Directions(l); delayed(p[0]) || delayed(p[1]) {
			number++
		}
	}
	return number
}

// delayed says whether a link's direction needs more than a shaper.
func delayed(p topology.Params) bool { return p.Corrupt > 0 || lineParams(p) != delayline.Params{} }
