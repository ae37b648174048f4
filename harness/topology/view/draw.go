package view

import (
	"cmp"
	"fmt"
	"image/color"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/graph"
	"gonum.org/v1/gonum/graph/iterator"
	"gonum.org/v1/gonum/graph/layout"
	"gonum.org/v1/gonum/graph/simple"
	"gonum.org/v1/gonum/spatial/r2"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"edgebed/harness/topology"
)

// maxDrawn is how many hosts and switches a picture holds at most: beyond, nobody
// could read it, and the layout would take minutes.
const maxDrawn = 400

// Draw draws the network as "svg" or "png": switches as circles, hosts as boxes at
// theirs, links with rate and delay, the wider the faster; where there are many links of a
// few kinds, a key says what these are. The layout is gonum's force-directed one, the same
// at every call.
func Draw(w io.Writer, t *topology.Topology, format string) error {
	if n := len(t.Hosts) + len(t.Switches); n > maxDrawn {
		return fmt.Errorf("draw %s: %d hosts and switches are too many for a picture, which holds %d; "+
			"write .dot and use Graphviz",
			t.Name, n, maxDrawn)
	}

	d := newDrawing(t)
	size := vg.Length(math.Sqrt(float64(len(t.Hosts)+len(t.Switches)))*90 + 160)
	p := d.layOut(size)
	for k := 0; k < mostGrowth && p.crowded(); k++ {
		size *= 1.2
		p = d.layOut(size)
	}
	p.annotate()

	switch format {
	case "svg":
		canvas := vgsvg.New(p.width, p.height)
		p.draw(draw.New(canvas))
		_, err := canvas.WriteTo(w)

		return err
	case "png":
		canvas := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(p.width, p.height), vgimg.UseDPI(144))}
		p.draw(draw.New(canvas))
		_, err := canvas.WriteTo(w)

		return err
	}

	return fmt.Errorf("draw %s: unknown kind of picture %q; expected svg or png", t.Name, format)
}

// drawing is a topology with a place for everything, from 0 to 1.
type drawing struct {
	t      *topology.Topology
	places map[string]r2.Vec
}

func newDrawing(t *topology.Topology) *drawing {
	g := &ordered{}
	ids := map[string]int64{}
	add := func(name string) {
		ids[name] = int64(len(ids))
		g.neighbours = append(g.neighbours, nil)
	}
	for _, s := range t.Switches {
		add(s)
	}
	for _, h := range t.Hosts {
		add(h.Name)
	}

	connect := func(a, b string) { g.connect(ids[a], ids[b]) }
	for _, l := range t.Links {
		connect(l.Between[0], l.Between[1])
	}
	for f := range t.Interfaces() {
		if f.Suffix == "" { // one line holds them together
			connect(f.Host, f.Switch)
		}
	}

	eades := layout.EadesR2{Repulsion: 1, Rate: 0.05, Updates: 400, Theta: 0.1, Src: rand.NewPCG(1, 1)}
	optimizer := layout.NewOptimizerR2(g, eades.Update)
	for optimizer.Update() {
		// Until it has made its updates.
	}

	d := &drawing{t: t, places: map[string]r2.Vec{}}
	for name, id := range ids {
		d.places[name] = optimizer.Coord2(id)
	}
	d.normalise()

	return d
}

// ordered is a graph whose nodes come in the order in which they were added, so that
// the layout is the same each time; gonum's own graphs are maps.
type ordered struct{ neighbours [][]graph.Node }

func (g *ordered) connect(a, b int64) {
	g.neighbours[a] = append(g.neighbours[a], simple.Node(b))
	g.neighbours[b] = append(g.neighbours[b], simple.Node(a))
}

// Node implements graph.Graph.
func (g *ordered) Node(id int64) graph.Node { return simple.Node(id) }

// Nodes implements graph.Graph.
func (g *ordered) Nodes() graph.Nodes {
	var list []graph.Node
	for id := range g.neighbours {
		list = append(list, simple.Node(id))
	}

	return iterator.NewOrderedNodes(list)
}

// From implements graph.Graph.
func (g *ordered) From(id int64) graph.Nodes { return iterator.NewOrderedNodes(g.neighbours[id]) }

// HasEdgeBetween implements graph.Graph.
func (g *ordered) HasEdgeBetween(a, b int64) bool {
	return slices.Contains(g.neighbours[a], graph.Node(simple.Node(b)))
}

// Edge implements graph.Graph.
func (g *ordered) Edge(a, b int64) graph.Edge {
	if !g.HasEdgeBetween(a, b) {
		return nil
	}

	return simple.Edge{F: simple.Node(a), T: simple.Node(b)}
}

// normalise moves and scales the places to lie between 0 and 1.
func (d *drawing) normalise() {
	lowest, highest := r2.Vec{X: math.Inf(1), Y: math.Inf(1)}, r2.Vec{X: math.Inf(-1), Y: math.Inf(-1)}
	for _, p := range d.places {
		lowest = r2.Vec{X: min(lowest.X, p.X), Y: min(lowest.Y, p.Y)}
		highest = r2.Vec{X: max(highest.X, p.X), Y: max(highest.Y, p.Y)}
	}

	span := cmp.Or(max(highest.X-lowest.X, highest.Y-lowest.Y), 1)
	for name, p := range d.places {
		d.places[name] = r2.Vec{
			X: 0.5 + (p.X-(lowest.X+highest.X)/2)/span,
			Y: 0.5 + (p.Y-(lowest.Y+highest.Y)/2)/span,
		}
	}
}

// mostGrowth is how often a picture grows by a fifth to keep nodes apart.
const mostGrowth = 4

const (
	margin = vg.Length(60)
	radius = vg.Length(13)
	// line is the height of a line of the key below the picture.
	line = vg.Length(13)
)

// The colours of links, switches and hosts are told apart in grey, too, and kinds of links
// by their dashes.
var (
	ink        = color.RGBA{30, 30, 30, 255}
	linkColor  = color.RGBA{90, 110, 140, 255}
	switchFill = color.RGBA{205, 220, 240, 255}
	hostFill   = color.RGBA{250, 240, 215, 255}
	linkLooks  = [mostKinds]draw.LineStyle{
		{Color: linkColor},
		{Color: color.RGBA{200, 85, 0, 255}, Dashes: []vg.Length{7, 3}},
		{Color: color.RGBA{0, 140, 100, 255}, Dashes: []vg.Length{9, 3, 2, 3}},
		{Color: color.RGBA{165, 80, 130, 255}, Dashes: []vg.Length{3, 2}},
		{Color: ink, Dashes: []vg.Length{1.5, 2.5}},
	}
)

// picture is a drawing with everything in its place on a canvas.
type picture struct {
	*drawing
	width, height vg.Length
	// nodes are the boxes of switches and hosts, by name.
	nodes map[string]vg.Rectangle
	links []segment
	// labels lie at links; left have no room. kinds are in a key in their place, and of
	// says of which each link is.
	labels []placed
	left   int
	kinds  []string
	of     []int
}

// layOut makes the picture of a drawing, size wide, which is still to be annotated.
func (d *drawing) layOut(size vg.Length) *picture {
	p := &picture{drawing: d, width: size, height: size, nodes: map[string]vg.Rectangle{}}
	at := func(name string) vg.Point {
		v := d.places[name]
		return vg.Point{X: margin + vg.Length(v.X)*(size-2*margin), Y: margin + vg.Length(v.Y)*(size-2*margin)}
	}
	p.addLinks(at)

	names := centred(8)
	box := func(name string, half vg.Point) {
		p.nodes[name] = vg.Rectangle{Min: at(name).Sub(half), Max: at(name).Add(half)}
	}
	for _, s := range d.t.Switches {
		box(s, vg.Point{X: max(radius, names.Width(s)/2+7), Y: radius})
	}
	for _, h := range d.t.Hosts {
		box(h.Name, vg.Point{X: names.Width(h.Name)/2 + 6, Y: 9})
	}
	return p
}

// annotate says what links are, in a key or with labels, and makes room for the lines below.
func (p *picture) annotate() {
	p.kinds, p.of = kinds(p.links)
	switch {
	case p.kinds != nil:
	case len(p.links) > mostLabelled:
		p.left = len(p.links)
	default:
		p.placeLabels()
	}
	p.down(p.keyHeight())
}

// placeLabels finds places for labels.
func (p *picture) placeLabels() {
	var nodes []vg.Rectangle
	for _, name := range slices.Sorted(maps.Keys(p.nodes)) {
		nodes = append(nodes, p.nodes[name])
	}
	p.labels, p.left = place(p.links, nodes, func(lines []string) vg.Point {
		widest := vg.Length(0)
		for _, l := range lines {
			widest = max(widest, centred(labelSize).Width(l))
		}
		return vg.Point{X: widest + 4, Y: 8 * vg.Length(len(lines))}
	})
}

// addLinks adds the links between where their ends are; parallel ones lie beside each
// other.
func (p *picture) addLinks(at func(string) vg.Point) {
	links := p.t.AllLinks()
	bundles := topology.Parallel(links)
	for i, l := range links {
		const apart = 11
		bundle, s := bundles[i], segment{a: at(l.Between[0]), b: at(l.Between[1])}
		aside := apart * (vg.Length(slices.Index(bundle, i)) - vg.Length(len(bundle)-1)/2)
		if l.Between[0] > l.Between[1] {
			aside = -aside
		}
		length := s.length()
		shift := vg.Point{X: (s.a.Y - s.b.Y) / length * aside, Y: (s.b.X - s.a.X) / length * aside}
		s.a, s.b = s.a.Add(shift), s.b.Add(shift)
		s.label = linkLabel(p.t, l, s.a, s.b)
		p.links = append(p.links, s)
	}
}

// keyHeight is what the lines below the picture need.
func (p *picture) keyHeight() vg.Length {
	lines := len(p.kinds)
	if p.left > 0 {
		lines++
	}
	return vg.Length(lines) * line
}

// down makes room below: everything moves up by that much.
func (p *picture) down(by vg.Length) {
	up := func(at *vg.Point) { at.Y += by }
	p.height += by
	for name, box := range p.nodes {
		up(&box.Min)
		up(&box.Max)
		p.nodes[name] = box
	}
	for i := range p.links {
		up(&p.links[i].a)
		up(&p.links[i].b)
	}
	for i := range p.labels {
		up(&p.labels[i].box.Min)
		up(&p.labels[i].box.Max)
	}
}

// middle is the middle of a node.
func (p *picture) middle(name string) vg.Point {
	box := p.nodes[name]
	return vg.Point{X: (box.Min.X + box.Max.X) / 2, Y: (box.Min.Y + box.Max.Y) / 2}
}

func (p *picture) draw(c draw.Canvas) {
	c.SetColor(color.White)
	c.Fill(vg.Rectangle{Max: vg.Point{X: p.width, Y: p.height}}.Path())
	title := centred(9)
	title.XAlign = text.XLeft
	c.FillText(title, vg.Point{X: 12, Y: p.height - 14}, heading(p.t))

	dashed := draw.LineStyle{Color: linkColor, Width: 0.7, Dashes: []vg.Length{2, 2}}
	for f := range p.t.Interfaces() {
		if !f.HasAccess() {
			host, on := p.middle(f.Host), p.middle(f.Switch)
			c.StrokeLine2(dashed, host.X, host.Y, on.X, on.Y)
		}
	}
	for i, l := range p.t.AllLinks() {
		s := p.links[i]
		c.StrokeLine2(p.look(i, l), s.a.X, s.a.Y, s.b.X, s.b.Y)
	}

	p.drawNodes(c)
	p.drawLabels(c)
	p.drawKey(c)
}

// look is how a link is drawn: the wider the faster.
func (p *picture) look(i int, l topology.LinkSpec) draw.LineStyle {
	look := linkLooks[0]
	if p.kinds != nil {
		look = linkLooks[p.of[i]]
	}
	look.Width = 1
	if rate := p.t.Directions(l)[0].Rate; rate > 0 {
		look.Width = vg.Length(max(0.8, math.Log10(rate.Mbps()+1)*1.4))
	}
	return look
}

// drawNodes draws switches as circles, longer ones for long names, and hosts as boxes.
func (p *picture) drawNodes(c draw.Canvas) {
	names := centred(8)
	shape := func(path vg.Path, fill color.Color) {
		c.SetColor(fill)
		c.Fill(path)
		c.SetLineStyle(draw.LineStyle{Color: linkColor, Width: 0.7})
		c.Stroke(path)
	}
	for _, s := range p.t.Switches {
		shape(pill(p.nodes[s]), switchFill)
		c.FillText(names, p.middle(s), s)
	}
	for _, h := range p.t.Hosts {
		shape(p.nodes[h.Name].Path(), hostFill)
		c.FillText(names, p.middle(h.Name), h.Name)
	}
}

// pill is a box whose short sides are half circles; a square one is a circle.
func pill(box vg.Rectangle) vg.Path {
	r := (box.Max.Y - box.Min.Y) / 2
	middle := box.Min.Y + r
	var path vg.Path
	path.Move(vg.Point{X: box.Min.X + r, Y: box.Min.Y})
	path.Line(vg.Point{X: box.Max.X - r, Y: box.Min.Y})
	path.Arc(vg.Point{X: box.Max.X - r, Y: middle}, r, -math.Pi/2, math.Pi)
	path.Line(vg.Point{X: box.Min.X + r, Y: box.Max.Y})
	path.Arc(vg.Point{X: box.Min.X + r, Y: middle}, r, math.Pi/2, math.Pi)
	path.Close()
	return path
}

const labelSize = 6.5

// drawLabels writes labels on white, so that they can be read where they lie on their
// link.
func (p *picture) drawLabels(c draw.Canvas) {
	style := centred(labelSize)
	for _, l := range p.labels {
		c.SetColor(color.White)
		c.Fill(l.box.Path())
		at := vg.Point{X: (l.box.Min.X + l.box.Max.X) / 2, Y: l.box.Max.Y - 4}
		for _, text := range l.lines {
			c.FillText(style, at, text)
			at.Y -= 8
		}
	}
}

// drawKey says below the picture what links are, and what is not in it.
func (p *picture) drawKey(c draw.Canvas) {
	style := centred(8)
	style.XAlign = text.XLeft
	y := p.keyHeight()

	for k, label := range p.kinds {
		look := linkLooks[k]
		look.Width = 2.5
		c.StrokeLine2(look, 12, y, 46, y)

		number := 0
		for _, of := range p.of {
			if of == k {
				number++
			}
		}
		which := fmt.Sprintf("%d of %d links", number, len(p.links))
		if number == len(p.links) {
			which = fmt.Sprintf("all %d links", number)
		}
		c.FillText(style, vg.Point{X: 53, Y: y}, label+" ("+which+")")
		y -= line
	}

	if p.left > 0 {
		c.FillText(style, vg.Point{X: 12, Y: y},
			fmt.Sprintf("%d links have no room for rate and delay; edgebed topo show lists them", p.left))
	}
}

// centred is how all words are written.
func centred(size font.Length) text.Style {
	return text.Style{
		Color: ink, Font: font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, size),
		Handler: plot.DefaultTextHandler, XAlign: text.XCenter, YAlign: text.YCenter,
	}
}
