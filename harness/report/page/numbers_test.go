package page

import (
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"edgebed/harness/record"
	"edgebed/harness/report/reporttest"
)

// noNumber is what no coordinate of the page may be, and no length may be below zero.
var noNumber = regexp.MustCompile(`[="MLHV, ](NaN|[+-]?Inf)\b|(width|height|r)="-|%!`)

// TestAnyMeasurements makes pages of what programs and executions may have measured: every
// section and each kind of figure has a place for it, or leaves it out.
func TestAnyMeasurements(t *testing.T) {
	figures := []record.Figure{
		{Name: "lines", Kind: record.KindLines, Metric: "p.q", X: "rate", Series: "model", Panels: []string{"argument"}, LogX: true, LogY: true},
		{Name: "bars", Kind: record.KindBars, Metric: "p.q", X: "rate", Series: "model", Panels: []string{"argument"}},
		{Name: "box", Kind: record.KindBox, Metric: "p.q", X: "rate", Series: "model", Panels: []string{"argument"}},
		{Name: "ecdf", Kind: record.KindECDF, Metric: "p.q", Series: "model", Panels: []string{"argument", "rate"}},
		{Name: "heat", Kind: record.KindHeatMap, Metric: "p.q", X: "rate", Y: "model", Panels: []string{"argument"}, LogZ: true},
		{Name: "time", Kind: record.KindTimeline, Metric: record.Delay, Series: "model", Panels: []string{"argument"}, LogY: true},
	}
	for name, tc := range map[string]struct {
		quantities []float64
		delay      int64
		bytes      int64
	}{
		"zeros":     {[]float64{0}, 0, 0},
		"nothing":   {[]float64{math.NaN(), math.Inf(1), math.Inf(-1)}, 1, 1},
		"some":      {[]float64{1, math.NaN(), 2, math.Inf(1)}, 5e8, 1000},
		"far apart": {[]float64{math.MaxFloat64, -math.MaxFloat64, 5e-324}, math.MaxInt64, math.MaxInt64},
		"below":     {[]float64{-1, -2, 3}, 1, 0},
	} {
		for _, load := range []bool{false, true} {
			r := reporttest.Synthesize(reporttest.Small())
			r.Campaign.Figures, r.Campaign.Quantities = figures, map[string]string{"p.q": "Quantity"}
			next := 0
			for i := range r.Cells {
				c := &r.Cells[i]
				if load {
					c.End.Load = &record.Load{Started: c.Cell.Started, Began: c.Cell.Started, Ended: c.Cell.Started.Add(time.Second)}
				}
				for k := range c.Executions {
					e := &c.Executions[k]
					e.Quantities = map[string]float64{"p.q": tc.quantities[next%len(tc.quantities)]}
					next++
					e.DelayNS, e.SwitchBytes, e.TrunkBytes = tc.delay, tc.bytes, tc.bytes
					for p := range e.Ports {
						e.Ports[p].TxBytes, e.Ports[p].RxBytes = tc.bytes, tc.bytes
					}
					if load {
						e.Arrival = &record.Arrival{Due: c.Cell.Started.Add(time.Duration(k) * time.Second)}
					}
				}
			}

			page := pageText(t, r, nil)
			if at := noNumber.FindStringIndex(page); at != nil {
				t.Errorf("%s (under load: %v): %.160q", name, load, page[max(0, at[0]-80):])
			}
			if !strings.Contains(page, "</html>") {
				t.Errorf("%s: the page does not end", name)
			}
		}
	}
}
