package page

import (
	"cmp"
	"fmt"
	"html/template"
	"math"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/report/table"
	"edgebed/harness/svg"
)

// flows are the traffic of a panel's links, by series.
type flows struct {
	panel matrix.Point
	net   *network
	// bytes are the mean per execution, used says how much of a direction is in use.
	bytes []map[direction]float64
	used  []map[direction]string
}

// linkTraffic is the section on the traffic of links; nil where the records do not
// say what the network was.
func linkTraffic(r *record.Results, roles matrix.Roles) *section {
	series := matrix.Points(roles.Columns, r.Cells)
	t := table.Table{Caption: "Mean traffic per execution in kB", Keys: len(roles.Rows) + 2}
	t.Header = append(table.Headings(roles.Rows), "From", "To")
	for _, s := range series {
		t.Header = append(t.Header, cmp.Or(table.Joined(s.Texts()...), "Traffic"))
	}

	var all []flows
	most := 0.0
	for _, panel := range roles.Panels(r.Cells) {
		f := flowsAt(panel, series, panel.Of(r.Cells), roles)
		if len(f.net.links) == 0 {
			continue
		}
		all = append(all, f)
		for _, way := range f.net.directions() {
			row := append(panel.Texts(), way.from, way.to)
			for _, bytes := range f.bytes {
				most = math.Max(most, bytes[way])
				row = append(row, table.FormatValue(bytes[way]/1000))
			}
			t.Rows = append(t.Rows, row)
		}
	}
	if len(all) == 0 {
		return nil
	}

	sec := &section{Columns: len(series), Tables: append([]table.Table{t}, utilisationTables(r, roles)...)}
	for _, f := range all {
		spots := f.net.spots()
		for i, s := range series {
			title := table.Joined(append(s.Texts(), f.panel.Names(", "))...)
			m := networkMap{net: f.net, spots: spots, flow: f.bytes[i], used: f.used[i], most: most}
			sec.Panels = append(sec.Panels, panelView{title, m.image(title, plainLook(i))})
		}
	}
	return sec
}

func flowsAt(panel matrix.Point, series []matrix.Point, cells []record.CellResult, roles matrix.Roles) flows {
	f := flows{panel: panel, net: networkOf(cells)}
	for _, s := range series {
		own := s.Of(cells)
		f.bytes = append(f.bytes, f.net.traffic(matrix.Counted(own)))
		f.used = append(f.used, utilisationRange(roles, own))
	}
	return f
}

// networkMap is a drawing of a network with lines as wide as their traffic.
type networkMap struct {
	drawing
	net   *network
	spots map[string]spot
	// flow is the traffic of each direction, most the largest of all drawings; used
	// says how much of a direction is in use.
	flow map[direction]float64
	used map[direction]string
	most float64
}

// image draws the network; traffic keeps to the right of the road.
func (m *networkMap) image(name string, l look) template.HTML {
	total := 0.0
	for way, v := range m.flow {
		if m.net.between(way) {
			total += v
		}
	}
	for k, way := range m.net.directions() {
		class := "edge access"
		text := table.Joined(name,
			fmt.Sprintf("%s → %s: %s kB per execution", way.from, way.to, table.FormatValue(m.flow[way]/1000)))
		if m.net.between(way) {
			class = "edge"
			if total > 0 {
				text += fmt.Sprintf(", %.0f %% of the traffic between switches", 100*m.flow[way]/total)
			}
			if m.used[way] != "" {
				text += ", " + m.used[way]
			}
		}
		m.mark(class+" "+l.class(), text, k/2, k%2, func() { m.road(way) })
	}

	for _, s := range m.net.switches {
		m.drawSwitch(s)
	}
	for _, h := range m.net.hosts {
		m.drawHost(h)
	}
	return m.drawing.image("Traffic of links, "+name, mapWidth, mapHeight)
}

// road draws one direction of a link.
func (m *networkMap) road(way direction) {
	a, b := m.spots[way.from], m.spots[way.to]
	length := math.Hypot(b.x-a.x, b.y-a.y)
	if length == 0 {
		return
	}
	width := 0.6
	if m.most > 0 {
		width += 9 * m.flow[way] / m.most
	}
	ux, uy := (b.x-a.x)/length, (b.y-a.y)/length
	ox, oy := -uy*(width/2+0.7), ux*(width/2+0.7) // to the right of the middle

	m.Add(`<path class="hit" d="M%.1f %.1fL%.1f %.1f" stroke-width="%.1f"/>`,
		a.x+ox, a.y+oy, b.x+ox, b.y+oy, math.Max(width, 8))
	m.Add(`<path class="road" d="M%.1f %.1fL%.1f %.1f" stroke-width="%.2f"/>`, a.x+ox, a.y+oy, b.x+ox, b.y+oy, width)
	if width > 1.6 { // thinner lines have no room for a head
		mx, my, size := a.x+(b.x-a.x)*0.58+ox, a.y+(b.y-a.y)*0.58+oy, 2.4+width*0.5
		m.Add(`<path class="head" d="M%.1f %.1fL%.1f %.1fL%.1f %.1fZ"/>`, mx+ux*size, my+uy*size,
			mx-ux*size*0.7-uy*size, my-uy*size*0.7+ux*size, mx-ux*size*0.7+uy*size, my-uy*size*0.7-ux*size)
	}
}

// drawSwitch draws a switch with its name, which stands inside of a ring, and beside
// the branches of a tree.
func (m *networkMap) drawSwitch(name string) {
	p := m.spots[name]
	m.Add(`<rect class="switch" x="%.1f" y="%.1f" width="14" height="14" rx="2"/>`, p.x-7, p.y-7)
	sin, cos := math.Sincos(p.angle)
	dx, dy, side := -17*cos, -17*sin, ""

	if len(m.net.links) < len(m.net.switches) { // a tree
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
	m.Add(`<text class="node%s" x="%.1f" y="%.1f">%s</text>`, side, p.x+dx, p.y+dy+4, svg.Escape(name))
}

// drawHost draws a host with its name on the far side of its switch.
func (m *networkMap) drawHost(name string) {
	p := m.spots[name]
	m.Add(`<circle class="host" cx="%.1f" cy="%.1f" r="6"/>`, p.x, p.y)
	sin, cos := math.Sincos(p.angle)
	side := ""
	switch {
	case cos > 0.6:
		side = " start"
	case cos < -0.6:
		side = " end"
	}
	m.Add(`<text class="node strong%s" x="%.1f" y="%.1f">%s</text>`, side, p.x+10*cos, p.y+15*sin+4, svg.Escape(name))
}
