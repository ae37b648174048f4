package view

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"edgebed/harness/escape"
	"edgebed/harness/fate"
	"edgebed/harness/topology"
)

// WriteTable writes hosts and links. A link whose directions differ has a line each.
func WriteTable(w io.Writer, t *topology.Topology) error {
	kind := "switches"
	if t.IsRouted() {
		kind = "routers"
	}
	fmt.Fprintf(w, "%s: %d hosts, %d %s, %d links, subnet %v\n",
		t.Name, len(t.Hosts), len(t.Switches), kind, len(t.Links), t.Subnet)
	if t.Description != "" {
		fmt.Fprintln(w, escape.Terminal(t.Description))
	}

	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	writeInterfaces(table, t)

	fmt.Fprintln(table, "\nlink\tclass\tparameters")
	suffixes := t.Suffixes()
	for i, l := range t.AllLinks() {
		a, b, both := l.Between[0], l.Between[1], t.Directions(l)
		if both[0] == both[1] {
			fmt.Fprintf(table, "%s - %s\t%s\t%v\n", a, b+suffixes[i], l.Class, both[0])
			continue
		}
		fmt.Fprintf(table, "%s > %s\t%s\t%v\n", a, b+suffixes[i], l.Class, both[0])
		fmt.Fprintf(table, "%s > %s\t%s\t%v\n", b, a+suffixes[i], l.Class, both[1])
	}

	return table.Flush()
}

// writeInterfaces writes those of all hosts: their names where any host has several, and their
// MTUs where any is not the usual one.
func writeInterfaces(w io.Writer, t *topology.Topology) {
	interfaces := byHost(t)
	mtus := slices.ContainsFunc(interfaces, func(f topology.Interface) bool {
		return t.MTUOf(f.InterfaceSpec) != topology.DefaultMTU
	})

	row := func(host, name, address, at, mtu string) {
		cells := []string{host, name, address, at, mtu}
		if !mtus {
			cells = slices.Delete(cells, 4, 5)
		}
		if !t.HasSeveralInterfaces() {
			cells = slices.Delete(cells, 1, 2)
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}

	fmt.Fprintln(w)
	row("host", "interface", "address", "switch", "mtu")
	for _, f := range interfaces {
		row(f.Host, f.Name(), f.Address.String(), f.Switch, strconv.Itoa(t.MTUOf(f.InterfaceSpec)))
	}
}

// byHost are the interfaces of all hosts, those of each together.
func byHost(t *topology.Topology) []topology.Interface {
	return slices.SortedStableFunc(t.Interfaces(), func(a, b topology.Interface) int {
		return a.HostIndex - b.HostIndex
	})
}

// Network is a topology as JSON.
type Network struct {
	Name     string   `json:"name"`
	Subnet   string   `json:"subnet"`
	Mode     string   `json:"mode"`
	IPv6     bool     `json:"ipv6"`
	MTU      int      `json:"mtu"`
	Switches []string `json:"switches"`
	Hosts    []Host   `json:"hosts"`
	Links    []Link   `json:"links"`
}

// Host is a host of a Network.
type Host struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	Switch  string `json:"switch"`
	MTU     int    `json:"mtu"`
	// Interfaces are those beside the first one, in their order.
	Interfaces []Interface `json:"interfaces,omitempty"`
}

// Interface is one of a host's beside its first one.
type Interface struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	Switch  string `json:"switch"`
	MTU     int    `json:"mtu"`
}

// Link is one direction of a link.
type Link struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Class string `json:"class,omitempty"`
	// Rate in b/s, 0 where the link is unshaped.
	Rate   int64         `json:"rate_bps"`
	Delay  time.Duration `json:"delay_ns"`
	Jitter time.Duration `json:"jitter_ns"`
	// JitterOrder is reorder where jitter changes the order of frames.
	JitterOrder string `json:"jitter_order,omitempty"`
	// Loss is the share of frames that are lost in the long run; Bursts are the
	// channel, where frames are lost in bursts.
	Loss      float64              `json:"loss"`
	Bursts    *fate.GilbertElliott `json:"bursts,omitempty"`
	Duplicate float64              `json:"duplicate,omitempty"`
	Corrupt   float64              `json:"corrupt,omitempty"`
	// Queue is the limit in packets, unless QueueBytes is one in bytes.
	Queue      int    `json:"queue_packets"`
	QueueBytes int64  `json:"queue_bytes,omitempty"`
	Discipline string `json:"discipline,omitempty"`
	// Burst and CeilBurst are the sizes of a shaped link's token buckets, of which the smaller
	// one holds.
	Burst     int64 `json:"burst_bytes,omitempty"`
	CeilBurst int64 `json:"ceil_burst_bytes,omitempty"`
	MTU       int   `json:"mtu"`
}

// JSON returns the topology as what JSON readers want: every direction of a link by
// itself, with plain numbers.
func JSON(t *topology.Topology) Network {
	n := Network{
		Name: t.Name, Subnet: t.Subnet.String(), Mode: string(cmp.Or(t.Mode, topology.Switched)), IPv6: t.HasIPv6(),
		MTU: t.NetworkMTU(), Switches: t.Switches,
	}
	for _, f := range byHost(t) {
		if f.Number == 0 {
			n.Hosts = append(n.Hosts, Host{
				Name: f.Host, Address: f.Address.String(), Switch: f.Switch, MTU: t.MTUOf(f.InterfaceSpec),
			})
			continue
		}
		h := &n.Hosts[f.HostIndex]
		h.Interfaces = append(h.Interfaces,
			Interface{f.Name(), f.Address.String(), f.Switch, t.MTUOf(f.InterfaceSpec)})
	}

	for _, l := range t.AllLinks() {
		for dir, p := range t.Directions(l) {
			link := Link{
				From: l.Between[dir], To: l.Between[1-dir], Class: l.Class,
				Rate: int64(p.Rate), Delay: p.Delay, Jitter: p.Jitter, Loss: p.MeanLoss(),
				Duplicate: float64(p.Duplicate), Corrupt: float64(p.Corrupt),
				Queue: p.Queue, QueueBytes: int64(p.QueueBytes), Discipline: string(p.Discipline), MTU: p.Packet(),
			}
			if p.JitterOrder != topology.FIFO {
				link.JitterOrder = string(p.JitterOrder)
			}
			if p.Rate > 0 {
				link.Burst, link.CeilBurst = int64(p.Bucket(p.Burst)), int64(p.Bucket(p.CeilBurst))
			}
			if c := p.Odds().Bursts; c != (fate.GilbertElliott{}) {
				link.Bursts = &c
			}
			n.Links = append(n.Links, link)
		}
	}

	return n
}
