package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"edgebed/harness/gate"
	"edgebed/harness/record"
)

// slight is a share of a curve that names no curve. What comes later is acknowledged later,
// and often with another segment: in virtual time, where no byte may differ, each slow-down
// shows in curves that it is not in, as 0.001 % of their bytes.
const slight = 1e-4

// alarmShare is the share of unchanged pairs that may alarm.
const alarmShare = 1.0 / 50

// limitsFor returns the gate's limits: near zero in virtual time, as make regress has
// them.
func limitsFor(network record.NetworkKind) gate.Limits {
	limits := gate.DefaultLimits
	if network == record.Virtual {
		limits.Delay, limits.Bytes = 0.001, 0
	}
	return limits
}

// rates prints how the gate did on the results, by injection. Its error says that
// it did worse than it should.
func rates(w io.Writer, results map[string][]*record.Results, chosen []injection, limits gate.Limits) error {
	var errs []error
	unchanged := results[""]

	var pairs []*gate.Comparison
	alarms := 0
	for i, base := range unchanged {
		for _, fresh := range unchanged[i+1:] {
			c, err := gate.Compare(base, fresh, limits)
			if err != nil {
				return err
			}
			pairs = append(pairs, c)
			if c.Change == gate.Regression {
				alarms++
				fmt.Fprintf(w, "alarm without a change: %s against %s: %s\n", fresh.Name, base.Name,
					strings.Join(regressions(c), "; "))
			}
		}
	}

	fmt.Fprintf(w, "\nunchanged: %d alarms in %d pairs of %d runs\n", alarms, len(pairs), len(unchanged))
	shifts(w, pairs)
	if float64(alarms) > alarmShare*float64(len(pairs)) {
		errs = append(errs, fmt.Errorf("%d alarms in %d pairs of unchanged runs", alarms, len(pairs)))
	}

	for _, i := range chosen {
		var all []*gate.Comparison
		found, right := 0, 0
		for _, base := range unchanged {
			for _, fresh := range results[i.name] {
				c, err := gate.Compare(base, fresh, limits)
				if err != nil {
					return err
				}
				all = append(all, c)
				if c.Change == gate.Regression {
					found++
				}

				named, beside := i.judge(c)
				if named && len(beside) == 0 {
					right++
				}
				if len(beside) > 0 {
					fmt.Fprintf(w, "%s: %s against %s also names %s\n", i.name, fresh.Name, base.Name,
						strings.Join(beside, "; "))
				}
			}
		}

		if len(all) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s (%s): found in %d of %d comparisons, in the right curves in %d\n", i.name, i.about, found,
			len(all), right)
		shifts(w, all)
		findings(w, all)

		if right < len(all) {
			errs = append(errs,
				fmt.Errorf("%s: %d of %d not found in the right curves", i.about, len(all)-right, len(all)))
		}
	}

	return errors.Join(errs...)
}

// regression names a test's place: metric, curve and part.
func regression(c gate.Curve, t gate.Test) string { return c.Metric + " " + c.Where + ", " + t.Part }

func regressions(c *gate.Comparison) []string {
	var list []string
	for _, curve := range c.Curves {
		for _, t := range curve.Tests {
			if t.Change == gate.Regression {
				list = append(list, regression(curve, t))
			}
		}
	}
	return list
}

// judge reports whether a comparison names the injection where it is, and lists
// the regressions that it names beside that. A change of one model is one of all
// curves together, too.
func (i injection) judge(c *gate.Comparison) (named bool, beside []string) {
	for _, curve := range c.Curves {
		for _, t := range curve.Tests {
			if t.Change != gate.Regression {
				continue
			}
			own := i.series == "" || curve.Where == "model="+i.series ||
				strings.HasSuffix(curve.Where, "/model="+i.series)
			elsewhere := !slices.Contains(i.metrics, curve.Metric) || !own && curve.Where != "all curves"
			if elsewhere && math.Abs(t.Ratio-1) > slight {
				beside = append(beside, regression(curve, t))
			}
			if own && curve.Metric == i.expected && (i.parts == nil || slices.Contains(i.parts, t.Part)) {
				named = true
			}
		}
	}
	return named, beside
}

// shifts prints the median change of whole curves.
func shifts(w io.Writer, comparisons []*gate.Comparison) {
	var order []string
	ratios := map[string][]float64{}
	for _, c := range comparisons {
		for _, curve := range c.Curves {
			for _, t := range curve.Tests {
				if t.Part != "whole curve" || t.Ratio == 0 || !strings.Contains(curve.Where, "/") {
					continue
				}
				name := curve.Metric + " " + curve.Where
				if ratios[name] == nil {
					order = append(order, name)
				}
				ratios[name] = append(ratios[name], t.Ratio)
			}
		}
	}
	for _, name := range order {
		all := ratios[name]
		slices.Sort(all)
		fmt.Fprintf(w, "  %+6.2f %% [%+.2f, %+.2f]  %s\n", 100*(median(all)-1), 100*(all[0]-1),
			100*(all[len(all)-1]-1), name)
	}
}

// findings prints the regressions that were found, those found most often first.
func findings(w io.Writer, comparisons []*gate.Comparison) {
	ratios := map[string][]float64{}
	for _, c := range comparisons {
		for _, curve := range c.Curves {
			for _, t := range curve.Tests {
				if t.Change == gate.Regression {
					ratios[regression(curve, t)] = append(ratios[regression(curve, t)], t.Ratio)
				}
			}
		}
	}
	list := slices.SortedFunc(maps.Keys(ratios), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(ratios[b]), len(ratios[a])), cmp.Compare(a, b))
	})
	for _, name := range list {
		all := ratios[name]
		slices.Sort(all)
		fmt.Fprintf(w, "  %3d of %d  %+6.2f %%  %s\n", len(all), len(comparisons), 100*(median(all)-1), name)
	}
}

// median of sorted values.
func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
