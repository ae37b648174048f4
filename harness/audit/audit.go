// Package audit says whether a cell's emulation was faithful, after the idea of
// Mininet-HiFi (Handigol et al., CoNEXT 2012): an emulation on a busy machine
// shows nothing by itself, so one watches what a real network would have
// guaranteed. Before a cell's first execution it measures every link; while the
// executions run it samples the machine, its own timers and the links' queues;
// and from all that Judge gives a verdict.
//
// The use of the processors as such is no disturbance. Cells that run side by
// side keep a machine busy; they disturb each other once links and timers are
// late.
package audit

import (
	"cmp"
	"math"
	"slices"
	"time"

	"edgebed/harness/emu"
	"edgebed/harness/emu/delayline"
	"edgebed/harness/record"
)

// Evidence is what was seen of a cell.
type Evidence struct {
	// Links as probe frames found them before the first execution.
	Links []emu.Measurement
	// Lags of a timer in the worker.
	Lags []time.Duration
	// CPU of the machine, in windows of half a second.
	CPU []Window
	// Ran is how long the worker's threads and the delay line's were on a
	// processor, Waited how long they could have run but had none, while the cell
	// Lasted.
	Ran, Waited, Lasted time.Duration
	// Stretches in which links had something to send all the time.
	Stretches []Stretch
	// QueueDrops are frames that full queues of links dropped, as links do.
	// PortDrops are those that devices without a queue dropped, which no link does.
	QueueDrops int64
	PortDrops  []PortDrops
	// Lines of the delay line.
	Lines []Line
}

// Window is a part of the machine's time, as shares from 0 to 1.
type Window struct{ Busy, Steal float64 }

// PortDrops are frames that a port lost.
type PortDrops struct {
	Port  string
	Count int64
}

// Line is one line of the delay line; AB is the direction that the link's name
// has.
type Line struct {
	Link string
	delayline.LineStats
}

// Thresholds, with what they were measured against: experiment 400's cells with
// 10 kB arguments on 2 cores of an AMD EPYC, kernel 6.18, delay line under
// SCHED_FIFO. "Alone" is one cell on an idle machine; "busy" is a campaign that
// kept the machine 85 to 95 % busy, which it should not; "within" are that
// campaign's cells whose mean delay was within 3 % of the same cell's alone, and
// "beyond" those that were later by up to 12 %.
const (
	// limitRate bounds the error of a link's rate, either way. Alone 0.01 to
	// 0.3 %, busy up to 1.5 %. A shaper that is 5 % off moves a slow link's
	// delays by as much.
	limitRate = 0.02
	// limitDelay bounds the error of a link's delay at the median: what the
	// emulation promises. Alone and busy up to 0.06 ms.
	limitDelay = 200 * time.Microsecond
	// limitJitter is the probability with which a link whose delays are spread as
	// they should be is found to be wrong; a campaign measures thousands.
	limitJitter = 1e-5
	// limitStarved is the share of its rate that a link must send at while it
	// has a backlog. Never below 100 % in any run, as it must be.
	limitStarved = 0.98
	// Shorter stretches cannot tell: a frame more or less would be too much of
	// them.
	shortestStretch = 200 * time.Millisecond
	framesInStretch = 20

	// limitLate bounds the delay line's lateness at the median, half of the
	// promise. At most 4 us in any run.
	limitLate = 100 * time.Microsecond
	// limitLateTail bounds it at the 99 % quantile, judged where fewestLate
	// frames or more passed. Alone 0.04 to 0.2 ms; beside others now and then
	// 2.7 ms, when a few of 200 frames meet a neighbour that builds its network,
	// which moves no delay.
	limitLateTail = 5 * time.Millisecond
	fewestLate    = 200
	// limitLateMax bounds the latest frame. Alone up to 0.8 ms, busy up to 9 ms;
	// 20 to 29 ms now and then with another program on every core.
	limitLateMax = 20 * time.Millisecond

	// limitWait bounds the time for which threads of the worker and the delay
	// line could run and had no processor, summed over the threads, as a share of
	// the cell's time. It goes with the error of delays better than any other:
	// alone 2 to 13 %, 8 to 26 % in a campaign that keeps the machine 25 % busy,
	// within up to 53 %, beyond 53 to 129 %; with two spinning programs on each
	// core 63 to 92 %, and delays 15 to 28 % too long.
	// Experiment 401's five branches at once compete with each other on 2 cores:
	// up to 56 % alone, at 100 Mb/s with 100 kB.
	limitWait = 0.5
	// limitLag bounds the lateness of the worker's timers at the 95 % quantile:
	// nodes answer as late as that. Alone 0.06 to 0.11 ms, in a campaign up to
	// 2.6 ms, beyond 2.8 to 43 ms; with two spinning programs on each core 4 to
	// 17 ms.
	limitLag = 5 * time.Millisecond
	// limitLagMax bounds a single one: the worker stood still. Alone up to
	// 1.1 ms, in a campaign up to 3.4 ms. A worker stopped for 200 ms shows 100 ms or
	// more, as the probe looks every 100 ms.
	limitLagMax = 50 * time.Millisecond

	// limitSaturated bounds the share of windows in which less than 1-saturated
	// of the machine was idle. One spinning program on each core makes it 100 %
	// and delays 100 Mb/s cells by 6 %, while the other checks stay quiet.
	// Within up to 30 %, most of it at the campaign's start.
	limitSaturated = 0.5
	saturated      = 0.97
	// limitSteal bounds the share of time that the machine's own host took.
	// At most 0.4 % in any run.
	limitSteal = 0.02
	// With fewer windows (of half a second) a peak would be the average.
	fewestWindows = 4
)

// CellCPU names the measure of the processor time that the cell took, in percent
// of one core, set-up left out.
const CellCPU = "cpu-cell-percent"

// Judge gives the verdict on a cell. Neighbours is left to the campaign.
func Judge(e Evidence) *record.Audit {
	j := &judge{audit: &record.Audit{Verdict: record.Faithful, Measures: map[string]float64{}}}
	j.links(e.Links)
	j.stretches(e.Stretches)
	j.lines(e.Lines)
	j.lags(e.Lags)
	j.cpu(e)
	j.measure("queue-drops", float64(e.QueueDrops))
	for _, d := range e.PortDrops {
		j.most("port-drops", d.Port, float64(d.Count), 0, "frames")
	}
	slices.SortStableFunc(j.audit.Findings, func(a, b record.Finding) int {
		return cmp.Or(cmp.Compare(a.Check, b.Check), cmp.Compare(a.Where, b.Where))
	})
	return j.audit
}

type judge struct{ audit *record.Audit }

// measure notes the largest value of a measure.
func (j *judge) measure(name string, value float64) {
	if old, ok := j.audit.Measures[name]; !ok || value > old {
		j.audit.Measures[name] = value
	}
}

// most is a check that a value is not above its limit.
func (j *judge) most(check, where string, value, limit float64, unit string) {
	if value > limit {
		j.find(record.Finding{Check: check, Where: where, Value: value, Limit: limit, Unit: unit})
	}
}

func (j *judge) find(f record.Finding) {
	j.audit.Verdict = record.Disturbed
	j.audit.Findings = append(j.audit.Findings, f)
}

// Units of measures.
func us(d time.Duration) float64    { return round(float64(d)/float64(time.Microsecond), 1) }
func percent(share float64) float64 { return round(100*share, 3) }
func round(v float64, digits int) float64 {
	scale := math.Pow10(digits)
	return math.Round(v*scale) / scale
}

// rateError and delayError are how far a link is from what it was given, 0 where
// that was not measured.
func rateError(m emu.Measurement) float64 {
	if m.Rate == 0 {
		return 0
	}
	return float64(m.Rate)/float64(m.Asked.Rate) - 1
}

func delayError(m emu.Measurement) time.Duration {
	switch {
	case m.Singles == 0:
		return 0
	case m.Asked.Jitter > 0:
		return outside(m)
	}
	return m.Delay - m.Asked.Delay
}

// unfit says whether a measurement is beyond a limit, or did not come about.
func unfit(m emu.Measurement) bool {
	return m.Interrupted || math.Abs(rateError(m)) > limitRate || delayError(m).Abs() > limitDelay ||
		jitterShare(m) > 1 || m.Singles == 0 && m.Asked.MeanLoss() == 0
}

// better takes the better of two measurements of each link.
func better(a, b []emu.Measurement) []emu.Measurement {
	list := slices.Clone(a)
	for i := range list {
		if unfit(list[i]) {
			list[i] = b[i]
		}
	}
	return list
}

func (j *judge) links(list []emu.Measurement) {
	if len(list) == 0 {
		return
	}

	j.measure("links-measured", float64(len(list)))
	for _, m := range list {
		if m.Interrupted {
			j.audit.Measures["links-interrupted"]++
		}

		if m.Rate > 0 {
			off := percent(rateError(m))
			j.measure("link-rate-error-percent", math.Abs(off))
			if math.Abs(off) > percent(limitRate) {
				j.find(record.Finding{Check: "link-rate", Where: m.Link, Unit: "% off",
					Value: off, Limit: math.Copysign(percent(limitRate), off)})
			}
		}

		if m.Singles == 0 {
			// With loss, a few probes can all be lost.
			if m.Asked.MeanLoss() == 0 {
				j.most("link-silent", m.Link, float64(m.Lost), 0, "frames lost")
			}
			continue
		}

		off := us(delayError(m))
		j.measure("link-delay-error-us", math.Abs(off))
		if limit := us(limitDelay); math.Abs(off) > limit {
			j.find(record.Finding{Check: "link-delay", Where: m.Link, Unit: "us off",
				Value: off, Limit: math.Copysign(limit, off)})
		}

		if share := jitterShare(m); share > 0 {
			j.measure("link-jitter-percent", percent(share))
			j.most("link-jitter", m.Link, percent(share), 100, "% of the distance that chance explains")
		}
	}
}

func (j *judge) stretches(list []Stretch) {
	var total time.Duration
	worst := map[string]float64{}
	lowest := math.Inf(1)

	for _, s := range list {
		total += s.Lasted
		if s.Lasted < max(shortestStretch, s.Rate.Time(framesInStretch*s.Frame)) {
			continue
		}

		share := s.Share()
		lowest = min(lowest, share)
		if share < limitStarved {
			if old, ok := worst[s.Link]; !ok || share < old {
				worst[s.Link] = share
			}
		}
	}

	j.measure("backlogged-s", round(total.Seconds(), 3))
	if !math.IsInf(lowest, 1) {
		j.measure("backlogged-rate-percent", percent(lowest))
	}
	for link, share := range worst {
		j.find(record.Finding{Check: "link-starved", Where: link, Unit: "% of its rate",
			Value: percent(share), Limit: percent(limitStarved)})
	}
}

func (j *judge) lines(list []Line) {
	for _, l := range list {
		for _, d := range []struct {
			name string
			delayline.DirStats
		}{{l.Link, l.AB}, {l.Link + " (back)", l.BA}} {
			j.measure("delayline-drops", float64(d.Dropped))
			j.most("delayline-drops", d.name, float64(d.Dropped), 0, "frames")
			if d.Packets == 0 {
				continue
			}
			j.measure("delayline-late-max-us", us(d.LateMax))
			j.most("delayline-late-max", d.name, us(d.LateMax), us(limitLateMax), "us")
			if d.Packets < fewestLate {
				continue
			}
			j.measure("delayline-late-p50-us", us(d.LateP50))
			j.most("delayline-late-p50", d.name, us(d.LateP50), us(limitLate), "us")
			j.measure("delayline-late-p99-us", us(d.LateP99))
			j.most("delayline-late-p99", d.name, us(d.LateP99), us(limitLateTail), "us")
		}
	}
}

func (j *judge) lags(lags []time.Duration) {
	if len(lags) == 0 {
		return
	}
	sorted := slices.Sorted(slices.Values(lags))
	at := func(q float64) time.Duration { return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)] }
	j.measure("timer-lag-p50-us", us(at(0.5)))
	j.measure("timer-lag-p95-us", us(at(0.95)))
	j.measure("timer-lag-max-us", us(at(1)))
	j.most("timer-lag-p95", "", us(at(0.95)), us(limitLag), "us")
	j.most("timer-lag-max", "", us(at(1)), us(limitLagMax), "us")
}

func (j *judge) cpu(e Evidence) {
	if e.Lasted > 0 {
		j.measure(CellCPU, percent(e.Ran.Seconds()/e.Lasted.Seconds()))
		share := percent(e.Waited.Seconds() / e.Lasted.Seconds())
		j.measure("cpu-wait-percent", share)
		j.most("cpu-wait", "", share, percent(limitWait), "% of the time")
	}

	if len(e.CPU) == 0 {
		return
	}

	var busy, steal, full float64
	for _, w := range e.CPU {
		busy += w.Busy
		steal += w.Steal
		if w.Busy >= saturated {
			full++
		}
	}

	n := float64(len(e.CPU))
	j.measure("cpu-busy-percent", percent(busy/n))
	j.measure("cpu-steal-percent", percent(steal/n))
	j.measure("cpu-saturated-percent", percent(full/n))

	if len(e.CPU) >= fewestWindows {
		j.most("cpu-saturated", "", percent(full/n), percent(limitSaturated), "% of the time")
		j.most("cpu-steal", "", percent(steal/n), percent(limitSteal), "%")
	}
}
