package figure

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"edgebed/harness/record"
	"edgebed/harness/report/whole"
	"edgebed/harness/svg"
)

// pngDPI is the resolution of PNG files, in dots per inch of print.
const pngDPI = 250

// Drawn is what a figure shows.
type Drawn struct {
	Figure record.Figure
	Charts []*Chart
	// Err is why it shows nothing; it wraps ErrNoData where there is nothing to show.
	Err error
}

// Draw selects the data of a result's figures, once for all forms of a report.
func Draw(r *record.Results) []Drawn {
	var all []Drawn
	for _, f := range r.Campaign.Figures {
		charts, err := Charts(r, f)
		all = append(all, Drawn{f, charts, err})
	}
	return all
}

// Render draws a figure into dir, which it makes where needed: an SVG and a PNG
// file for each combination of values on the axes that the figure does not
// mention. It returns the names of the files. Equal records give equal files.
// The error wraps ErrNoData where there is nothing to draw.
func (d Drawn) Render(dir string) ([]string, error) {
	if d.Err != nil {
		return nil, d.Err
	}

	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("render figure %q: %w", d.Figure.Name, err)
	}

	var files []string
	for _, c := range d.Charts {
		for _, format := range []struct {
			extension string
			write     func(*Chart, io.Writer) error
		}{{".svg", writeSVG}, {".png", writePNG}} {
			name := filepath.Join(dir, c.Stem+format.extension)
			err := whole.Write(name, func(w io.Writer) error { return format.write(c, w) })
			if err != nil {
				return files, fmt.Errorf("render figure %q: %w", d.Figure.Name, err)
			}
			files = append(files, name)
		}
	}
	return files, nil
}

// writeSVG draws a chart as SVG. Text stays text; the named font falls back to
// those with the same metrics.
func writeSVG(c *Chart, w io.Writer) error {
	c = c.printable()
	s := newSheet(c)
	canvas := vgsvg.New(s.width, s.height)
	s.draw(draw.New(canvas))
	var drawn bytes.Buffer
	if _, err := canvas.WriteTo(&drawn); err != nil {
		return err
	}

	const head = `xmlns:xlink="http://www.w3.org/1999/xlink">`
	var title bytes.Buffer
	title.WriteString(head + "\n<title>")
	if err := xml.EscapeText(&title, []byte(c.Title)); err != nil {
		return err
	}
	title.WriteString("</title>")
	text := bytes.Replace(drawn.Bytes(), []byte(head), title.Bytes(), 1)
	text = bytes.ReplaceAll(text, []byte(`style="font-family:Liberation Sans;`),
		[]byte(`style="font-family:'Liberation Sans',Arimo,Arial,Helvetica,sans-serif;`))

	// The canvas escapes markup, and leaves in what XML does not have.
	_, err := w.Write(bytes.Map(svg.Allowed, text))
	return err
}

// writePNG draws a chart as PNG, in which letters are drawn by this program: those
// that its typeface lacks become boxes, and the caption says so.
func writePNG(c *Chart, w io.Writer) error {
	s := newSheet(c.printable().drawable())
	canvas := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(s.width, s.height), vgimg.UseDPI(pngDPI))}
	s.draw(draw.New(canvas))
	_, err := canvas.WriteTo(w)
	return err
}

// leading is the distance of the baselines of text of the given size.
func leading(size float64) vg.Length { return vg.Length(size * 1.25) }
