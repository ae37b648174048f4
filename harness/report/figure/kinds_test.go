package figure

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"testing"

	"pgregory.net/rapid"

	"edgebed/harness/record"
	"edgebed/harness/report/reporttest"
)

// measured makes results whose executions have a quantity of a program, the next of the
// values each, and are due a second after each other.
func measured(values ...float64) *record.Results {
	r := reporttest.Synthesize(reporttest.Small())
	r.Campaign.Quantities = map[string]string{"p.q": "Quantity (x)"}
	next := 0
	for i := range r.Cells {
		for k := range r.Cells[i].Executions {
			e := &r.Cells[i].Executions[k]
			e.Quantities = map[string]float64{"p.q": values[next%len(values)]}
			next++
		}
	}
	return r
}

// kinds are figures of all kinds of the quantity, and of all that time can show.
func kinds(log bool) []record.Figure {
	where := map[string]string{"argument": "10 kB"}
	return []record.Figure{
		{Name: "lines", Kind: record.KindLines, Metric: "p.q", X: "rate", Series: "model", Where: where, LogX: log, LogY: log},
		{Name: "names", Kind: record.KindLines, Metric: "p.q", X: "model", Series: "rate", Where: where, LogX: log, LogY: log},
		{Name: "bars", Kind: record.KindBars, Metric: "p.q", X: "rate", Series: "model", Where: where},
		{Name: "box", Kind: record.KindBox, Metric: "p.q", X: "rate", Series: "model", Where: where, LogY: log},
		{Name: "ecdf", Kind: record.KindECDF, Metric: "p.q", Series: "model", Where: where, LogX: log},
		{Name: "heat", Kind: record.KindHeatMap, Metric: "p.q", X: "rate", Y: "model", Where: where, LogZ: log},
		{Name: "time", Kind: record.KindTimeline, Metric: record.Delay, Series: "model", Where: where, LogY: log},
		{Name: "course", Kind: record.KindTimeline, Metric: record.PortQueue, Where: where},
	}
}

// noNumber is what a coordinate must not be.
var noNumber = regexp.MustCompile(`[="' ,(-](NaN|[+-]?Inf)\b`)

// drawn renders a chart and checks that it is a picture: well formed, and all its
// coordinates are numbers.
func drawn(c *Chart) error {
	var svg bytes.Buffer
	if err := writeSVG(c, &svg); err != nil {
		return err
	}
	if found := noNumber.FindString(svg.String()); found != "" {
		return fmt.Errorf("a coordinate is %q", found)
	}
	for d := xml.NewDecoder(&svg); ; {
		switch _, err := d.Token(); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// TestKindsOfNumbers draws each kind of figure over values that no axis likes.
func TestKindsOfNumbers(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for name, values := range map[string][]float64{
		"zeros": {0}, "not a number": {nan}, "infinite": {inf, -inf}, "one not a number": {1, 2, nan, 3, 4},
		"one infinite": {1, inf, 2, 3, -inf}, "negative": {-1, -2, -3}, "mixed signs": {-1, 0, 1}, "huge": {math.MaxFloat64, -math.MaxFloat64, 1},
		"tiny": {5e-324, 1e-300, 0}, "equal": {7},
	} {
		for _, log := range []bool{false, true} {
			for _, f := range kinds(log) {
				all, err := Charts(measured(values...), f)
				switch {
				case errors.Is(err, ErrNoData): // said with a reason: TestWhyEmpty
					continue
				case err != nil:
					t.Errorf("%s, %s: %v", name, f.Name, err)
					continue
				}
				for _, c := range all {
					if err := drawn(c); err != nil {
						t.Errorf("%s, %s (logarithmic: %v): %v", name, f.Name, log, err)
					}
				}
			}
		}
	}
}

// TestKindsOfLoad draws what time shows of cells under load: failures alone, refusals at
// once, and samples of nothing.
func TestKindsOfLoad(t *testing.T) {
	for name, delay := range map[string]int64{"at once": 0, "longest": math.MaxInt64, "usual": 5e8} {
		r := sampled()
		for i := range r.Cells {
			for k := range r.Cells[i].Executions {
				e := &r.Cells[i].Executions[k]
				e.Arrival = &record.Arrival{Due: r.Cells[i].Cell.Started}
				e.OK, e.Reason, e.DelayNS = false, "refused", delay
			}
		}
		for _, log := range []bool{false, true} {
			for _, f := range kinds(log)[6:] {
				all, err := Charts(r, f)
				if err != nil {
					t.Errorf("%s, %s: %v", name, f.Name, err)
					continue
				}
				if err := drawn(all[0]); err != nil {
					t.Errorf("%s, %s: %v", name, f.Name, err)
				}
			}
		}
	}
}

// TestAnyTexts draws figures whose texts are in any script or in none: the picture stays
// well formed.
func TestAnyTexts(t *testing.T) {
	nasty := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"", "<script>alert(1)</script>", "]]>", "a\x00b\x1b[2J", "\xff\xfe", "延迟 🚀", "שלום \u202e", "&amp;&#27;", "\ufffe", "--", "'\"",
	}))
	rapid.Check(t, func(t *rapid.T) {
		r := measured(1, 2, 3)
		for i := range r.Campaign.Axes {
			r.Campaign.Axes[i].Label = nasty.Draw(t, "axis")
		}
		for i := range r.Cells {
			r.Cells[i].Cell.Point[4].Label = nasty.Draw(t, "value")
		}
		r.Campaign.Profile, r.Campaign.Quantities["p.q"] = nasty.Draw(t, "profile"), nasty.Draw(t, "quantity")
		f := rapid.SampledFrom(kinds(false)[:6]).Draw(t, "figure")
		f.Title = nasty.Draw(t, "title")

		all, err := Charts(r, f)
		if err != nil {
			t.Fatal(err)
		}
		if err := drawn(all[0]); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
	})
}
