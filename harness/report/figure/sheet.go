package figure

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"edgebed/harness/record"
)

const (
	// margin around everything on a sheet, gap between its parts.
	margin = 8
	gap    = 6
	// spare is the share of the width that long texts fill: a viewer without
	// the font may take one that is wider by a sixth.
	spare = 0.85
)

// sheet is the layout of a chart: title, legend, panels and caption from top
// to bottom.
type sheet struct {
	*Chart
	width, height  vg.Length
	title, caption []string
	legend         [][]int // series by row
	panelsHeight   vg.Length
}

// newSheet measures a chart. Two columns of panels make the width of a printed
// page's text, one makes a wide single column.
func newSheet(c *Chart) *sheet {
	s := &sheet{Chart: c}
	rows := vg.Length(len(c.Panels) / c.Columns)
	switch c.Columns {
	case 1:
		s.width = 13 * vg.Centimeter
	case 2:
		s.width = 17.5 * vg.Centimeter
	default:
		s.width = vg.Length(c.Columns) * 8 * vg.Centimeter
	}
	s.panelsHeight = rows * 6 * vg.Centimeter
	if rows == 1 {
		s.panelsHeight = 7.5 * vg.Centimeter
	}

	inner := s.width - 2*margin
	s.title = wrap(boldStyle(titleSize, ink), c.Title, inner*spare)
	s.caption = wrap(textStyle(smallSize, faded), c.Caption, inner*spare)
	s.legend = s.legendRows(inner)
	s.height = 2*margin + s.panelsHeight + 3*gap +
		vg.Length(len(s.title))*leading(titleSize) +
		vg.Length(len(s.legend))*legendLeading +
		vg.Length(len(s.caption))*leading(smallSize)
	return s
}

// Sizes of the legend's parts.
const (
	legendLeading = 14
	sampleWidth   = 24
	sampleGap     = 5
	entryGap      = 18
)

// entryWidth is the width of an entry of the legend.
func (s *sheet) entryWidth(i int) vg.Length {
	style := textStyle(labelSize, ink)
	width := sampleWidth + sampleGap + style.Width(s.Series[i])
	if i == 0 && s.SeriesTitle != "" {
		width += style.Width(s.SeriesTitle) + sampleGap
	}
	return width
}

// legendRows spreads the series over as few rows as their names allow.
func (s *sheet) legendRows(width vg.Length) [][]int {
	if s.Kind == record.KindHeatMap {
		return [][]int{nil} // a row of colours
	}
	var rows [][]int
	var used vg.Length
	for i := range s.Series {
		w := s.entryWidth(i)
		room := w // a pair stays in a row
		if s.Paired && i%2 == 0 && i+1 < len(s.Series) {
			room += entryGap + s.entryWidth(i+1)
		}
		if full := used+entryGap+room > width; len(rows) == 0 || full {
			rows, used = append(rows, nil), -entryGap
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], i)
		used += entryGap + w
	}
	return rows
}

// draw draws the sheet on a canvas of its size.
func (s *sheet) draw(c draw.Canvas) {
	y := c.Max.Y - margin
	x := c.Min.X + margin
	drawLines(c, boldStyle(titleSize, ink), s.title, vg.Point{X: x, Y: y}, leading(titleSize))
	y -= vg.Length(len(s.title))*leading(titleSize) + gap
	for _, row := range s.legend {
		if s.Kind == record.KindHeatMap {
			s.drawColors(c, y)
		} else {
			s.drawLegendRow(c, row, y)
		}
		y -= legendLeading
	}
	y -= gap

	panels := c
	panels.Rectangle = vg.Rectangle{
		Min: vg.Point{X: x, Y: y - s.panelsHeight},
		Max: vg.Point{X: c.Max.X - margin, Y: y},
	}
	s.drawPanels(panels)

	y -= s.panelsHeight + gap
	drawLines(c, textStyle(smallSize, faded), s.caption, vg.Point{X: x, Y: y}, leading(smallSize))
}

// drawLegendRow draws a centred row of the legend below top.
func (s *sheet) drawLegendRow(c draw.Canvas, row []int, top vg.Length) {
	width := vg.Length(-entryGap)
	for _, i := range row {
		width += entryGap + s.entryWidth(i)
	}
	x := c.Center().X - width/2
	style := textStyle(labelSize, ink)
	style.YAlign = draw.YCenter
	y := top - legendLeading/2

	for _, i := range row {
		next := x + s.entryWidth(i) + entryGap
		// The text's box is centred with its descent, the eye centres the letters.
		baseline := y + style.FontExtents().Descent
		if i == 0 && s.SeriesTitle != "" {
			c.FillText(style, vg.Point{X: x, Y: baseline}, s.SeriesTitle)
			x += style.Width(s.SeriesTitle) + sampleGap
		}

		look := s.Look(i)
		switch s.Kind {
		case record.KindBars, record.KindBox:
			sample := vg.Rectangle{Min: vg.Point{X: x, Y: y - 4.5}, Max: vg.Point{X: x + sampleWidth, Y: y + 4.5}}
			drawBar(c, sample, look)
		case record.KindTimeline:
			drawMarker(c, look, vg.Point{X: x + sampleWidth - 2*markerRadius, Y: y})
		default:
			line := draw.LineStyle{Color: seriesColor(look.Style), Width: 1.2, Dashes: look.dashes()}
			c.StrokeLine2(line, x, y, x+sampleWidth, y)
			drawMarker(c, look, vg.Point{X: x + sampleWidth/2, Y: y})
		}

		c.FillText(style, vg.Point{X: x + sampleWidth + sampleGap, Y: baseline}, s.Series[i])
		x = next
	}
}

// drawPanels draws the panels and the axes' titles, which all panels share.
func (s *sheet) drawPanels(c draw.Canvas) {
	plots, canvases := s.arrange(c)
	area := vg.Rectangle{Min: c.Max, Max: c.Min} // of the data of all panels
	for row := range plots {
		for column, p := range plots[row] {
			if p == nil {
				continue
			}
			p.Draw(canvases[row][column])
			data := p.DataCanvas(canvases[row][column])
			area.Min.X, area.Min.Y = min(area.Min.X, data.Min.X), min(area.Min.Y, data.Min.Y)
			area.Max.X, area.Max.Y = max(area.Max.X, data.Max.X), max(area.Max.Y, data.Max.Y)
		}
	}

	// Plot could draw the titles too, but on a logarithmic axis it mistakes
	// their place and pads the panel.
	title := textStyle(labelSize, ink)
	title.XAlign, title.YAlign = draw.XCenter, draw.YTop
	middle := vg.Point{X: (area.Min.X + area.Max.X) / 2, Y: (area.Min.Y + area.Max.Y) / 2}
	if s.XTitle != "" {
		c.FillText(title, vg.Point{X: middle.X, Y: c.Min.Y + leading(labelSize)}, s.XTitle)
	}
	title.Rotation = math.Pi / 2
	c.FillText(title, vg.Point{X: c.Min.X, Y: middle.Y}, s.YTitle)
}

// arrange makes the plots of the panels and their canvases, by row and column,
// with aligned data areas and the same ranges, so that they compare at a
// glance; only the outer panels carry labels. A plot is nil in a hole.
func (s *sheet) arrange(c draw.Canvas) ([][]*plot.Plot, [][]draw.Canvas) {
	rows := len(s.Panels) / s.Columns
	plots := make([][]*plot.Plot, rows)
	for row := range plots {
		plots[row] = make([]*plot.Plot, s.Columns)
		for column := range plots[row] {
			if p := s.Panels[row*s.Columns+column]; p != nil {
				plots[row][column] = s.plot(p, labels{x: s.lowest(row, column), y: column == 0}, c)
			}
		}
	}
	c = draw.Crop(c, leading(labelSize)+5, 0, 0, 0)
	if s.XTitle != "" {
		c = draw.Crop(c, 0, 0, leading(labelSize)+2, 0)
	}
	return plots, plot.Align(plots, draw.Tiles{Rows: rows, Cols: s.Columns, PadX: 8, PadY: 6}, c)
}

// lowest reports whether no panel stands below the given one.
func (s *sheet) lowest(row, column int) bool {
	for i := (row+1)*s.Columns + column; i < len(s.Panels); i += s.Columns {
		if s.Panels[i] != nil {
			return false
		}
	}
	return true
}

// labels say which of its axes a panel labels.
type labels struct{ x, y bool }

// plot makes the plot of a panel.
func (s *sheet) plot(panel *Panel, show labels, c draw.Canvas) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	p.TextHandler = textStyle(labelSize, ink).Handler
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Padding = 0
		axis.LineStyle.Width = 0 // the backdrop draws the frame
		axis.Tick.LineStyle = draw.LineStyle{Color: ink, Width: 0.5}
		axis.Tick.Length = 4
		tick := textStyle(smallSize, ink)
		tick.XAlign, tick.YAlign = axis.Tick.Label.XAlign, axis.Tick.Label.YAlign
		axis.Tick.Label = tick
		axis.Label.TextStyle = tick // Plot measures a space in it, even without a label
	}

	width := (c.Max.X-c.Min.X)/vg.Length(s.Columns) - 40
	x, y := s.scaleX(width, p.X.Tick.Label.Width), s.scaleY()
	x.apply(&p.X)
	y.apply(&p.Y)
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.ConstantTicks(x.Ticks), plot.ConstantTicks(y.Ticks)
	if !show.x {
		p.X.Tick.Marker = plot.ConstantTicks(unlabelled(x.Ticks))
	}
	if !show.y {
		p.Y.Tick.Marker = plot.ConstantTicks(unlabelled(y.Ticks))
	}

	switch s.Kind {
	case record.KindBars, record.KindBox:
		p.X.Tick.LineStyle.Color = color.Transparent // groups have names, not places
		p.Add(backdrop{xs: x.Ticks, ys: y.Ticks})
		if s.Kind == record.KindBox {
			p.Add(boxes{s.Chart, panel.Samples})
		} else {
			p.Add(bars{s.Chart, panel.Points})
		}
	case record.KindHeatMap:
		p.Add(fields{s.Chart, panel.Points}, backdrop{xs: x.Ticks})
	case record.KindTimeline:
		p.Add(backdrop{xs: x.Ticks, ys: y.Ticks, upright: true}, timeline{s.Chart, panel.Spots, panel.Marks})
	default:
		p.Add(backdrop{xs: x.Ticks, ys: y.Ticks, upright: true})
		if panel.Marks != nil {
			p.Add(timeline{s.Chart, nil, panel.Marks})
		}
		for i := range panel.Points {
			shift := 1.5 * (vg.Length(i) - vg.Length(len(panel.Points)-1)/2)
			if s.Steps || s.Stair > 0 {
				shift = 0 // without whiskers nothing hides
			}
			p.Add(curve{chart: s.Chart, panel: panel, series: i, shift: shift})
		}
	}
	if panel.Title != "" {
		p.Add(heading{lines: wrap(boldStyle(panelSize, ink), panel.Title, width)})
	}
	return p
}
