package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image/color"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"edgebed/harness/record"
)

// pngDPI is the resolution of PNG files, in dots per inch of print.
const pngDPI = 250

// Figures returns the figures that the campaign asks for and that its records
// can fill; a partial run or a small profile may lack data for some.
func Figures(r *record.Results) []record.Figure {
	var figures []record.Figure
	for _, f := range r.Campaign.Figures {
		if _, err := charts(r, f); !errors.Is(err, ErrNoData) {
			figures = append(figures, f)
		}
	}
	return figures
}

// Render draws a figure into dir, which it makes where needed: an SVG and a PNG
// file for each combination of values on the axes that the figure does not
// mention. It returns the names of the files. Equal records give equal files.
// The error wraps ErrNoData where there is nothing to draw.
func Render(r *record.Results, f record.Figure, dir string) ([]string, error) {
	all, err := charts(r, f)
	if err != nil {
		return nil, fmt.Errorf("render %w", err)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("render figure %q: %w", f.Name, err)
	}
	var files []string
	for _, c := range all {
		for _, format := range []struct {
			extension string
			write     func(*chart, io.Writer) error
		}{{".svg", writeSVG}, {".png", writePNG}} {
			var buffer bytes.Buffer
			if err := format.write(c, &buffer); err != nil {
				return files, fmt.Errorf("render figure %q: %w", f.Name, err)
			}
			name := filepath.Join(dir, c.stem+format.extension)
			if err := os.WriteFile(name, buffer.Bytes(), 0o666); err != nil {
				return files, fmt.Errorf("render figure %q: %w", f.Name, err)
			}
			files = append(files, name)
		}
	}
	return files, nil
}

// writeSVG draws a chart as SVG. Text stays text; the named font falls back to
// those with the same metrics.
func writeSVG(c *chart, w io.Writer) error {
	s := newSheet(c)
	canvas := vgsvg.New(s.width, s.height)
	s.draw(draw.New(canvas))
	var svg bytes.Buffer
	if _, err := canvas.WriteTo(&svg); err != nil {
		return err
	}
	var title bytes.Buffer
	title.WriteString(`xmlns:xlink="http://www.w3.org/1999/xlink">` + "\n<title>")
	if err := xml.EscapeText(&title, []byte(c.title)); err != nil {
		return err
	}
	title.WriteString("</title>")
	text := bytes.Replace(svg.Bytes(), []byte(`xmlns:xlink="http://www.w3.org/1999/xlink">`), title.Bytes(), 1)
	text = bytes.ReplaceAll(text, []byte(`style="font-family:Liberation Sans;`),
		[]byte(`style="font-family:'Liberation Sans',Arimo,Arial,Helvetica,sans-serif;`))
	_, err := w.Write(text)
	return err
}

func writePNG(c *chart, w io.Writer) error {
	s := newSheet(c)
	canvas := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(s.width, s.height), vgimg.UseDPI(pngDPI))}
	s.draw(draw.New(canvas))
	_, err := canvas.WriteTo(w)
	return err
}

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
	*chart
	width, height  vg.Length
	title, caption []string
	legend         [][]int // series by row
	panelsHeight   vg.Length
}

// newSheet measures a chart. Two columns of panels make the width of a printed
// page's text, one makes a wide single column.
func newSheet(c *chart) *sheet {
	s := &sheet{chart: c}
	rows := vg.Length(len(c.panels) / c.columns)
	switch c.columns {
	case 1:
		s.width = 13 * vg.Centimeter
	case 2:
		s.width = 17.5 * vg.Centimeter
	default:
		s.width = vg.Length(c.columns) * 8 * vg.Centimeter
	}
	s.panelsHeight = rows * 6 * vg.Centimeter
	if rows == 1 {
		s.panelsHeight = 7.5 * vg.Centimeter
	}
	inner := s.width - 2*margin
	s.title = wrap(textStyle(titleSize, true, ink), c.title, inner*spare)
	s.caption = wrap(textStyle(smallSize, false, faded), c.caption, inner*spare)
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
	style := textStyle(labelSize, false, ink)
	width := sampleWidth + sampleGap + style.Width(s.series[i])
	if i == 0 && s.seriesTitle != "" {
		width += style.Width(s.seriesTitle) + sampleGap
	}
	return width
}

// legendRows spreads the series over as few rows as their names allow.
func (s *sheet) legendRows(width vg.Length) [][]int {
	var rows [][]int
	var used vg.Length
	for i := range s.series {
		w := s.entryWidth(i)
		if len(rows) == 0 || used+entryGap+w > width {
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
	drawLines(c, textStyle(titleSize, true, ink), s.title, x, y, leading(titleSize))
	y -= vg.Length(len(s.title))*leading(titleSize) + gap
	for _, row := range s.legend {
		s.drawLegendRow(c, row, y)
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
	drawLines(c, textStyle(smallSize, false, faded), s.caption, x, y, leading(smallSize))
}

// drawLegendRow draws a centred row of the legend below top.
func (s *sheet) drawLegendRow(c draw.Canvas, row []int, top vg.Length) {
	width := vg.Length(-entryGap)
	for _, i := range row {
		width += entryGap + s.entryWidth(i)
	}
	x := c.Center().X - width/2
	style := textStyle(labelSize, false, ink)
	style.YAlign = draw.YCenter
	y := top - legendLeading/2
	for _, i := range row {
		next := x + s.entryWidth(i) + entryGap
		// The text's box is centred with its descent, the eye centres the letters.
		baseline := y + style.FontExtents().Descent
		if i == 0 && s.seriesTitle != "" {
			c.FillText(style, vg.Point{X: x, Y: baseline}, s.seriesTitle)
			x += style.Width(s.seriesTitle) + sampleGap
		}
		if s.kind == record.KindBars {
			drawBar(c, vg.Rectangle{Min: vg.Point{X: x, Y: y - 4.5}, Max: vg.Point{X: x + sampleWidth, Y: y + 4.5}}, i)
		} else {
			line := draw.LineStyle{Color: seriesColor(i), Width: 1.2, Dashes: seriesDashes(i)}
			c.StrokeLine2(line, x, y, x+sampleWidth, y)
			seriesMarker(i).draw(c, vg.Point{X: x + sampleWidth/2, Y: y}, markerRadius, seriesColor(i))
		}
		c.FillText(style, vg.Point{X: x + sampleWidth + sampleGap, Y: baseline}, s.series[i])
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
	title := textStyle(labelSize, false, ink)
	title.XAlign, title.YAlign = draw.XCenter, draw.YTop
	middle := vg.Point{X: (area.Min.X + area.Max.X) / 2, Y: (area.Min.Y + area.Max.Y) / 2}
	if s.xTitle != "" {
		c.FillText(title, vg.Point{X: middle.X, Y: c.Min.Y + leading(labelSize)}, s.xTitle)
	}
	title.Rotation = math.Pi / 2
	c.FillText(title, vg.Point{X: c.Min.X, Y: middle.Y}, s.yTitle)
}

// arrange makes the plots of the panels and their canvases, by row and column,
// with aligned data areas and the same ranges, so that they compare at a
// glance; only the outer panels carry labels. A plot is nil in a hole.
func (s *sheet) arrange(c draw.Canvas) ([][]*plot.Plot, [][]draw.Canvas) {
	rows := len(s.panels) / s.columns
	plots := make([][]*plot.Plot, rows)
	for row := range plots {
		plots[row] = make([]*plot.Plot, s.columns)
		for column := range plots[row] {
			if p := s.panels[row*s.columns+column]; p != nil {
				plots[row][column] = s.plot(p, column == 0, s.lowest(row, column), c)
			}
		}
	}
	c = draw.Crop(c, leading(labelSize)+5, 0, 0, 0)
	if s.xTitle != "" {
		c = draw.Crop(c, 0, 0, leading(labelSize)+2, 0)
	}
	return plots, plot.Align(plots, draw.Tiles{Rows: rows, Cols: s.columns, PadX: 8, PadY: 6}, c)
}

// lowest reports whether no panel stands below the given one.
func (s *sheet) lowest(row, column int) bool {
	for i := (row+1)*s.columns + column; i < len(s.panels); i += s.columns {
		if s.panels[i] != nil {
			return false
		}
	}
	return true
}

// plot makes the plot of a panel; labelY and labelX say whether it carries the
// labels of its axes.
func (s *sheet) plot(panel *panel, labelY, labelX bool, c draw.Canvas) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	p.TextHandler = textStyle(labelSize, false, ink).Handler
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Padding = 0
		axis.LineStyle.Width = 0 // the backdrop draws the frame
		axis.Tick.LineStyle = draw.LineStyle{Color: ink, Width: 0.5}
		axis.Tick.Length = 4
		tick := textStyle(smallSize, false, ink)
		tick.XAlign, tick.YAlign = axis.Tick.Label.XAlign, axis.Tick.Label.YAlign
		axis.Tick.Label = tick
		axis.Label.TextStyle = tick // Plot measures a space in it, even without a label
	}
	yTicks := s.scaleY(p)
	xTicks := s.scaleX(p, (c.Max.X-c.Min.X)/vg.Length(s.columns)-40)
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.ConstantTicks(xTicks), plot.ConstantTicks(yTicks)
	if !labelX {
		p.X.Tick.Marker = plot.ConstantTicks(unlabelled(xTicks))
	}
	if !labelY {
		p.Y.Tick.Marker = plot.ConstantTicks(unlabelled(yTicks))
	}
	if s.kind == record.KindBars {
		p.X.Tick.LineStyle.Color = color.Transparent // groups have names, not places
		p.Add(backdrop{xs: xTicks, ys: yTicks}, bars{points: panel.points})
	} else {
		p.Add(backdrop{xs: xTicks, ys: yTicks, upright: true})
		for i, points := range panel.points {
			shift := 1.5 * (vg.Length(i) - vg.Length(len(panel.points)-1)/2)
			p.Add(curve{series: i, xs: s.xs, points: points, shift: shift})
		}
	}
	if panel.title != "" {
		width := (c.Max.X-c.Min.X)/vg.Length(s.columns) - 40
		p.Add(heading{lines: wrap(textStyle(panelSize, true, ink), panel.title, width)})
	}
	return p
}

// scaleY sets the range of the ordinate, the same in all panels, and returns
// its ticks. Linear axes of positive values start at zero.
func (s *sheet) scaleY(p *plot.Plot) []plot.Tick {
	low, high := math.Inf(1), math.Inf(-1)
	least := math.Inf(1)
	for e := range s.all {
		least = math.Min(least, e.Value)
		low, high = math.Min(low, e.Value), math.Max(high, e.Value)
		if e.Known {
			low, high = math.Min(low, e.Low), math.Max(high, e.High)
		}
	}
	if s.logY {
		// A wide interval may come near to zero, which is far away on this axis:
		// it is cut at the edge of the panel instead of squeezing the curves.
		p.Y.Scale = plot.LogScale{}
		p.Y.Min, p.Y.Max = widenLog(math.Max(low, least/2), high, 0.05, 2)
		return logTicks(p.Y.Min, p.Y.Max)
	}
	low = math.Min(low, 0)
	if high <= low {
		high = low + 1
	}
	span := high - low
	p.Y.Min, p.Y.Max = low, high+0.06*span
	if s.kind == record.KindBars {
		p.Y.Max = high + 0.12*span // room for the values above the bars
	}
	if low < 0 {
		p.Y.Min = low - 0.06*span
	}
	return linearTicks(p.Y.Min, p.Y.Max)
}

// widenLog widens a range by a share of its logarithm on either side, and to
// at least the given ratio.
func widenLog(low, high, share, least float64) (float64, float64) {
	if high/low < least {
		middle := math.Sqrt(low * high)
		low, high = middle/math.Sqrt(least), middle*math.Sqrt(least)
	}
	factor := math.Pow(high/low, share)
	return low / factor, high * factor
}

// scaleX sets the range of the abscissa and returns its ticks: the measured
// positions where their labels fit into the width, else round numbers.
func (s *sheet) scaleX(p *plot.Plot, width vg.Length) []plot.Tick {
	low, high := slices.Min(s.xs), slices.Max(s.xs)
	switch {
	case !s.numeric:
		p.X.Min, p.X.Max = low-0.5, high+0.5
	case s.logX:
		p.X.Scale = plot.LogScale{}
		p.X.Min, p.X.Max = widenLog(low, high, 0.05, 2)
	default:
		margin := 0.05 * (high - low)
		if margin == 0 {
			margin = 0.5
		}
		p.X.Min, p.X.Max = low-margin, high+margin
	}
	ticks := make([]plot.Tick, len(s.xs))
	fits := true
	end := vg.Length(math.Inf(-1))
	for i, x := range s.xs {
		ticks[i] = plot.Tick{Value: x, Label: s.ticks[i]}
		middle := vg.Length(p.X.Norm(x)) * width
		half := p.X.Tick.Label.Width(s.ticks[i]) / 2
		fits = fits && middle-half > end+3
		end = middle + half
	}
	if fits || !s.numeric {
		return ticks
	}
	if s.logX {
		return logTicks(p.X.Min, p.X.Max)
	}
	return linearTicks(p.X.Min, p.X.Max)
}
