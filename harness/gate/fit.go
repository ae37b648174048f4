package gate

import (
	"maps"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"

	"edgebed/harness/stats"
)

// fit is the delay of one workload as a function of the link rate r: a fixed
// part, and a part of perByte/r that serialisation takes.
type fit struct{ fixed, perByte float64 }

// fits are the delays of a curve taken apart, workload by workload.
type fits struct {
	// known is false where the abscissa is no rate, or has too few values.
	known       bool
	rates       []float64
	base, fresh map[string]fit
}

// fitRates is the smallest number of rates that leaves a fit of two parts
// something to be judged by.
const fitRates = 3

// fit takes the delays of a curve apart.
func (cv *curve) fit(points []pairs) fits {
	f := fits{}
	if !strings.HasSuffix(cv.x.Unit, "/s") || len(points) < fitRates ||
		slices.ContainsFunc(points, func(p pairs) bool { return !p.paired }) {
		return f
	}

	type observation struct{ rate, base, fresh float64 }
	byKey := map[string][]observation{}
	for i, p := range points {
		f.rates = append(f.rates, cv.steps[i][0].Coord.Number)
		for key := range keys(p.base) {
			of := func(q stats.Quotient) bool { return q.Key != key }
			byKey[key] = append(byKey[key], observation{f.rates[i],
				average(slices.DeleteFunc(slices.Clone(p.base), of)),
				average(slices.DeleteFunc(slices.Clone(p.fresh), of))})
		}
	}

	f.base, f.fresh = map[string]fit{}, map[string]fit{}
	for key, all := range byKey {
		if len(all) < fitRates {
			continue
		}
		// Errors are relative; the same weights for both sides, from both, favour
		// neither.
		var inverse, base, fresh, weight []float64
		for _, o := range all {
			inverse, base, fresh = append(inverse, 1/o.rate), append(base, o.base), append(fresh, o.fresh)
			weight = append(weight, math.Pow(o.base+o.fresh, -2))
		}

		f.base[key] = line(inverse, base, weight)
		f.fresh[key] = line(inverse, fresh, weight)
	}

	m := f.mean()
	f.known = len(f.base) > 1 && m.fixed > 0 && m.perByte > 0
	return f
}

// share returns the share of the base's mean delay at a point that is not
// proportional to the time of a byte: an upper bound of the CPU's. It is 1 where
// that is not known.
func (f fits) share(point int) float64 {
	if !f.known {
		return 1
	}
	mean := f.mean()
	fixed, perByte := max(mean.fixed, 0), max(mean.perByte, 0)
	return fixed / (fixed + perByte/f.rates[point])
}

// samples returns a part of each workload's delay.
func (f fits) samples(part string) (base, fresh []stats.Quotient) {
	of := func(all map[string]fit) []stats.Quotient {
		var sample []stats.Quotient
		for _, key := range slices.Sorted(maps.Keys(all)) {
			q := stats.Quotient{Key: key, Num: all[key].fixed, Den: 1}
			if part == bytePart {
				q.Num = all[key].perByte
			}
			sample = append(sample, q)
		}
		return sample
	}
	return of(f.base), of(f.fresh)
}

// sensitivity returns the relative variances of the two parts where the fixed
// part of each point varies by itself with a relative variance of 1.
func (f fits) sensitivity() (fixed, perByte float64) {
	var inverse, weight []float64
	mean := f.mean()
	for _, r := range f.rates {
		inverse = append(inverse, 1/r)
		weight = append(weight, math.Pow(mean.fixed+mean.perByte/r, -2))
	}

	// Each point's share of the error goes through the fit by itself.
	for i := range f.rates {
		unit := make([]float64, len(f.rates))
		unit[i] = mean.fixed
		moved := line(inverse, unit, weight)
		fixed += moved.fixed * moved.fixed / (mean.fixed * mean.fixed)
		perByte += moved.perByte * moved.perByte / (mean.perByte * mean.perByte)
	}
	return fixed, perByte
}

// mean is the mean of the base's fits.
func (f fits) mean() fit {
	var m fit
	n := float64(len(f.base))
	for _, key := range slices.Sorted(maps.Keys(f.base)) {
		m.fixed += f.base[key].fixed / n
		m.perByte += f.base[key].perByte / n
	}
	return m
}

// line fits a straight line by weighted least squares.
func line(x, y, weight []float64) fit {
	fixed, slope := stat.LinearRegression(x, y, weight, false)
	return fit{fixed: fixed, perByte: slope}
}
