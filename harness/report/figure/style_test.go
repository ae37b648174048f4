package figure

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/plot/vg"
	"pgregory.net/rapid"
)

func TestHatchLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		length := func(name string, low float64) vg.Length {
			return vg.Length(rapid.Float64Range(low, 200).Draw(t, name))
		}
		r := vg.Rectangle{Min: vg.Point{X: length("x", 0), Y: length("y", 0)}}
		r.Max = vg.Point{X: r.Min.X + length("width", 0.1), Y: r.Min.Y + length("height", 0)}
		for i := range 8 {
			h := SeriesHatch(i)
			for _, angle := range h.Angles {
				for _, line := range hatchLines(r, angle, vg.Length(h.Gap)) {
					for _, p := range line {
						if p.X < r.Min.X-0.01 || p.X > r.Max.X+0.01 || p.Y < r.Min.Y-0.01 || p.Y > r.Max.Y+0.01 {
							t.Fatalf("hatch %d: %v is outside of %v", i, p, r)
						}
					}
				}
			}
		}
	})
	square := vg.Rectangle{Max: vg.Point{X: 10, Y: 10}}
	if n := len(hatchLines(square, 0, 3)); n != 3 {
		t.Errorf("%d horizontal lines 3 pt apart in 10 pt, want 3", n)
	}
	if n := len(hatchLines(square, math.Pi/4, 2)); n != 7 {
		t.Errorf("%d diagonal lines 2 pt apart over 14.1 pt, want 7", n)
	}
}

// TestSeriesDiffer checks that any two of eight series differ in colour, and
// without colour in marker, dashes and hatch.
func TestSeriesDiffer(t *testing.T) {
	for i := range 8 {
		for j := range i {
			if seriesColor(i) == seriesColor(j) || SeriesMarker(i) == SeriesMarker(j) ||
				cmp.Equal(SeriesDashes(i), SeriesDashes(j)) || cmp.Equal(SeriesHatch(i), SeriesHatch(j)) {
				t.Errorf("series %d and %d look alike", i, j)
			}
		}
	}
}

func TestWrap(t *testing.T) {
	style := textStyle(smallSize, ink)
	text := strings.Repeat("some words to break ", 12)
	lines := wrap(style, text, 150)
	if len(lines) < 3 || strings.Join(lines, " ") != strings.TrimSpace(text) {
		t.Errorf("wrapped into %q", lines)
	}
	for _, line := range lines {
		if style.Width(line) > 150 {
			t.Errorf("%q is %v pt wide", line, style.Width(line))
		}
	}
	if lines := wrap(style, "", 10); lines != nil {
		t.Errorf("nothing wraps into %q", lines)
	}
}
