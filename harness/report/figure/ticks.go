package figure

import (
	"fmt"
	"math"
	"strconv"

	"gonum.org/v1/plot"

	"edgebed/harness/report/table"
)

// mostLabels is how many labels fit along the axis of a panel.
const mostLabels = 11

// mostTicks is how many ticks an axis has, labelled or not: as many decades as have
// labels, each with its nine multiples, and what is left of the decade below.
const mostTicks = 9*mostLabels + 8

// logTicks returns the ticks of a logarithmic axis: labels at 1, 2 and 5 of
// each decade where they fit, else at the decades; the other multiples unlabelled.
// A range too short for two of them gets evenly spaced ticks.
func logTicks(low, high float64) []plot.Tick {
	labelled := func(mantissas ...int) map[int]bool {
		set := make(map[int]bool)
		for _, m := range mantissas {
			set[m] = true
		}
		return set
	}

	for _, labels := range []map[int]bool{labelled(1, 2, 5), labelled(1)} {
		ticks, n := decadeTicks(low, high, labels)
		if n < 2 {
			return plot.DefaultTicks{}.Ticks(low, high)
		}
		if n <= mostLabels {
			return ticks
		}
	}

	// More decades than labels: every second, third ... gets one, and the others a
	// bare tick where these are not too many.
	decades := math.Log10(high) - math.Log10(low)
	step := int(math.Ceil(decades / mostLabels))
	var ticks []plot.Tick
	for e := int(math.Ceil(math.Log10(low))); e <= int(math.Floor(math.Log10(high))); e++ {
		t := plot.Tick{Value: math.Pow10(e)}
		if e%step == 0 {
			t.Label = table.FormatNumber(t.Value)
		}
		if t.Label != "" || decades < mostTicks {
			ticks = append(ticks, t)
		}
	}
	return ticks
}

// decadeTicks returns the multiples of powers of ten within the range and how
// many of them are labelled.
func decadeTicks(low, high float64, labels map[int]bool) ([]plot.Tick, int) {
	var ticks []plot.Tick
	n := 0
	for e := int(math.Floor(math.Log10(low))); e <= int(math.Floor(math.Log10(high))); e++ {
		for m := 1; m <= 9; m++ {
			// Parsed, 2e-2 is the double nearest to 0.02, as 2*0.01 may not be.
			v, err := strconv.ParseFloat(fmt.Sprintf("%de%d", m, e), 64)
			if err != nil || v < low || v > high {
				continue
			}
			t := plot.Tick{Value: v}
			if labels[m] {
				t.Label = table.FormatNumber(v)
				n++
			}
			ticks = append(ticks, t)
		}
	}
	return ticks, n
}

// linearTicks returns about five ticks at round numbers, none over a range that has
// no length or no end.
func linearTicks(low, high float64) []plot.Tick {
	if !(high > low) || math.IsInf(high-low, 0) {
		return nil
	}
	step := math.Pow10(int(math.Floor(math.Log10((high - low) / 5))))
	for _, m := range []float64{1, 2, 2.5, 5, 10} {
		if (high-low)/(step*m) <= 6 {
			step *= m
			break
		}
	}

	var ticks []plot.Tick
	first := math.Ceil(low/step - 1e-9)
	for i := range 2 * mostLabels { // numbers so large that 1 is nothing to them would have no end
		k := first + float64(i)
		if k*step > high+step*1e-9 {
			break
		}
		// Rounding to the step's digits drops the error of the product.
		v, err := strconv.ParseFloat(strconv.FormatFloat(k*step, 'g', 12, 64), 64)
		if err != nil {
			continue
		}
		ticks = append(ticks, plot.Tick{Value: v, Label: table.FormatNumber(v)})
	}
	return ticks
}

// unlabelled returns the places of the labelled ticks, for panels that share the
// axis of another.
func unlabelled(ticks []plot.Tick) []plot.Tick {
	var bare []plot.Tick
	for _, t := range ticks {
		if t.Label != "" {
			bare = append(bare, plot.Tick{Value: t.Value})
		}
	}
	return bare
}
