package figure

import (
	"testing"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/recorder"

	"edgebed/harness/report/reporttest"
)

// TestNothingClipped draws each kind of figure on a recording canvas and checks
// that all text is at least 8 pt and inside the sheet.
func TestNothingClipped(t *testing.T) {
	full := reporttest.Synthesize(reporttest.Full())
	for _, f := range append(reporttest.Figures(), full.Campaign.Figures...) {
		t.Run(f.Name, func(t *testing.T) {
			all, err := Charts(full, f)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range all {
				s := newSheet(c)
				var rec recorder.Canvas
				s.draw(draw.NewCanvas(&rec, s.width, s.height))
				texts, rotated := 0, false
				for _, a := range rec.Actions {
					switch a := a.(type) {
					case *recorder.Push:
						rotated = false
					case *recorder.Rotate:
						rotated = true
					case *recorder.FillString:
						texts++
						if a.Size < smallSize {
							t.Errorf("%q is set in %v pt", a.String, a.Size)
						}
						style := textStyle
						if a.Font.Weight != 0 {
							style = boldStyle
						}
						width := style(float64(a.Size), ink).Width(a.String)
						if !rotated && (a.Point.X < 0 || a.Point.X+width > s.width || a.Point.Y < 0 || a.Point.Y+a.Size > s.height) {
							t.Errorf("%q at %v, %v pt wide, leaves the sheet of %v by %v", a.String, a.Point, width, s.width, s.height)
						}
					}
				}
				if texts < 5 {
					t.Errorf("only %d texts were drawn", texts)
				}
			}
		})
	}
}

// TestAligned checks that the data areas of the panels form an exact grid.
func TestAligned(t *testing.T) {
	r := reporttest.Synthesize(reporttest.Full())
	for _, f := range append(reporttest.Figures(), r.Campaign.Figures...) {
		all, err := Charts(r, f)
		if err != nil {
			t.Fatal(err)
		}
		s := newSheet(all[0])
		var rec recorder.Canvas
		plots, canvases := s.arrange(draw.NewCanvas(&rec, s.width, s.panelsHeight))
		var lefts, rights = map[int]vg.Length{}, map[int]vg.Length{}
		var size vg.Point
		for row := range plots {
			for column, p := range plots[row] {
				if p == nil {
					continue
				}
				data := p.DataCanvas(canvases[row][column])
				if data.Min.X < 0 || data.Max.X > s.width+0.01 || data.Min.Y < 0 || data.Max.Y > s.panelsHeight+0.01 {
					t.Errorf("%s: panel %d, %d leaves its sheet: %v", f.Name, row, column, data.Rectangle)
				}
				if size == (vg.Point{}) {
					size = data.Size()
				}
				if _, ok := lefts[column]; !ok {
					lefts[column], rights[column] = data.Min.X, data.Max.X
				}
				if off := max(abs(data.Size().X-size.X), abs(data.Size().Y-size.Y), abs(data.Min.X-lefts[column]), abs(data.Max.X-rights[column])); off > 0.01 {
					t.Errorf("%s: panel %d, %d is off by %v pt", f.Name, row, column, off)
				}
			}
		}
	}
}

func abs(l vg.Length) vg.Length { return max(l, -l) }
