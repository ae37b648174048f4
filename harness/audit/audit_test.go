package audit

import (
	"math"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"edgebed/harness/emu"
	"edgebed/harness/emu/delayline"
	"edgebed/harness/record"
	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// calm is what a cell of ten seconds looks like that nothing disturbed.
func calm() Evidence {
	asked := topology.Params{Rate: 10 * units.Mbps, Delay: time.Millisecond, Queue: 1000}
	e := Evidence{Waited: 200 * time.Millisecond, Lasted: 10 * time.Second}
	for _, link := range []string{"s0-s1", "s1-s0"} {
		e.Links = append(e.Links, emu.Measurement{
			Link: link, Asked: asked, Rate: asked.Rate + 3*units.Kbps, Delay: asked.Delay + 20*time.Microsecond, Singles: 9,
		})
	}
	for range 100 {
		e.Lags = append(e.Lags, 60*time.Microsecond)
	}
	for range 20 {
		e.CPU = append(e.CPU, Window{Busy: 0.7, Steal: 0.001})
	}
	e.Stretches = []Stretch{{Link: "s0-s1", Rate: asked.Rate, Sent: asked.Rate.Per(time.Second), Lasted: time.Second, Frame: topology.Frame}}
	d := delayline.DirStats{Packets: 1000, LateP50: 2 * time.Microsecond, LateP99: 90 * time.Microsecond, LateMax: 2 * time.Millisecond}
	e.Lines = []Line{{Link: "s0-s1", LineStats: delayline.LineStats{AB: d, BA: d}}}
	return e
}

func TestJudge(t *testing.T) {
	several := func(n int, change func(i int)) {
		for i := range n {
			change(i)
		}
	}
	for _, tt := range []struct {
		name   string
		change func(*Evidence)
		// Nothing found if check is empty.
		check, where string
		value        float64
	}{
		{name: "calm", change: func(*Evidence) {}},
		{name: "nothing was seen", change: func(e *Evidence) { *e = Evidence{} }},

		{"slow link", func(e *Evidence) { e.Links[1].Rate = 9500 * units.Kbps }, "link-rate", "s1-s0", -5},
		{"fast link", func(e *Evidence) { e.Links[0].Rate = 10500 * units.Kbps }, "link-rate", "s0-s1", 5},
		{name: "rate within its limit", change: func(e *Evidence) { e.Links[0].Rate = 9850 * units.Kbps }},
		{name: "rate that could not be measured", change: func(e *Evidence) { e.Links[0].Rate = 0 }},
		{"late link", func(e *Evidence) { e.Links[0].Delay += 400 * time.Microsecond }, "link-delay", "s0-s1", 420},
		{"early link", func(e *Evidence) { e.Links[0].Delay = 0 }, "link-delay", "s0-s1", -1000},
		{name: "jitter moves the median", change: func(e *Evidence) {
			e.Links[0].Asked.Jitter, e.Links[0].Delay = 500*time.Microsecond, 1400*time.Microsecond
		}},
		{"dead link", func(e *Evidence) { e.Links[0] = emu.Measurement{Link: "s0-s1", Asked: e.Links[0].Asked, Lost: 9} }, "link-silent", "s0-s1", 9},
		{name: "link with loss", change: func(e *Evidence) {
			e.Links[0] = emu.Measurement{Link: "s0-s1", Asked: e.Links[0].Asked, Lost: 9}
			e.Links[0].Asked.Loss = 0.9
		}},

		{"starved link", func(e *Evidence) { e.Stretches[0].Sent = e.Stretches[0].Sent * 9 / 10 }, "link-starved", "s0-s1", 90.121},
		{name: "too short to tell", change: func(e *Evidence) {
			e.Stretches[0].Sent, e.Stretches[0].Lasted = 0, 20*time.Millisecond
		}},

		{"late delay line", func(e *Evidence) { e.Lines[0].BA.LateP50 = 150 * time.Microsecond }, "delayline-late-p50", "s0-s1 (back)", 150},
		{"delay line with a long tail", func(e *Evidence) { e.Lines[0].AB.LateP99 = 10 * time.Millisecond }, "delayline-late-p99", "s0-s1", 10e3},
		{name: "tail of few frames", change: func(e *Evidence) {
			e.Lines[0].AB.Packets, e.Lines[0].AB.LateP99 = 10, 8*time.Millisecond
		}},
		{"delay line that stood still", func(e *Evidence) { e.Lines[0].AB.LateMax = 300 * time.Millisecond }, "delayline-late-max", "s0-s1", 300e3},
		{"delay line that lost frames", func(e *Evidence) { e.Lines[0].AB.Dropped = 2 }, "delayline-drops", "s0-s1", 2},

		{"worker that stood still", func(e *Evidence) { e.Lags[7] = 180 * time.Millisecond }, "timer-lag-max", "", 180e3},
		{"late timers", func(e *Evidence) {
			several(10, func(i int) { e.Lags[9*i] = 8 * time.Millisecond })
		}, "timer-lag-p95", "", 8000},
		{name: "one late timer", change: func(e *Evidence) { e.Lags[50] = 8 * time.Millisecond }},

		{"saturated machine", func(e *Evidence) {
			several(15, func(i int) { e.CPU[i].Busy = 1 })
		}, "cpu-saturated", "", 75},
		{name: "short peaks of load", change: func(e *Evidence) { several(3, func(i int) { e.CPU[5*i].Busy = 1 }) }},
		{"stolen time", func(e *Evidence) { several(20, func(i int) { e.CPU[i].Steal = 0.1 }) }, "cpu-steal", "", 10},
		{"threads that wait", func(e *Evidence) { e.Waited = 8 * time.Second }, "cpu-wait", "", 80},

		{"frames lost by a port", func(e *Evidence) { e.PortDrops = []PortDrops{{"s0-host0", 3}} }, "port-drops", "s0-host0", 3},
		{name: "full queue of a link", change: func(e *Evidence) { e.QueueDrops = 40 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := calm()
			tt.change(&e)
			a := Judge(e)
			if tt.check == "" {
				if a.Verdict != record.Faithful || len(a.Findings) > 0 {
					t.Errorf("found %+v", a.Findings)
				}
				return
			}
			if a.Verdict != record.Disturbed || len(a.Findings) != 1 {
				t.Fatalf("%s with %+v, want one finding", a.Verdict, a.Findings)
			}
			f := a.Findings[0]
			if f.Check != tt.check || f.Where != tt.where || math.Abs(f.Value-tt.value) > 1e-9*math.Abs(tt.value) {
				t.Errorf("found %+v, want %s at %q with %v", f, tt.check, tt.where, tt.value)
			}
			if math.Abs(f.Value) <= math.Abs(f.Limit) && f.Check != "link-starved" || f.Unit == "" {
				t.Errorf("finding %+v does not cross its limit, or has no unit", f)
			}
		})
	}
}

// TestBacklog takes readings of a queue that sends 1 kB/s.
func TestBacklog(t *testing.T) {
	type reading struct {
		sent, backlog units.Size
		unsure        bool
	}
	const rate = 8 * units.Kbps
	for _, tt := range []struct {
		name     string
		readings []reading // one a second
		want     []Stretch
	}{
		{"idle", []reading{{}, {}, {}}, nil},
		{"always backlogged", []reading{{0, 5000, false}, {1000, 4000, false}, {2000, 3000, false}},
			[]Stretch{{"s0-s1", rate, 2000, 2 * time.Second, topology.Frame}}},
		// Some of what waited at the first reading waits at the second.
		{"backlogged, but sends nothing", []reading{{0, 100, false}, {0, 100, false}},
			[]Stretch{{"s0-s1", rate, 0, time.Second, topology.Frame}}},
		// All that waited has left: the queue may have been empty in between.
		{"may have been empty", []reading{{0, 1000, false}, {1000, 1000, false}}, nil},
		{"two stretches", []reading{{0, 2000, false}, {1000, 1000, false}, {2000, 3000, false}, {3000, 2000, false}},
			[]Stretch{{"s0-s1", rate, 1000, time.Second, topology.Frame}, {"s0-s1", rate, 1000, time.Second, topology.Frame}}},
		{"unsure reading", []reading{{0, 5000, false}, {1000, 4000, true}, {2000, 3000, false}, {3000, 2000, false}},
			[]Stretch{{"s0-s1", rate, 1000, time.Second, topology.Frame}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b backlog
			var got []Stretch
			at := time.Now()
			for _, r := range tt.readings {
				at = at.Add(time.Second)
				reading := emu.Shaper{
					Link: "s0-s1", Rate: rate, Frame: topology.Frame, Sent: r.sent, Backlog: r.backlog,
				}
				if s := b.add(reading, at, !r.unsure); s != nil {
					got = append(got, *s)
				}
			}
			if s := b.end(); s != nil {
				got = append(got, *s)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("stretches %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestParseCPU(t *testing.T) {
	const before = "cpu  100 0 100 1000 100 0 10 10 7 0\ncpu0 1 2 3\n"
	const after = "cpu  150 0 150 1050 150 0 10 60 9 0\n"
	a, err := parseCPU(before)
	if err != nil {
		t.Fatal(err)
	}
	b, err := parseCPU(after)
	if err != nil {
		t.Fatal(err)
	}
	// 250 ticks, of which 100 idle or waiting for disks, 50 stolen.
	if busy, steal := a.Busy(b), a.Steal(b); busy != 0.6 || steal != 0.2 {
		t.Errorf("busy %v, steal %v, want 0.6 and 0.2", busy, steal)
	}
	if busy := b.Busy(b); busy != 0 {
		t.Errorf("no time has passed, and %v of it was busy", busy)
	}
	for _, text := range []string{"", "intr 1 2 3 4 5 6", "cpu 1 2", "cpu 1 2 x 4 5 6"} {
		if _, err := parseCPU(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

// TestApart: what processes apart have of the processors counts for the cell, and not what they
// wait for.
func TestApart(t *testing.T) {
	spinner := exec.Command("sh", "-c", "while :; do :; done")
	if err := spinner.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = spinner.Process.Kill()
		_ = spinner.Wait() // it was killed
	}()
	pid := spinner.Process.Pid
	for began := time.Now(); scheduled(strconv.Itoa(pid)).ran < 50*time.Millisecond; time.Sleep(time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			t.Skip("the kernel does not say how long processes run")
		}
	}

	alone, both := &Sampler{}, &Sampler{apart: []string{strconv.Itoa(pid)}}
	before, with, after := alone.scheduled(), both.scheduled(), alone.scheduled()
	if with.ran-before.ran < 50*time.Millisecond {
		t.Errorf("the cell ran for %v with another process, and for %v before without", with.ran, before.ran)
	}
	if with.waited < before.waited || with.waited > after.waited {
		t.Errorf("the cell waited for %v with another process, and from %v to %v without", with.waited, before.waited, after.waited)
	}
}
