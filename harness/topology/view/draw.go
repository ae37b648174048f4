package view

import (
	"cmp"
	"fmt"
	"image/color"
	"io"
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
// theirs, links with rate and delay, the wider the faster. The layout is gonum's
// force-directed one, the same at every call.
func Draw(w io.Writer, t *topology.Topology, format string) error {
	if n := len(t.Hosts) + len(t.Switches); n > maxDrawn {
		return fmt.Errorf("draw %s: %d hosts and switches are too many for a picture, which holds %d; "+
			"write .dot and use Graphviz",
			t.Name, n, maxDrawn)
	}

	d := newDrawing(t)
	size := vg.Length(math.Sqrt(float64(len(t.Hosts)+len(t.Switches)))*90 + 160)

	switch format {
	case "svg":
		canvas := vgsvg.New(size, size)
		d.draw(draw.New(canvas), size)
		_, err := canvas.WriteTo(w)

		return err
	case "png":
		canvas := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(size, size), vgimg.UseDPI(144))}
		d.draw(draw.New(canvas), size)
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
	for _, h := range t.Hosts {
		connect(h.Name, h.Switch)
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

const (
	margin = vg.Length(60)
	radius = vg.Length(13)
)

// The colours of links, switches and hosts are told apart in grey, too.
var (
	ink        = color.RGBA{30, 30, 30, 255}
	linkColor  = color.RGBA{90, 110, 140, 255}
	switchFill = color.RGBA{205, 220, 240, 255}
	hostFill   = color.RGBA{250, 240, 215, 255}
)

func (d *drawing) draw(c draw.Canvas, size vg.Length) {
	names := centred(8)
	c.SetColor(color.White)
	c.Fill(vg.Rectangle{Max: vg.Point{X: size, Y: size}}.Path())

	at := func(name string) vg.Point {
		p := d.places[name]
		return vg.Point{X: margin + vg.Length(p.X)*(size-2*margin), Y: margin + vg.Length(p.Y)*(size-2*margin)}
	}

	dashed := draw.LineStyle{Color: linkColor, Width: 0.7, Dashes: []vg.Length{2, 2}}
	for _, h := range d.t.Hosts {
		host, on := at(h.Name), at(h.Switch)
		c.StrokeLine2(dashed, host.X, host.Y, on.X, on.Y)
	}
	bundles := d.t.Bundles()
	for i, l := range d.t.AllLinks() {
		// Parallel links lie beside each other.
		const apart = 11
		bundle, a, b := bundles[i], at(l.Between[0]), at(l.Between[1])
		aside := apart * (vg.Length(slices.Index(bundle, i)) - vg.Length(len(bundle)-1)/2)
		if l.Between[0] > l.Between[1] {
			aside = -aside
		}
		length := vg.Length(max(1, math.Hypot(float64(b.X-a.X), float64(b.Y-a.Y))))
		shift := vg.Point{X: (a.Y - b.Y) / length * aside, Y: (b.X - a.X) / length * aside}
		d.link(c, l, a.Add(shift), b.Add(shift))
	}

	for _, s := range d.t.Switches {
		c.DrawGlyph(draw.GlyphStyle{Color: switchFill, Radius: radius, Shape: draw.CircleGlyph{}}, at(s))
		c.DrawGlyph(draw.GlyphStyle{Color: linkColor, Radius: radius, Shape: draw.RingGlyph{}}, at(s))
		c.FillText(names, at(s), s)
	}
	for _, h := range d.t.Hosts {
		p := at(h.Name)
		half := vg.Point{X: names.Width(h.Name)/2 + 6, Y: 9}
		box := vg.Rectangle{Min: p.Sub(half), Max: p.Add(half)}
		c.SetColor(hostFill)
		c.Fill(box.Path())
		c.SetColor(linkColor)
		c.SetLineWidth(0.7)
		c.Stroke(box.Path())
		c.FillText(names, p, h.Name)
	}
}

// link draws a link with its label at its middle.
func (d *drawing) link(c draw.Canvas, l topology.LinkSpec, a, b vg.Point) {
	width := vg.Length(1)
	if rate := d.t.Directions(l)[0].Rate; rate > 0 {
		width = vg.Length(max(0.8, math.Log10(rate.Mbps()+1)*1.4))
	}
	c.StrokeLine2(draw.LineStyle{Color: linkColor, Width: width}, a.X, a.Y, b.X, b.Y)

	// The label lies on the link, on white so that it can be read.
	labelStyle := centred(6.5)
	middle, label := vg.Point{X: (a.X + b.X) / 2, Y: (a.Y + b.Y) / 2}, Label(d.t, l)
	half := vg.Point{X: labelStyle.Width(label)/2 + 2, Y: 4}
	c.SetColor(color.White)
	c.Fill(vg.Rectangle{Min: middle.Sub(half), Max: middle.Add(half)}.Path())
	c.FillText(labelStyle, middle, label)
}

// centred is how all words are written.
func centred(size font.Length) text.Style {
	return text.Style{
		Color: ink, Font: font.From(plot.DefaultFont, size), Handler: plot.DefaultTextHandler,
		XAlign: text.XCenter, YAlign: text.YCenter,
	}
}
