package emu

import (
	"cmp"
	"context"
	"fmt"
	"maps"

	"edgebed/harness/network"
	"edgebed/harness/topology"
)

// SettingIPv6 names the setting that is the IPv6 network of the hosts, or NoIPv6.
const (
	SettingIPv6 = "ipv6"
	NoIPv6      = "none"
)

// Settings returns the facts of the emulation that could move a curve, for the
// records: most of them as the kernel holds them, not as they were asked for.
// Where all hosts or all link directions agree there is one entry, else one for
// each, with its name after a dot.
func (n *Network) Settings() map[string]string { return maps.Clone(n.settings) }

// readSettings collects the settings as the kernel holds them after the network was built.
func (n *Network) readSettings(context.Context) error {
	n.settings["topology"] = n.topology.Name
	n.settings["delay-backend"] = string(n.backend)
	n.settings["congestion-control"] = n.opts.CongestionControl // checked on every host
	wanted, err := n.opts.sysctls()
	if err != nil {
		return err
	}

	hosts := network.Settings{}
	for _, h := range n.hosts {
		for i, s := range wanted {
			hosts.Put("sysctl."+s.name, h.name, h.settings[i])
		}
	}

	links := network.Settings{}
	queues, err := n.fabricC.qdiscs()
	if err != nil {
		return err
	}

	for _, l := range n.links {
		for dir, port := range l.port {
			name, p := l.direction(dir), l.params[dir]
			s, ok, err := n.fabricC.readShape(port.index, queues)
			if err != nil {
				return fmt.Errorf("read the settings of link %s: %w", name, err)
			}
			if !ok {
				links.Put("link-rate", name, "unshaped")
			} else {
				if s.Rate/8 != p.Rate/8 || s.queue != queueOf(p) {
					return fmt.Errorf("shape link %s: the kernel holds %v and %v, not %v and %v", name, s.Rate,
						s.queue, p.Rate, queueOf(p))
				}
				links.Put("link-rate", name, s.Rate.String())
				links.Put("link-burst", name, fmt.Sprintf("%d B", s.Burst))
				links.Put("link-cburst", name, fmt.Sprintf("%d B", s.Cburst))
				links.Put("link-queue", name, s.queue.String())
			}

			links.Put("link-delay", name, p.Delay.String())
			links.Put("link-jitter", name, p.Jitter.String())
			if p.Jitter > 0 {
				links.Put("link-jitter-order", name, string(cmp.Or(p.JitterOrder, topology.FIFO)))
			}
			for key, value := range p.LossSettings() {
				links.Put(key, name, value)
			}
		}
	}

	ports := network.Settings{}
	for _, p := range n.ports {
		ports.Put("port-gso-max-segs", p.name, fmt.Sprint(p.device.maxSegs))
		ports.Put("mtu", p.name, fmt.Sprint(p.device.mtu))
	}

	n.settings["host-segmentation"] = "in software, before the switch"

	for _, group := range []network.Settings{hosts, links, ports} {
		group.Fold(n.settings)
	}
	return nil
}
