package emu

import (
	"context"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"

	"edgebed/harness/emu/delayline"
	"edgebed/harness/topology"
)

func (n *Network) addLinks(ctx context.Context) error {
	needed := n.opts.LiveDelay
	for _, spec := range n.wired.Links {
		p := n.wired.Directions(spec)
		n.links = append(n.links, &link{spec: spec, params: p, line: -1})
		needed = needed || delayed(p[0]) || delayed(p[1])
	}

	if needed && len(n.links) > 0 {
		if err := n.openMedium(); err != nil {
			return err
		}
	}
	for _, l := range n.links {
		for dir := range l.params {
			if err := n.can(l, dir, l.params[dir]); err != nil {
				return err
			}
		}
	}

	var lines []delayline.Line
	defer func() {
		// The relay takes over the files of the lines; this is for errors
		// before that.
		for _, l := range lines {
			l.A.Close()
			l.B.Close()
		}
	}()

	for i, l := range n.links {
		line, err := n.addLink(i, l)
		if line != nil {
			l.line = len(lines)
			lines = append(lines, *line)
		}
		if err != nil {
			return fmt.Errorf("make link %s-%s: %w", l.spec.Between[0], l.spec.Between[1], err)
		}
	}

	if len(lines) == 0 {
		return nil
	}

	// From here on the relay closes the files.
	started := lines
	lines = nil
	var err error
	if n.relay, err = delayline.Start(ctx, started); err != nil {
		return fmt.Errorf("start the delay line: %w", err)
	}

	return nil
}

// openMedium makes the medium's namespace and decides on the back end.
func (n *Network) openMedium() (err error) {
	if n.medium, err = newNamespace(n.home, func() error { return writeAll(quiet) }); err != nil {
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

// can returns an error where the back end cannot do what a direction of a link asks for.
func (n *Network) can(l *link, dir int, p topology.Params) error {
	if p.Corrupt > 0 && n.backend != Netem {
		return fmt.Errorf("make link %s: only netem corrupts frames, and the links are of %s; load sch_netem, "+
			"or use loss, which is what TCP makes of a corrupted frame", l.direction(dir), n.backend)
	}
	return nil
}

// addLink makes one link. It returns the relay's line if it has one.
func (n *Network) addLink(i int, l *link) (*delayline.Line, error) {
	if n.medium == nil || !n.opts.LiveDelay && !delayed(l.params[0]) && !delayed(l.params[1]) {
		return nil, n.addPlainLink(i, l)
	}

	for end := range 2 {
		if err := n.addEnd(i, l, end); err != nil {
			return nil, err
		}
	}
	if n.backend == Netem {
		if err := n.joinByNetem(i, l); err != nil {
			return nil, err
		}
	}

	for end := range 2 {
		err := errors.Join(n.mediumC.LinkSetUp(device(l.medium[end])), n.fabricC.LinkSetUp(device(l.port[end])))
		if err != nil {
			return nil, fmt.Errorf("bring the link up: %w", err)
		}
	}

	if n.backend == Netem {
		return nil, nil
	}
	return n.openLine(i, l)
}

// endName is the name of the device in the medium at one end of link i.
func endName(i, end int) string { return fmt.Sprintf("w%d", 2*i+end) }

// addEnd makes one end of a link: a shaped port, whose veth ends in the medium.
func (n *Network) addEnd(i int, l *link, end int) error {
	name := endName(i, end)
	p, err := n.addPort(portSpec{
		at: l.spec.Between[end], toward: l.spec.Between[1-end], trunk: true,
		peer: name, peerNS: n.medium, peerAddr: hardware(macMedium, 2*i+end),
	})
	if err != nil {
		return err
	}
	l.port[end] = p.index
	if err := n.fabricC.shape(p.index, l.params[end]); err != nil {
		return fmt.Errorf("shape port %s: %w", p.name, err)
	}

	inner, err := n.mediumC.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find the medium end of port %s: %w", p.name, err)
	}
	l.medium[end] = inner.Attrs().Index
	n.mediumEnds = append(n.mediumEnds, l.medium[end])
	if err := n.mediumC.LinkSetGSOMaxSegs(inner, 1); err != nil {
		return fmt.Errorf("turn segmentation off in the medium: %w", err)
	}
	return nil
}

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

// addPlainLink makes a link without delay: one veth pair from port to port.
func (n *Network) addPlainLink(i int, l *link) error {
	a, b := l.spec.Between[0], l.spec.Between[1]
	temporary := fmt.Sprintf("q%d", i)
	near, err := n.addPort(portSpec{
		at: a, toward: b, trunk: true,
		peer: temporary, peerNS: n.fabric, peerAddr: hardware(macPort, 1<<20+i),
	})
	if err != nil {
		return err
	}

	far, err := n.fabricC.LinkByName(temporary)
	if err != nil {
		return fmt.Errorf("find the other end of port %s: %w", near.name, err)
	}

	l.port = [2]int{near.index, far.Attrs().Index}
	n.list(port{name: b + "-" + a, at: b, toward: a, index: l.port[1], trunk: true})

	// A veth has two ends in one namespace here: the far one becomes a port as well.
	if err := errors.Join(
		n.fabricC.LinkSetGSOMaxSegs(far, 1),
		n.fabricC.LinkSetMasterByIndex(far, n.bridges[b]),
	); err != nil {
		return fmt.Errorf("set up port %s-%s: %w", b, a, err)
	}
	if err := n.isolate(l.port[1]); err != nil {
		return fmt.Errorf("set up port %s-%s: %w", b, a, err)
	}

	for end, index := range l.port {
		if err := n.fabricC.shape(index, l.params[end]); err != nil {
			return fmt.Errorf("shape the port of switch %s: %w", l.spec.Between[end], err)
		}
	}
	for _, index := range l.port {
		if err := n.fabricC.LinkSetUp(device(index)); err != nil {
			return fmt.Errorf("bring the link up: %w", err)
		}
	}

	return nil
}

// joinByNetem connects the two medium ends of a link by a bridge that floods, and
// puts each direction's netem on the end where it leaves the medium.
func (n *Network) joinByNetem(i int, l *link) error {
	off := false
	bridge := &netlink.Bridge{
		LinkAttrs: netlink.LinkAttrs{
			Name: fmt.Sprintf("j%d", i), MTU: n.mtu, HardwareAddr: hardware(macBridge, 1<<20+i),
		},
		MulticastSnooping: &off,
	}

	if err := n.mediumC.LinkAdd(bridge); err != nil {
		return fmt.Errorf("add the medium's bridge: %w", err)
	}

	for end := range 2 {
		if err := n.mediumC.LinkSetMasterByIndex(device(l.medium[end]), bridge.Index); err != nil {
			return fmt.Errorf("attach a medium end: %w", err)
		}
		if err := n.mediumC.setPort(l.medium[end], map[int]bool{nl.IFLA_BRPORT_LEARNING: false}); err != nil {
			return fmt.Errorf("attach a medium end: %w", err)
		}

		if err := n.mediumC.setNetem(l.medium[1-end], l.params[end], n.netemSeed(l.medium[1-end]), create); err != nil {
			return fmt.Errorf("add netem: %w", err)
		}
	}

	return n.mediumC.LinkSetUp(bridge)
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
