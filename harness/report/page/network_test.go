package page

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/report/reporttest"
)

// cellOn is a cell on a network of the given links and hosts ("switch host"), with
// one execution in which each port sent 100 bytes and received 10.
func cellOn(links [][2]string, hosts ...string) record.CellResult {
	n := &record.Network{}
	addSwitch := func(name string) {
		if !slices.Contains(n.Switches, name) {
			n.Switches = append(n.Switches, name)
		}
	}
	for _, l := range links {
		for k, from := range l {
			addSwitch(from)
			n.Ports = append(n.Ports, record.NetworkPort{Name: from + "-" + l[1-k], Switch: from, Peer: l[1-k], Trunk: true})
		}
	}
	for _, h := range hosts {
		at, name, _ := strings.Cut(h, " ")
		addSwitch(at)
		n.Hosts = append(n.Hosts, record.Host{Name: name, Switch: at})
		n.Ports = append(n.Ports, record.NetworkPort{Name: at + "-" + name, Switch: at, Peer: name})
	}

	e := record.Execution{OK: true}
	for _, p := range n.Ports {
		e.Ports = append(e.Ports, record.Port{Name: p.Name, TxBytes: 100, RxBytes: 10})
	}
	return record.CellResult{Cell: record.Cell{Network: n}, Executions: []record.Execution{e}}
}

// TestNetworks lays out networks of several shapes, whose names may have dashes, and
// attributes the traffic to the right directions.
func TestNetworks(t *testing.T) {
	for name, tc := range map[string]struct {
		cell            record.CellResult
		switches, hosts string
	}{
		"ring":   {cellOn([][2]string{{"s0", "s1"}, {"s1", "s2"}, {"s2", "s0"}}, "s0 h0"), "s0 s1 s2", "h0"},
		"dashes": {cellOn([][2]string{{"sw-a", "sw-b"}}, "sw-a host-1", "sw-b host-2"), "sw-a sw-b", "host-1 host-2"},
		"star":   {cellOn([][2]string{{"m", "a"}, {"m", "b"}, {"m", "c"}}, "a ha", "b hb", "c hc", "m hm"), "m a b c", "ha hb hc hm"},
		"one":    {cellOn(nil, "s h1", "s h2"), "s", "h1 h2"},
		"old":    {record.CellResult{Executions: []record.Execution{{OK: true, Ports: []record.Port{{Name: "s0-s1"}, {Name: "s1-s0"}}}}}, "", ""},
	} {
		cells := []record.CellResult{tc.cell}
		n := networkOf(cells)
		if got := strings.Join(n.switches, " "); got != tc.switches {
			t.Errorf("%s: switches %q, want %q", name, got, tc.switches)
		}
		if got := strings.Join(n.hosts, " "); got != tc.hosts {
			t.Errorf("%s: hosts %q, want %q", name, got, tc.hosts)
		}

		flow := n.traffic(matrix.Counted(cells))
		for _, way := range n.directions() {
			want := 100.0
			if n.home[way.from] != "" { // what a host sends, its switch's port receives
				want = 10
			}
			if flow[way] != want {
				t.Errorf("%s: %v carries %g bytes, want %g", name, way, flow[way], want)
			}
		}

		spots := n.spots()
		nodes := slices.Concat(n.switches, n.hosts)
		for i, a := range nodes {
			for _, b := range nodes[:i] {
				if dx, dy := spots[a].x-spots[b].x, spots[a].y-spots[b].y; dx*dx+dy*dy < 100 {
					t.Errorf("%s: %s and %s are drawn on each other", name, a, b)
				}
			}
		}
	}
}

// TestUtilisation works out shares by hand: 0.5 MB in 1 s at 8 Mb/s is half, and
// links to hosts, which have no rate, have none.
func TestUtilisation(t *testing.T) {
	execution := func(index int, delay int64, ports ...record.Port) record.Execution {
		return record.Execution{Index: index, OK: true, DelayNS: delay, Ports: append(ports, record.Port{Name: "s0-host0", TxBytes: 1000})}
	}
	cell := record.CellResult{
		Cell: record.Cell{Network: reporttest.Network(8)},
		Executions: []record.Execution{
			execution(0, 1e9, record.Port{Name: "s0-s1", TxBytes: 500_000}, record.Port{Name: "s1-s0", TxBytes: 0}),
			execution(1, 3e9, record.Port{Name: "s0-s1", TxBytes: 500_000}, record.Port{Name: "s1-s0", TxBytes: 4_000_000}),
			{Index: -1, WarmUp: true, OK: true, DelayNS: 1e12},
		},
	}
	cells := []record.CellResult{cell}
	shares := utilisation(cells)
	if forth, back := shares[direction{"s0", "s1"}], shares[direction{"s1", "s0"}]; forth != 0.25 || back != 1 || len(shares) != 2 {
		t.Errorf("shares are %v", shares)
	}
	if got, want := busiestOf(networkOf(cells), shares), "s1 → s0 100.0 %, mean 62.5 %"; got != want {
		t.Errorf("the busiest is %q, want %q", got, want)
	}

	// Each direction may have its own rate, or none.
	for i := range cell.Cell.Network.Ports {
		p := &cell.Cell.Network.Ports[i]
		p.RateBPS = map[string]int64{"s0-s1": 4e6}[p.Name]
	}
	if shares := utilisation(cells); shares[direction{"s0", "s1"}] != 0.5 || len(shares) != 1 {
		t.Errorf("with its own rate, shares are %v", shares)
	}
}

// TestLinks checks the section on links: of shaped ones, of ones without a rate, and
// of records that do not say what the network was.
func TestLinks(t *testing.T) {
	r := reporttest.Synthesize(reporttest.Small())
	sec := linkTraffic(r, matrix.RolesOf(r))
	if len(sec.Tables) != 3 || len(sec.Tables[1].Rows) == 0 || len(sec.Tables[2].Rows) != 2*len(sec.Tables[1].Rows) {
		t.Fatalf("tables are %+v", sec.Tables)
	}
	if image := string(sec.Panels[0].Image); !strings.Contains(image, "% in use") {
		t.Error("the drawing does not say how much of a link is in use")
	}

	for i := range r.Cells {
		r.Cells[i].Cell.Network = reporttest.Network(0)
	}
	if sec := linkTraffic(r, matrix.RolesOf(r)); len(sec.Tables) != 1 {
		t.Errorf("without rates there are %d tables, want that of traffic only", len(sec.Tables))
	}
	for i := range r.Cells {
		r.Cells[i].Cell.Network = nil
	}
	if sec := linkTraffic(r, matrix.RolesOf(r)); sec != nil {
		t.Errorf("links are drawn that no record knows: %+v", sec.Tables)
	}
}

// TestOddNetworks draws records that no edgebed writes without a panic.
func TestOddNetworks(t *testing.T) {
	odd := []*record.Network{
		{},
		{Switches: []string{"s"}, Ports: []record.NetworkPort{{Name: "s-s", Switch: "s", Peer: "s", Trunk: true}}},
		{Hosts: []record.Host{{Name: "h", Switch: "gone"}}, Ports: []record.NetworkPort{{Name: "x", Switch: "gone", Peer: "h"}}},
		{Switches: []string{"a", "b", "c", "d", "e", "f"}, Ports: []record.NetworkPort{ // two rings
			{Name: "1", Switch: "a", Peer: "b", Trunk: true}, {Name: "2", Switch: "b", Peer: "c", Trunk: true}, {Name: "3", Switch: "c", Peer: "a", Trunk: true},
			{Name: "4", Switch: "d", Peer: "e", Trunk: true}, {Name: "5", Switch: "e", Peer: "f", Trunk: true}, {Name: "6", Switch: "f", Peer: "d", Trunk: true}}},
		{Switches: []string{"a", "b"}, Ports: []record.NetworkPort{{Name: "1", Switch: "a", Peer: "b", Trunk: true, RateBPS: -5}}},
	}
	for i, n := range odd {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			r := reporttest.Synthesize(reporttest.Small())
			for k := range r.Cells {
				r.Cells[k].Cell.Network = n
			}
			linkTraffic(r, matrix.RolesOf(r))
		})
	}
}
