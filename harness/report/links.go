package report

import (
	"cmp"
	"fmt"
	"html"
	"html/template"
	"math"
	"slices"

	"edgebed/harness/record"
)

// This file draws the traffic of each link on the network, which it knows from
// the names of the switch ports.

// graph is what the ports' names tell of a topology.
type graph struct {
	// switches and hosts in the order in which ports name them.
	switches, hosts []string
	// home is each host's switch.
	home map[string]string
	// links between switches, each once.
	links [][2]string
}

// direction is one direction of a link.
type direction struct{ from, to string }

// splits are the ways to read a port's name, "switch-peer", either of which may
// contain a dash itself.
func splits(name string) []direction {
	var all []direction
	for i := range name {
		if name[i] == '-' && i > 0 && i < len(name)-1 {
			all = append(all, direction{name[:i], name[i+1:]})
		}
	}
	return all
}

// readPorts returns what each port's name means. A port between switches has a
// counterpart of the reverse name, which tells the switches; any other port is
// one of theirs, to a host.
func readPorts(ports []string) map[string]direction {
	meaning := make(map[string]direction)
	switches := make(map[string]bool)
	for _, name := range ports {
		for _, d := range splits(name) {
			if slices.Contains(ports, d.to+"-"+d.from) {
				meaning[name] = d
				switches[d.from] = true
				break
			}
		}
	}
	for _, name := range ports {
		all := splits(name)
		if _, known := meaning[name]; known || len(all) == 0 {
			continue
		}
		meaning[name] = all[0]
		for _, d := range all {
			if switches[d.from] {
				meaning[name] = d
			}
		}
	}
	return meaning
}

// networkOf reads the ports of the executions.
func networkOf(executions []record.Execution) (*graph, map[string]direction) {
	seen := make(map[string]bool)
	var ports []string
	for _, e := range executions {
		for _, p := range e.Ports {
			if !seen[p.Name] {
				seen[p.Name] = true
				ports = append(ports, p.Name)
			}
		}
	}
	n := &graph{home: make(map[string]string)}
	meaning := readPorts(ports)
	for _, name := range ports {
		d, ok := meaning[name]
		if !ok {
			continue
		}
		if !slices.Contains(n.switches, d.from) {
			n.switches = append(n.switches, d.from)
		}
		switch {
		case !seen[d.to+"-"+d.from]:
			n.hosts = append(n.hosts, d.to)
			n.home[d.to] = d.from
		case !slices.Contains(n.links, [2]string{d.to, d.from}):
			n.links = append(n.links, [2]string{d.from, d.to})
		}
	}
	return n, meaning
}

// traffic returns the mean bytes per execution of every direction.
func traffic(executions []record.Execution, meaning map[string]direction) map[direction]float64 {
	sums := make(map[direction]float64)
	for _, e := range executions {
		for _, p := range e.Ports {
			d, ok := meaning[p.Name]
			if !ok {
				continue
			}
			sums[d] += float64(p.TxBytes) / float64(len(executions))
			// What a port of a host receives has no other counter.
			if back := (direction{d.to, d.from}); !isPort(meaning, back) {
				sums[back] += float64(p.RxBytes) / float64(len(executions))
			}
		}
	}
	return sums
}

func isPort(meaning map[string]direction, d direction) bool {
	_, ok := meaning[d.from+"-"+d.to]
	return ok
}

// neighbours of a switch, in the order of the links.
func (n *graph) neighbours(s string) []string {
	var list []string
	for _, l := range n.links {
		switch s {
		case l[0]:
			list = append(list, l[1])
		case l[1]:
			list = append(list, l[0])
		}
	}
	return list
}

// distances returns how far every reachable switch is from one, and through
// which neighbour.
func (n *graph) distances(from string) (depth map[string]int, parent map[string]string) {
	depth, parent = map[string]int{from: 0}, map[string]string{}
	queue := []string{from}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		for _, next := range n.neighbours(s) {
			if _, seen := depth[next]; !seen {
				depth[next], parent[next] = depth[s]+1, s
				queue = append(queue, next)
			}
		}
	}
	return depth, parent
}

type spot struct{ x, y, angle float64 }

// Sizes of a drawing of the network.
const (
	mapWidth, mapHeight = 330.0, 290.0
	switchRadius        = 82.0
	hostReach           = 42.0
)

// place gives every switch and host its spot: a ring in a circle, anything else
// as a tree around its middle.
func (n *graph) place() map[string]spot {
	spots := make(map[string]spot)
	ring := len(n.switches) > 2 && len(n.links) == len(n.switches)
	for _, s := range n.switches {
		ring = ring && len(n.neighbours(s)) == 2
	}
	at := func(angle, radius float64) spot {
		sin, cos := math.Sincos(angle)
		return spot{mapWidth/2 + radius*cos, mapHeight/2 + radius*sin, angle}
	}
	if ring {
		s, before := n.switches[0], ""
		for k := range n.switches {
			angle := -2*math.Pi/3 + 2*math.Pi*float64(k)/float64(len(n.switches))
			spots[s] = at(angle, switchRadius)
			next := n.neighbours(s)
			if next[0] == before || before == "" && next[0] != n.switches[min(1, len(n.switches)-1)] {
				next[0] = next[1]
			}
			s, before = next[0], s
		}
	} else if len(n.switches) > 0 {
		n.placeTree(spots, at)
	}
	for _, s := range n.switches {
		if _, ok := spots[s]; !ok { // not connected to the others
			spots[s] = at(math.Pi/2, switchRadius)
		}
	}
	count := make(map[string]int)
	for _, h := range n.hosts {
		count[n.home[h]]++
	}
	placed := make(map[string]int)
	for _, h := range n.hosts {
		s := n.home[h]
		fan := 0.7 * (float64(placed[s]) - float64(count[s]-1)/2)
		placed[s]++
		sin, cos := math.Sincos(spots[s].angle + fan)
		spots[h] = spot{spots[s].x + hostReach*cos, spots[s].y + hostReach*sin, spots[s].angle + fan}
	}
	return spots
}

// placeTree places the switches around the one in the middle, each subtree in a
// sector as wide as its leaves need.
func (n *graph) placeTree(spots map[string]spot, at func(angle, radius float64) spot) {
	eccentricity := func(s string) int {
		depth, _ := n.distances(s)
		most := 0
		for _, d := range depth {
			most = max(most, d)
		}
		return most
	}
	middle := slices.MinFunc(n.switches, func(a, b string) int {
		return cmp.Or(cmp.Compare(eccentricity(a), eccentricity(b)), cmp.Compare(len(n.neighbours(b)), len(n.neighbours(a))))
	})
	_, parent := n.distances(middle)
	deepest := max(eccentricity(middle), 1)
	children := func(s string) []string {
		return slices.DeleteFunc(n.neighbours(s), func(c string) bool { return parent[c] != s })
	}
	var leaves func(string) int
	leaves = func(s string) int {
		sum := 0
		for _, c := range children(s) {
			sum += leaves(c)
		}
		return max(sum, 1)
	}
	var spread func(s string, from, width float64, depth int)
	spread = func(s string, from, width float64, depth int) {
		if depth == 0 {
			// The middle's own hosts hang between its last branch and its first.
			spots[s] = at(from-math.Pi/float64(leaves(s)+1), 0)
		} else {
			spots[s] = at(from+width/2, switchRadius*float64(depth)/float64(deepest))
		}
		total := float64(leaves(s))
		for _, c := range children(s) {
			share := width * float64(leaves(c)) / total
			spread(c, from, share, depth+1)
			from += share
		}
	}
	gap := 2 * math.Pi / float64(leaves(middle)+1)
	spread(middle, math.Pi/2+gap/2, 2*math.Pi-gap, 0)
	m := spots[middle]
	m.angle = math.Pi / 2
	spots[middle] = m
}

// linkTraffic is the section on the traffic of links; nil where the records
// name no ports.
func linkTraffic(r *record.Results, parts roles) *section {
	sec := &section{}
	t := table{keys: len(parts.rows) + 2}
	for _, a := range parts.rows {
		t.header = append(t.header, axisHeading(a))
	}
	t.header = append(t.header, "From", "To")
	series := combinations(parts.columns, r.Cells)
	for _, s := range series {
		t.header = append(t.header, cmp.Or(joined(texts(s)), "Traffic"))
	}
	type drawn struct {
		place []level
		net   *graph
		flows []map[direction]float64
		used  []map[direction]string
	}
	var all []drawn
	most := 0.0
	for _, place := range places(parts, r.Cells) {
		cells := at(r.Cells, place...)
		net, meaning := networkOf(counted(cells))
		if len(net.links) == 0 {
			continue
		}
		d := drawn{place: place, net: net}
		for _, s := range series {
			flow := traffic(counted(at(cells, s...)), meaning)
			d.used = append(d.used, utilisationRange(parts, at(cells, s...), meaning))
			for _, v := range flow {
				most = math.Max(most, v)
			}
			d.flows = append(d.flows, flow)
		}
		all = append(all, d)
		for _, way := range net.directions() {
			row := append(texts(place), way.from, way.to)
			for _, flow := range d.flows {
				row = append(row, formatValue(flow[way]/1000))
			}
			t.rows = append(t.rows, row)
		}
	}
	if len(all) == 0 {
		return nil
	}
	for _, d := range all {
		spots := d.net.place()
		for i, s := range series {
			title := joined(append(texts(s), names(d.place, ", ")))
			sec.Panels = append(sec.Panels, panelView{title, d.net.image(title, look{style: i}, spots, d.flows[i], d.used[i], most)})
		}
	}
	sec.Columns = len(series)
	sec.Tables = append([]tableView{t.view("Mean traffic per execution in kB")}, utilisationTables(r, parts)...)
	return sec
}

// directions lists both directions of every link, those of hosts last.
func (n *graph) directions() []direction {
	var list []direction
	for _, l := range n.links {
		list = append(list, direction{l[0], l[1]}, direction{l[1], l[0]})
	}
	for _, h := range n.hosts {
		list = append(list, direction{n.home[h], h}, direction{h, n.home[h]})
	}
	return list
}

// image draws the network with lines as wide as their traffic; traffic keeps
// to the right of the road. used says how much of a direction is in use.
func (n *graph) image(name string, l look, spots map[string]spot, flow map[direction]float64, used map[direction]string, most float64) template.HTML {
	var d drawing
	between := 0.0
	for way, v := range flow {
		if n.home[way.from] == "" && n.home[way.to] == "" {
			between += v
		}
	}
	for k, way := range n.directions() {
		a, b := spots[way.from], spots[way.to]
		length := math.Hypot(b.x-a.x, b.y-a.y)
		if length == 0 {
			continue
		}
		width := 0.6 + 9*flow[way]/most
		ux, uy := (b.x-a.x)/length, (b.y-a.y)/length
		ox, oy := -uy*(width/2+0.7), ux*(width/2+0.7)
		text := fmt.Sprintf("%s, %s → %s: %s kB per execution", name, way.from, way.to, formatValue(flow[way]/1000))
		class := "edge"
		if n.home[way.from] == "" && n.home[way.to] == "" {
			if between > 0 {
				text += fmt.Sprintf(", %.0f %% of the traffic between switches", 100*flow[way]/between)
			}
			if used[way] != "" {
				text += ", " + used[way]
			}
		} else {
			class = "edge access"
		}
		d.mark(class+" "+l.class(), text, k/2, k%2, func() {
			d.add(`<path class="hit" d="M%.1f %.1fL%.1f %.1f" stroke-width="%.1f"/>`, a.x+ox, a.y+oy, b.x+ox, b.y+oy, math.Max(width, 8))
			d.add(`<path class="road" d="M%.1f %.1fL%.1f %.1f" stroke-width="%.2f"/>`, a.x+ox, a.y+oy, b.x+ox, b.y+oy, width)
			if width > 1.6 { // thinner lines have no room for a head
				mx, my, size := a.x+(b.x-a.x)*0.58+ox, a.y+(b.y-a.y)*0.58+oy, 2.4+width*0.5
				d.add(`<path class="head" d="M%.1f %.1fL%.1f %.1fL%.1f %.1fZ"/>`, mx+ux*size, my+uy*size,
					mx-ux*size*0.7-uy*size, my-uy*size*0.7+ux*size, mx-ux*size*0.7+uy*size, my-uy*size*0.7-ux*size)
			}
		})
	}
	for _, s := range n.switches {
		p := spots[s]
		d.add(`<rect class="switch" x="%.1f" y="%.1f" width="14" height="14" rx="2"/>`, p.x-7, p.y-7)
		// The name stands inside of a ring, and beside the branches of a tree.
		sin, cos := math.Sincos(p.angle)
		dx, dy, side := -17*cos, -17*sin, ""
		if len(n.links) < len(n.switches) {
			dx, dy, side = 11, 12, " start"
			if cos < -0.1 {
				dx, side = -11, " end"
			}
			switch {
			case sin < -0.5:
				dy = 6
			case sin > 0.3 && math.Abs(cos) > 0.1:
				dy = -6
			}
		}
		d.add(`<text class="node%s" x="%.1f" y="%.1f">%s</text>`, side, p.x+dx, p.y+dy+4, html.EscapeString(s))
	}
	for _, h := range n.hosts {
		p := spots[h]
		d.add(`<circle class="host" cx="%.1f" cy="%.1f" r="6"/>`, p.x, p.y)
		sin, cos := math.Sincos(p.angle)
		side := ""
		switch {
		case cos > 0.6:
			side = " start"
		case cos < -0.6:
			side = " end"
		}
		d.add(`<text class="node strong%s" x="%.1f" y="%.1f">%s</text>`, side, p.x+10*cos, p.y+15*sin+4, html.EscapeString(h))
	}
	return d.image("Traffic of links, "+name, mapWidth, mapHeight)
}
