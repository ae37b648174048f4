package emu

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"edgebed/harness/topology"
)

// Settings returns the facts of the emulation that could move a curve, for the
// records: most of them as the kernel holds them, not as they were asked for.
// Where all hosts or all link directions agree there is one entry, else one for
// each, with its name after a dot.
func (n *Network) Settings() map[string]string { return maps.Clone(n.settings) }

// readSettings reads the settings back after the network was built.
func (n *Network) readSettings(context.Context) error {
	n.settings["topology"] = n.topology.Name
	n.settings["delay-backend"] = string(n.backend)
	n.settings["congestion-control"] = n.opts.CongestionControl // checked on every host
	wanted, err := n.opts.sysctls()
	if err != nil {
		return err
	}
	hosts := map[string]map[string]string{}
	for _, h := range n.hosts {
		err := h.Do(func() error {
			for _, s := range wanted {
				value, err := s.read()
				if err != nil {
					return err
				}
				put(hosts, "sysctl."+s.name, h.spec.Name, value)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("read the settings of host %s: %w", h.spec.Name, err)
		}
	}
	links := map[string]map[string]string{}
	queues, err := n.fabricC.qdiscs()
	if err != nil {
		return err
	}
	for _, l := range n.links {
		for dir, index := range l.port {
			name, p := l.spec.Between[dir]+"-"+l.spec.Between[1-dir], l.params[dir]
			s, ok, err := n.fabricC.readShape(index, queues)
			if err != nil {
				return fmt.Errorf("read the settings of link %s: %w", name, err)
			}
			if !ok {
				put(links, "link-rate", name, "unshaped")
			} else {
				if s.Rate/8 != p.Rate/8 || s.Queue != p.Queue {
					return fmt.Errorf("shape link %s: the kernel holds %v and %d packets, not %v and %d", name, s.Rate, s.Queue, p.Rate, p.Queue)
				}
				put(links, "link-rate", name, s.Rate.String())
				put(links, "link-burst", name, fmt.Sprintf("%d B", s.Burst))
				put(links, "link-cburst", name, fmt.Sprintf("%d B", s.Cburst))
				put(links, "link-queue", name, fmt.Sprintf("%d packets", s.Queue))
			}
			put(links, "link-delay", name, p.Delay.String())
			put(links, "link-jitter", name, p.Jitter.String())
			if p.Jitter > 0 {
				put(links, "link-jitter-order", name, string(cmp.Or(p.JitterOrder, topology.FIFO)))
			}
			put(links, "link-loss", name, fmt.Sprint(float64(p.Loss)))
		}
	}
	ports := map[string]map[string]string{}
	for _, p := range n.ports {
		d, err := n.fabricC.LinkByIndex(p.index)
		if err != nil {
			return fmt.Errorf("read the settings of port %s: %w", p.name, err)
		}
		put(ports, "port-gso-max-segs", p.name, fmt.Sprint(d.Attrs().GSOMaxSegs))
		put(ports, "mtu", p.name, fmt.Sprint(d.Attrs().MTU))
	}
	n.settings["host-segmentation"] = "in software, before the switch"
	for _, group := range []map[string]map[string]string{hosts, links, ports} {
		Fold(n.settings, group)
	}
	return nil
}

// put records the value that one member has for a key.
func put(group map[string]map[string]string, key, member, value string) {
	if group[key] == nil {
		group[key] = map[string]string{}
	}
	group[key][member] = value
}

// Fold writes one entry for a key where all members agree, else one for each, with
// the member's name after a dot.
func Fold(into map[string]string, group map[string]map[string]string) {
	for key, members := range group {
		values := slices.Sorted(maps.Values(members))
		if len(values) > 0 && values[0] == values[len(values)-1] {
			into[key] = values[0]
			continue
		}
		for member, value := range members {
			into[key+"."+member] = value
		}
	}
}
