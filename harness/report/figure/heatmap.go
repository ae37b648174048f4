package figure

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/palette"
	"gonum.org/v1/plot/palette/moreland"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/report/table"
	"edgebed/harness/stats"
)

// setRows makes the chart one whose series are the rows of a heat map.
func (c *Chart) setRows(series []matrix.Point, f record.Figure) {
	c.ZTitle, c.LogZ, c.rowGroups = c.YTitle, f.LogZ, series
	var levels []matrix.Level
	for _, s := range series {
		levels = append(levels, s[0])
	}
	c.YTitle = matrix.Title(levels[0].Axis)

	numbers, ok := matrix.Numbers(levels)
	for i, l := range levels {
		text := l.Text()
		if ok {
			text = table.FormatNumber(numbers[i])
		}
		c.Rows = append(c.Rows, text)
	}
}

// rowScale has the rows of a heat map at 0, 1, 2 ..., labelled as far as there is room.
func (c *Chart) rowScale() Scale {
	s := Scale{Min: -0.5, Max: float64(len(c.Rows)) - 0.5}
	step := (len(c.Rows) + mostRows - 1) / mostRows
	for i, label := range c.Rows {
		if i%step != 0 {
			label = ""
		}
		s.Ticks = append(s.Ticks, Tick{Value: float64(i), Label: label})
	}
	return s
}

// mostRows is how many rows of a heat map have their labels.
const mostRows = 16

// thinned leaves every second label, or third, so that they fit into a width.
func thinned(ticks []Tick, width vg.Length, widthOf func(string) vg.Length) []Tick {
	widest := vg.Length(0)
	for _, t := range ticks {
		widest = max(widest, widthOf(t.Label))
	}
	step := max(1, int(math.Ceil(float64(vg.Length(len(ticks))*(widest+3)/width))))

	var out []Tick
	for i, t := range ticks {
		if i%step != 0 {
			t.Label = ""
		}
		out = append(out, t)
	}
	return out
}

// ColorScale is the range of a heat map's colours: that of what all panels show.
func (c *Chart) ColorScale() Scale {
	s := Scale{Min: math.Inf(1), Max: math.Inf(-1), Log: c.LogZ}
	for _, e := range c.measured {
		if !s.Log || e.Value > 0 {
			s.Min, s.Max = math.Min(s.Min, e.Value), math.Max(s.Max, e.Value)
		}
	}
	if s.Min > s.Max { // no value has a logarithm
		return Scale{}
	}
	return s
}

// Color returns the colour of a value, from dark for the least to bright for the most,
// and whether letters on it are to be dark.
func (s Scale) Color(value float64) (field color.NRGBA, darkLetters bool) {
	share := 0.5
	if s.Max > s.Min {
		share = s.Norm(value)
	}
	// The colours are those of matplotlib's viridis (CC0), between which moreland goes
	// through Lab: even steps look even, in print without colours too.
	at, err := viridis().At(math.Min(math.Max(share, 0), 1))
	if err != nil {
		at = color.White // only beyond 0 to 1
	}
	return color.NRGBAModel.Convert(at).(color.NRGBA), share > 0.55
}

// viridis is a map of colours over 0 to 1.
func viridis() palette.ColorMap {
	colors, err := moreland.NewLuminance([]color.Color{
		color.NRGBA{0x44, 0x01, 0x54, 0xff}, color.NRGBA{0x3b, 0x52, 0x8b, 0xff}, color.NRGBA{0x21, 0x91, 0x8c, 0xff},
		color.NRGBA{0x5e, 0xc9, 0x62, 0xff}, color.NRGBA{0xfd, 0xe7, 0x25, 0xff},
	})
	if err != nil {
		colors = moreland.Kindlmann() // only where luminance does not rise
	}
	colors.SetMin(0)
	colors.SetMax(1)
	return colors
}

// fields is a panel of a heat map.
type fields struct {
	chart *Chart
	// points by row, then by column.
	points [][]stats.Estimate
}

// Plot implements plot.Plotter.
func (f fields) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	scale := f.chart.ColorScale()
	letters := textStyle(smallSize, ink)
	letters.XAlign, letters.YAlign = draw.XCenter, draw.YCenter

	fits := toY(1)-toY(0) > leading(smallSize)
	for _, row := range f.points {
		for _, e := range row {
			fits = fits && (e.N == 0 || letters.Width(table.FormatValue(e.Value))+4 < toX(1)-toX(0))
		}
	}

	for i, row := range f.points {
		for k, e := range row {
			if e.N == 0 {
				continue
			}
			field, dark := scale.Color(e.Value)
			x, y := f.chart.Xs[k], float64(i)
			c.SetColor(field)
			c.Fill(vg.Rectangle{
				Min: vg.Point{X: toX(x - 0.5), Y: toY(y - 0.5)}, Max: vg.Point{X: toX(x + 0.5), Y: toY(y + 0.5)},
			}.Path())
			if fits {
				letters.Color = color.White
				if dark {
					letters.Color = ink
				}
				c.FillText(letters, vg.Point{X: toX(x), Y: toY(y)}, table.FormatValue(e.Value))
			}
		}
	}
}

// drawColors draws the legend of a heat map below top: the metric, and its colours
// between the least and the most.
func (s *sheet) drawColors(c draw.Canvas, top vg.Length) {
	const width, steps = 120, 60
	style := textStyle(labelSize, ink)
	style.YAlign = draw.YCenter
	y := top - legendLeading/2
	baseline := y + style.FontExtents().Descent

	scale := s.ColorScale()
	title, low, high := s.ZTitle+":", table.FormatValue(scale.Min), table.FormatValue(scale.Max)
	if scale.Log {
		title = s.ZTitle + ", logarithmic:"
	}
	all := style.Width(title) + style.Width(low) + style.Width(high) + width + 3*sampleGap
	x := c.Center().X - all/2
	c.FillText(style, vg.Point{X: x, Y: baseline}, title)
	x += style.Width(title) + sampleGap
	c.FillText(style, vg.Point{X: x, Y: baseline}, low)
	x += style.Width(low) + sampleGap

	even := Scale{Min: 0, Max: steps - 1}
	for k := range steps {
		field, _ := even.Color(float64(k))
		c.SetColor(field)
		c.Fill(vg.Rectangle{
			Min: vg.Point{X: x + vg.Length(k)*width/steps, Y: y - 4.5},
			Max: vg.Point{X: x + vg.Length(k+1)*width/steps + 0.2, Y: y + 4.5},
		}.Path())
	}
	c.FillText(style, vg.Point{X: x + width + sampleGap, Y: baseline}, high)
}
