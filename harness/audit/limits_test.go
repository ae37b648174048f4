package audit

import (
	"context"
	"errors"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"edgebed/harness/emu"
	"edgebed/harness/record"
	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// TestAtTheLimit takes evidence that is exactly at a limit, which passes, and just beyond.
func TestAtTheLimit(t *testing.T) {
	link := func(change func(*emu.Measurement)) func(*Evidence) {
		return func(e *Evidence) { change(&e.Links[0]) }
	}
	for name, tt := range map[string]struct {
		at, beyond func(*Evidence)
		check      string
	}{
		"rate above": {
			link(func(m *emu.Measurement) { m.Rate = 10_200 * units.Kbps }),
			link(func(m *emu.Measurement) { m.Rate = 10_201 * units.Kbps }), "link-rate",
		},
		"rate below": {
			link(func(m *emu.Measurement) { m.Rate = 9800 * units.Kbps }),
			link(func(m *emu.Measurement) { m.Rate = 9799 * units.Kbps }), "link-rate",
		},
		"delay": {
			link(func(m *emu.Measurement) { m.Delay = m.Asked.Delay + limitDelay }),
			link(func(m *emu.Measurement) { m.Delay = m.Asked.Delay + limitDelay + time.Microsecond }), "link-delay",
		},
		"short stretches": {
			func(e *Evidence) { e.Stretches = []Stretch{starved(shortestStretch-1, 100*units.Mbps)} },
			func(e *Evidence) { e.Stretches = []Stretch{starved(shortestStretch, 100*units.Mbps)} }, "link-starved",
		},
		"stretches of few frames": {
			func(e *Evidence) { e.Stretches = []Stretch{starved(twenty(10*units.Kbps)-1, 10*units.Kbps)} },
			func(e *Evidence) { e.Stretches = []Stretch{starved(twenty(10*units.Kbps), 10*units.Kbps)} }, "link-starved",
		},
		"share of a stretch": {
			func(e *Evidence) { e.Stretches = []Stretch{sending(98)} },
			func(e *Evidence) { e.Stretches = []Stretch{sending(98)}; e.Stretches[0].Sent-- }, "link-starved",
		},
		"frames of a delay line": {
			func(e *Evidence) { e.Lines[0].AB.Packets, e.Lines[0].AB.LateP50 = fewestLate-1, time.Second },
			func(e *Evidence) { e.Lines[0].AB.Packets, e.Lines[0].AB.LateP50 = fewestLate, time.Second },
			"delayline-late-p50",
		},
		"a window that is full": {
			func(e *Evidence) { windows(e, 20, Window{Busy: saturated - 1e-9}) },
			func(e *Evidence) { windows(e, 20, Window{Busy: saturated}) }, "cpu-saturated",
		},
		"windows that are full": {
			func(e *Evidence) { windows(e, 10, Window{Busy: 1}) },
			func(e *Evidence) { windows(e, 11, Window{Busy: 1}) }, "cpu-saturated",
		},
		"number of windows": {
			func(e *Evidence) { e.CPU = nil; windows(e, fewestWindows-1, Window{Busy: 1}) },
			func(e *Evidence) { e.CPU = nil; windows(e, fewestWindows, Window{Busy: 1}) }, "cpu-saturated",
		},
		"waiting": {
			func(e *Evidence) { e.Waited = e.Lasted / 2 },
			func(e *Evidence) { e.Waited = e.Lasted/2 + time.Millisecond }, "cpu-wait",
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, side := range []struct {
				name   string
				change func(*Evidence)
				want   int
			}{{"at the limit", tt.at, 0}, {"beyond", tt.beyond, 1}} {
				e := calm()
				side.change(&e)
				if found := find(Judge(e), tt.check); len(found) != side.want {
					t.Errorf("%s: found %+v, want %d", side.name, found, side.want)
				}
			}
		})
	}
}

// windows puts windows before those that there are, up to twenty.
func windows(e *Evidence, n int, w Window) {
	e.CPU = append(slices.Repeat([]Window{w}, n), e.CPU...)
	e.CPU = e.CPU[:min(len(e.CPU), 20)]
}

func starved(lasted time.Duration, rate units.Rate) Stretch {
	return Stretch{Link: "s0-s1", Rate: rate, Lasted: lasted, Frame: topology.Frame}
}

// sending is a stretch of a second in which so many percent of what a rate allows were sent, with
// the frame more that there may be.
func sending(percent units.Size) Stretch {
	s := starved(time.Second, 10*units.Mbps)
	s.Sent = s.Rate.Per(s.Lasted)/100*percent - s.Frame
	return s
}

// twenty is how long twenty full frames take.
func twenty(rate units.Rate) time.Duration { return rate.Time(20 * topology.Frame) }

// TestMeasures checks the numbers beside a verdict.
func TestMeasures(t *testing.T) {
	e := calm()
	e.Ran = 2 * time.Second
	e.Links[1].Interrupted = true
	windows(&e, 5, Window{Busy: 0.99, Steal: 0.003})
	a := Judge(e)
	for name, want := range map[string]float64{
		CellCPU: 20, "cpu-wait-percent": 2, "cpu-busy-percent": (5*99 + 15*70) / 20.0, "cpu-steal-percent": 0.15,
		"cpu-saturated-percent": 25, "links-measured": 2, "links-interrupted": 1, "link-rate-error-percent": 0.03,
		"link-delay-error-us": 20, "timer-lag-max-us": 60, "backlogged-s": 1, "queue-drops": 0,
	} {
		if got, ok := a.Measures[name]; !ok || math.Abs(got-want) > 1e-9 {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if _, ok := a.Measures["link-jitter-percent"]; ok {
		t.Error("links without jitter have a measure of it")
	}

	// What was not seen is not measured.
	if got := Judge(Evidence{}).Measures; !maps.Equal(got, map[string]float64{"queue-drops": 0, "backlogged-s": 0}) {
		t.Errorf("of nothing it measures %v", got)
	}
	unmeasured := Judge(Evidence{Links: []emu.Measurement{{Singles: 9, Asked: topology.Params{Rate: units.Mbps}}}})
	if rate, ok := unmeasured.Measures["link-rate-error-percent"]; ok {
		t.Errorf("a rate that was not measured is %v %% off", rate)
	}

	j := &judge{audit: &record.Audit{Measures: map[string]float64{}}}
	for _, step := range []struct{ value, want float64 }{{-1, -1}, {3, 3}, {1, 3}, {5, 5}} {
		j.measure("x", step.value)
		if got, ok := j.audit.Measures["x"]; !ok || got != step.want {
			t.Errorf("after %v the largest is %v, want %v", step.value, got, step.want)
		}
	}
}

// TestWorstStretch: of a link's stretches the worst one counts, whatever their order.
func TestWorstStretch(t *testing.T) {
	var e Evidence
	for _, share := range []float64{0.9, 0.5, 0.7} {
		s := starved(10*time.Second, 10*units.Mbps)
		s.Sent = units.Size(share * float64(s.Rate.Per(s.Lasted)))
		e.Stretches = append(e.Stretches, s)
	}
	a := Judge(e)
	if len(a.Findings) != 1 || math.Abs(a.Findings[0].Value-50) > 0.1 ||
		math.Abs(a.Measures["backlogged-rate-percent"]-50) > 0.1 {
		t.Errorf("found %+v, measures %v", a.Findings, a.Measures)
	}
}

// TestBacklogEnds: what a queue's discipline takes may have emptied it, and a queue whose
// rate changes, or which has none, has no stretch.
func TestBacklogEnds(t *testing.T) {
	at := time.Now()
	for name, tt := range map[string]struct {
		first, second emu.Shaper
		goesOn        bool
	}{
		"few were taken": {
			emu.Shaper{Rate: units.Mbps, Backlog: 50_000, Drops: 10, HeadDrops: true},
			emu.Shaper{Rate: units.Mbps, Sent: 1000, Backlog: 20_000, Drops: 12, HeadDrops: true}, true,
		},
		"many were taken": {
			emu.Shaper{Rate: units.Mbps, Backlog: 15_000, Drops: 10, HeadDrops: true},
			emu.Shaper{Rate: units.Mbps, Sent: 1000, Backlog: 1000, Drops: 12, HeadDrops: true}, false,
		},
		"dropped on arrival": {
			emu.Shaper{Rate: units.Mbps, Backlog: 15_000, Drops: 10},
			emu.Shaper{Rate: units.Mbps, Sent: 1000, Backlog: 15_000, Drops: 90}, true,
		},
		"unshaped":     {emu.Shaper{Backlog: 15_000}, emu.Shaper{Sent: 1000, Backlog: 15_000}, false},
		"another rate": {emu.Shaper{Rate: units.Mbps, Backlog: 15_000}, emu.Shaper{Rate: 2 * units.Mbps, Backlog: 15_000}, false},
	} {
		var b backlog
		b.add(tt.first, at, true)
		b.add(tt.second, at.Add(time.Second), true)
		if goesOn := b.end() != nil; goesOn != tt.goesOn {
			t.Errorf("%s: there is a stretch: %v", name, goesOn)
		}
	}
}

func TestSchedule(t *testing.T) {
	a, b := schedule{ran: 5, waited: 7}, schedule{ran: 3, waited: 2}
	if got := a.add(b); got != (schedule{8, 9}) {
		t.Errorf("the sum is %v", got)
	}
	if got := a.since(b); got != (schedule{2, 5}) {
		t.Errorf("the difference is %v", got)
	}
	if got := b.since(a); got != (schedule{}) {
		t.Errorf("threads that have ended make it %v", got)
	}

	for end := time.Now().Add(20 * time.Millisecond); time.Now().Before(end); {
		continue // runs
	}
	self := scheduled("self")
	if self.ran < 5*time.Millisecond {
		t.Skipf("the kernel says that this process ran for %v", self.ran)
	}
	if with := (&Sampler{relay: "self"}).scheduled(); with.ran < 2*self.ran*9/10 {
		t.Errorf("with a delay line that ran for %v it is %v", self.ran, with.ran)
	}
	if got := scheduled("0"); got != (schedule{}) {
		t.Errorf("no process ran for %v", got)
	}
}

func TestShortCPULine(t *testing.T) {
	if c, err := parseCPU("cpu 1 2 3 4 5\n"); err != nil || c.total != 15 || c.busy != 6 || c.steal != 0 {
		t.Errorf("of an old kernel's five numbers: %+v, %v", c, err)
	}
}

// jittery is a measurement with so many delays.
func jittery(order topology.JitterOrder, gap time.Duration, delays ...time.Duration) emu.Measurement {
	return emu.Measurement{
		Gap: gap, Delays: delays, Singles: len(delays),
		Asked: topology.Params{Delay: 20 * time.Millisecond, Jitter: 10 * time.Millisecond, JitterOrder: order},
	}
}

// TestOutside: a tenth of the delays at either end may be outside.
func TestOutside(t *testing.T) {
	const low, high = 10 * time.Millisecond, 30 * time.Millisecond
	spread := func(early, late int, by time.Duration) []time.Duration {
		list := slices.Repeat([]time.Duration{20 * time.Millisecond}, 40)
		for i := range early {
			list[i] = low - by
		}
		for i := range late {
			list[len(list)-1-i] = high + by
		}
		return list
	}
	for name, tt := range map[string]struct {
		delays []time.Duration
		want   time.Duration
	}{
		"none":            {nil, 0},
		"inside":          {spread(0, 0, 0), 0},
		"a tenth is late": {spread(0, 4, time.Millisecond), 0},
		"more are late":   {spread(0, 5, time.Millisecond), time.Millisecond},
		"a tenth, early":  {spread(4, 0, time.Millisecond), 0},
		"more, early":     {spread(5, 0, time.Millisecond), -time.Millisecond},
		"early, and at the end": {append(spread(5, 0, time.Millisecond)[:35],
			slices.Repeat([]time.Duration{high}, 5)...), -time.Millisecond},
	} {
		if got := outside(jittery("", 0, tt.delays...)); got != tt.want {
			t.Errorf("%s: %v outside, want %v", name, got, tt.want)
		}
	}
}

// TestDistance computes distances of distributions by hand.
func TestDistance(t *testing.T) {
	const low, high = 10 * time.Millisecond, 30 * time.Millisecond
	chance := func(n float64) float64 { return math.Sqrt(math.Log(2/limitJitter) / (2 * n)) }
	all := func(d time.Duration, n int) []time.Duration { return slices.Repeat([]time.Duration{d}, n) }
	for name, tt := range map[string]struct {
		m    emu.Measurement
		want float64
	}{
		"all too early":  {jittery(topology.Reorder, 0, all(low-limitDelay, 10)...), 1 / chance(10)},
		"all too late":   {jittery(topology.Reorder, 0, all(high+limitDelay, 10)...), 1 / chance(10)},
		"half and half":  {jittery(topology.Reorder, 0, append(all(low, 5), all(high+limitDelay, 5)...)...), 0.5 / chance(10)},
		"few":            {jittery(topology.Reorder, 0, all(high+limitDelay, fewestDelays-1)...), 0},
		"just enough":    {jittery(topology.Reorder, 0, all(high+limitDelay, fewestDelays)...), 1 / chance(fewestDelays)},
		"close together": {jittery(topology.FIFO, 10*time.Millisecond, all(high+limitDelay, 16)...), 1 / chance(8)},
		"too close":      {jittery(topology.FIFO, 9*time.Millisecond, all(high+limitDelay, 16)...), 0},
		"far apart":      {jittery(topology.FIFO, 90*time.Millisecond, all(high+limitDelay, 16)...), 1 / chance(16)},
	} {
		if got := jitterShare(tt.m); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%s: %v of what chance explains, want %v", name, got, tt.want)
		}
	}
	still := jittery(topology.Reorder, 0, all(high, 40)...)
	still.Asked.Jitter = 0
	if got := jitterShare(still); got != 0 {
		t.Errorf("a link without jitter is off by %v", got)
	}

	for _, tt := range []struct {
		m    emu.Measurement
		want float64
	}{
		{jittery(topology.Reorder, 5*time.Millisecond), 0.5},
		{jittery(topology.FIFO, 0), 0.5},
		{jittery(topology.FIFO, 5*time.Millisecond), 0.5 * 0.75},
		{jittery(topology.FIFO, 10*time.Millisecond), 0.5},
	} {
		if got := spread(tt.m, tt.m.Asked.Delay); math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("gap %v, order %q: probability %v, want %v", tt.m.Gap, tt.m.Asked.JitterOrder, got, tt.want)
		}
	}
}

// TestMeasureAgain measures links that seem unfit up to three times, and no others.
func TestMeasureAgain(t *testing.T) {
	fit := emu.Measurement{Singles: 9}
	unfit := emu.Measurement{Singles: 9, Interrupted: true}
	broken := errors.New("no network")
	for name, tt := range map[string]struct {
		list []emu.Measurement
		err  error // of the second
		want int
	}{
		"fit":           {list: []emu.Measurement{fit}, want: 1},
		"fit at second": {list: []emu.Measurement{unfit, fit}, want: 2},
		"never fit":     {list: []emu.Measurement{unfit, unfit, unfit}, want: measureTries},
		"an error":      {list: []emu.Measurement{unfit}, err: broken, want: 2},
	} {
		times := 0
		links, err := measure(t.Context(), func(context.Context) ([]emu.Measurement, error) {
			times++
			if times > 1 && tt.err != nil {
				return nil, tt.err
			}
			return tt.list[times-1 : times], nil
		})
		if times != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s: measured %d times, error %v, want %d", name, times, err, tt.want)
		}
		if last := tt.list[len(tt.list)-1].Interrupted; err == nil && (len(links) != 1 || links[0].Interrupted != last) {
			t.Errorf("%s: %+v counts", name, links)
		}
	}
}

// TestSamples takes samples by hand: each fifth ends a window of the processor's time, and
// none is taken after an error or the end.
func TestSamples(t *testing.T) {
	s := &Sampler{}
	for k := 1; k <= 2*cpuEvery; k++ {
		if !s.sample() || len(s.evidence.CPU) != k/cpuEvery {
			t.Fatalf("after %d looks there are %d windows, %v", k, len(s.evidence.CPU), s.err)
		}
	}
	s.err = errors.New("no counters")
	if s.sample() {
		t.Error("it goes on after an error")
	}
	if (&Sampler{stopped: true}).sample() {
		t.Error("it goes on after its end")
	}

	for lag, want := range map[time.Duration]time.Duration{
		0: lagPeriod, lagPeriod - 1: lagPeriod, lagPeriod: 2 * lagPeriod, 250 * time.Millisecond: 3 * lagPeriod,
	} {
		if got := untilNext(lag); got != want {
			t.Errorf("after a lag of %v the next timer is %v later, want %v", lag, got, want)
		}
	}
	begin := time.Now()
	sleepUntil(begin.Add(3 * time.Millisecond))
	if slept := time.Since(begin); slept < 3*time.Millisecond {
		t.Errorf("it slept for %v", slept)
	}
}

// TestReadingTimes: a reading's time is in the middle of it, and one that took long ends
// a stretch.
func TestReadingTimes(t *testing.T) {
	s := &Sampler{backlogs: make([]backlog, 1)}
	begin := time.Now()
	queue := func(sent units.Size) []emu.Shaper {
		return []emu.Shaper{{Link: "s0-s1", Rate: units.Mbps, Sent: sent, Backlog: 100_000}}
	}
	s.note(queue(0), begin, 0)
	s.note(queue(10_000), begin.Add(time.Second), slowLook-2)
	if len(s.evidence.Stretches) != 0 {
		t.Fatalf("a stretch has ended: %+v", s.evidence.Stretches)
	}
	s.note(queue(20_000), begin.Add(2*time.Second), slowLook)
	if len(s.evidence.Stretches) != 1 || s.evidence.Stretches[0].Lasted != time.Second+slowLook/2-1 {
		t.Errorf("stretches %+v, want one of a second", s.evidence.Stretches)
	}
}

// TestSeen takes the evidence of an idle network.
func TestSeen(t *testing.T) {
	model := &topology.Topology{
		Version: 1, Name: "two", Subnet: topology.DefaultSubnet(), Switches: []string{"s0", "s1"},
		Links: []topology.LinkSpec{{Between: [2]string{"s0", "s1"}}},
		Hosts: []topology.HostSpec{{Name: "a", Address: netip.MustParseAddr("10.1.0.1"), Switch: "s0"}},
	}
	n, err := emu.Build(t.Context(), model, emu.Options{LiveDelay: true, Delay: emu.DelayLine})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	s, err := Start(t.Context(), n, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.backlogs[0].stretch = Stretch{Link: "s0-s1", Lasted: time.Second}
	time.Sleep(2 * lagPeriod)

	if e, err := s.Evidence(t.Context()); err != nil || len(e.Stretches) != 0 {
		t.Errorf("so far %+v, %v", e.Stretches, err)
	}
	e, err := s.Stop(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Links) != 2 || len(e.Lags) == 0 || len(e.Lines) != 1 || e.Lines[0].Link != "s0-s1" || len(e.Stretches) != 1 {
		t.Errorf("the evidence is %+v", e)
	}
	if len(e.PortDrops) != 0 || e.QueueDrops != 0 || e.Lasted < 2*lagPeriod || e.Ran <= 0 && scheduled("self").ran > 0 {
		t.Errorf("%+v dropped, %d in queues, lasted %v, ran %v", e.PortDrops, e.QueueDrops, e.Lasted, e.Ran)
	}
	if s.shaped || s.relay == "" {
		t.Errorf("a link without rate is shaped: %v; the delay line is process %q", s.shaped, s.relay)
	}
	s.err = errors.New("no counters")
	if _, err := s.Evidence(t.Context()); err == nil || !strings.Contains(err.Error(), "no counters") {
		t.Errorf("after an error: %v", err)
	}
}
