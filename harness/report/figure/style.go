package figure

import (
	"image/color"
	"math"
	"strings"

	"golang.org/x/image/font"
	plotfont "gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Sizes at print scale. No text is below 8 pt, the least that journals accept.
const (
	titleSize = 11
	panelSize = 9
	labelSize = 9
	smallSize = 8
)

// Greys of everything that is not data.
var (
	ink   = color.Gray{Y: 0x22}
	faded = color.Gray{Y: 0x55}
	grid  = color.Gray{Y: 0xE2}
	band  = color.Gray{Y: 0xEC}
)

// The series' colours are Okabe and Ito's, which people with any kind of colour
// blindness tell apart; yellow, which is faint on white, comes last. Markers,
// dashes and hatches differ as well, for print without colours.
func seriesColor(i int) color.Color {
	colors := []color.RGBA{
		{R: 0x00, G: 0x72, B: 0xB2, A: 0xFF}, // blue
		{R: 0xD5, G: 0x5E, B: 0x00, A: 0xFF}, // vermillion
		{R: 0x00, G: 0x9E, B: 0x73, A: 0xFF}, // bluish green
		{R: 0xCC, G: 0x79, B: 0xA7, A: 0xFF}, // reddish purple
		{R: 0xE6, G: 0x9F, B: 0x00, A: 0xFF}, // orange
		{R: 0x56, G: 0xB4, B: 0xE9, A: 0xFF}, // sky blue
		{R: 0x00, G: 0x00, B: 0x00, A: 0xFF}, // black
		{R: 0xF0, G: 0xE4, B: 0x42, A: 0xFF}, // yellow
	}
	return colors[i%len(colors)]
}

// SeriesDashes are the lengths of the dashes of a series' line and of the gaps
// between them in turn, in points; none for a line without gaps.
func SeriesDashes(i int) []float64 {
	all := [][]float64{
		nil,
		{5, 2},
		{1.5, 1.5},
		{6, 2, 1.5, 2},
		{9, 3},
		{6, 2, 1.5, 2, 1.5, 2},
		{3, 3},
		{1, 3},
	}
	return all[i%len(all)]
}

// Look is how a series is drawn: the style of its colour, marker, dashes and hatch, and
// whether it is hollow, as the second of a pair.
type Look struct {
	Style  int
	Hollow bool
}

// Look returns how a series is drawn.
func (c *Chart) Look(series int) Look {
	if c.Paired {
		return Look{series / 2, series%2 == 1}
	}
	return Look{Style: series}
}

// Dashes are those of the look's line, as SeriesDashes has them.
func (l Look) Dashes() []float64 {
	if l.Hollow {
		return []float64{2, 3}
	}
	return SeriesDashes(l.Style)
}

func (l Look) dashes() []vg.Length {
	var lengths []vg.Length
	for _, d := range l.Dashes() {
		lengths = append(lengths, vg.Length(d))
	}
	return lengths
}

// Marker is a symbol drawn with a white rim, which keeps symbols that overlap
// apart.
type Marker struct {
	// Corners of the symbol on the unit circle, none for a disc.
	Corners int
	// Turn of the first corner in radians.
	Turn float64
	// Scale evens out how large the symbols look.
	Scale float64
}

// SeriesMarker is the marker of a series.
func SeriesMarker(i int) Marker {
	markers := []Marker{
		{0, 0, 1},               // disc
		{4, math.Pi / 4, 1.2},   // square
		{3, math.Pi / 2, 1.35},  // triangle
		{4, 0, 1.3},             // diamond
		{3, -math.Pi / 2, 1.35}, // triangle on its tip
		{6, 0, 1.15},            // hexagon
		{5, math.Pi / 2, 1.2},   // pentagon
		{3, math.Pi, 1.35},      // triangle to the left
	}
	return markers[i%len(markers)]
}

// drawMarker draws a marker around a point.
func drawMarker(c draw.Canvas, l Look, at vg.Point) {
	var path vg.Path
	m := SeriesMarker(l.Style)
	r := markerRadius * vg.Length(m.Scale)
	if m.Corners == 0 {
		path.Move(vg.Point{X: at.X + r, Y: at.Y})
		path.Arc(at, r, 0, 2*math.Pi)
	}

	for i := range m.Corners {
		sin, cos := math.Sincos(m.Turn + 2*math.Pi*float64(i)/float64(m.Corners))
		p := vg.Point{X: at.X + r*vg.Length(cos), Y: at.Y + r*vg.Length(sin)}
		if i == 0 {
			path.Move(p)
		} else {
			path.Line(p)
		}
	}
	path.Close()

	fill, rim := seriesColor(l.Style), draw.LineStyle{Color: color.White, Width: 0.5}
	if l.Hollow {
		fill, rim = color.White, draw.LineStyle{Color: fill, Width: 0.9}
	}
	c.SetColor(fill)
	c.Fill(path)
	c.SetLineStyle(rim)
	c.Stroke(path)
}

// Hatch is a pattern of straight lines over a bar.
type Hatch struct {
	// Angles of the sets of lines in radians, none for a plain bar.
	Angles []float64
	// Gap between the lines of a set, in points.
	Gap float64
}

// SeriesHatch is the hatch of a series' bars.
func SeriesHatch(i int) Hatch {
	hatches := []Hatch{
		{},
		{[]float64{math.Pi / 4}, 4},
		{[]float64{-math.Pi / 4, math.Pi / 4}, 5},
		{[]float64{0}, 3.5},
		{[]float64{-math.Pi / 4}, 4},
		{[]float64{math.Pi / 2}, 3.5},
		{[]float64{0, math.Pi / 2}, 4.5},
		{[]float64{math.Pi / 4}, 7},
	}
	return hatches[i%len(hatches)]
}

// drawBar fills a rectangle in the colour and hatch of a series; a hollow one has its
// outline and hatch in that colour. What lies beyond the canvas is cut off: the lines of a
// hatch would have no end there.
func drawBar(c draw.Canvas, r vg.Rectangle, l Look) {
	for _, corner := range []*vg.Point{&r.Min, &r.Max} {
		corner.X = min(max(corner.X, c.Min.X), c.Max.X)
		corner.Y = min(max(corner.Y, c.Min.Y), c.Max.Y)
	}
	fill, line := seriesColor(l.Style), draw.LineStyle{Color: color.White, Width: 0.9}
	rim := draw.LineStyle{Color: ink, Width: 0.5}
	if l.Hollow {
		line.Color, rim, fill = fill, draw.LineStyle{Color: fill, Width: 1}, color.White
	}
	c.SetColor(fill)
	c.Fill(r.Path())

	h := SeriesHatch(l.Style)
	c.SetLineStyle(line)
	for _, angle := range h.Angles {
		for _, line := range hatchLines(r, angle, vg.Length(h.Gap)) {
			var path vg.Path
			path.Move(line[0])
			path.Line(line[1])
			c.Stroke(path)
		}
	}

	c.SetLineStyle(rim)
	outline := r.Path()
	outline.Close()
	c.Stroke(outline)
}

// hatchLines returns parallel lines at an angle, clipped to the rectangle. They
// start from its lower left corner, so that equal bars look alike.
func hatchLines(r vg.Rectangle, angle float64, gap vg.Length) [][2]vg.Point {
	sin, cos := math.Sincos(angle)
	width, height := float64(r.Max.X-r.Min.X), float64(r.Max.Y-r.Min.Y)

	// A point (x, y) lies on line k where -x*sin + y*cos = k*gap.
	low, high := math.Inf(1), math.Inf(-1)
	for _, corner := range [][2]float64{{0, 0}, {width, 0}, {0, height}, {width, height}} {
		d := -corner[0]*sin + corner[1]*cos
		low, high = math.Min(low, d), math.Max(high, d)
	}

	var lines [][2]vg.Point
	for k := math.Floor(low/float64(gap)) + 1; k*float64(gap) < high; k++ {
		d := k * float64(gap)
		// Walk along the line from its point nearest to the corner and keep the
		// part where both coordinates are inside.
		from, to := math.Inf(-1), math.Inf(1)
		clip := func(start, step, size float64) {
			if math.Abs(step) < 1e-9 {
				if start <= 0 || start >= size {
					from, to = 1, 0
				}
				return
			}
			a, b := -start/step, (size-start)/step
			from, to = math.Max(from, math.Min(a, b)), math.Min(to, math.Max(a, b))
		}

		clip(-d*sin, cos, width)
		clip(d*cos, sin, height)
		if from >= to {
			continue
		}

		point := func(t float64) vg.Point {
			return vg.Point{X: r.Min.X + vg.Length(-d*sin+t*cos), Y: r.Min.Y + vg.Length(d*cos+t*sin)}
		}
		lines = append(lines, [2]vg.Point{point(from), point(to)})
	}
	return lines
}

// textStyle is the type of all texts: Liberation Sans, which has the metrics of
// Arial and Helvetica, so that a viewer without it shows the same layout.
func textStyle(size float64, c color.Color) text.Style {
	return text.Style{
		Color: c, XAlign: text.XLeft, YAlign: text.YTop,
		Font:    plotfont.Font{Typeface: "Liberation", Variant: "Sans", Size: vg.Length(size)},
		Handler: text.Plain{Fonts: plotfont.DefaultCache},
	}
}

// boldStyle is textStyle in bold.
func boldStyle(size float64, c color.Color) text.Style {
	s := textStyle(size, c)
	s.Font.Weight = font.WeightBold
	return s
}

// wrap breaks a text at spaces into lines of at most the given width. A single
// word that is wider stands alone.
func wrap(s text.Style, words string, width vg.Length) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(words) {
		longer := word
		if line != "" {
			longer = line + " " + word
		}
		if line != "" && s.Width(longer) > width {
			lines = append(lines, line)
			longer = word
		}
		line = longer
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
