package campaign

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"edgebed/harness/job"
	"edgebed/harness/record"
)

// setUp is how far apart cells start, one network being built at a time: 1.2 to 1.4 s
// at the median in the quick profile of experiment 400 on 2 cores. A third of it is
// work, the rest is waiting for a processor.
const setUp = 1200 * time.Millisecond

// Expected returns how long the jobs take under the admission policy of a campaign
// with the given options, Cores among them, if every cell is faithful.
func Expected(jobs []job.Job, o Options) time.Duration {
	if o.Expected == nil {
		o.Expected = (*job.Job).Expected
	}
	o.Reruns = 0 // a faithful cell runs once
	a := newAdmission(jobs, o)

	return a.forecast(&pace{}, time.Time{})
}

// fade is the weight that what was seen keeps when something new is: the last twenty
// executions count most, so that a machine that becomes busy is noticed. fadeAudits is
// the same for verdicts.
const (
	fade       = 0.95
	fadeAudits = 0.96
)

// someDisturbed is the share of cells that are disturbed at their first attempt, until it
// is known: 4 % in the quick profile of experiment 400, 10 % in that of 401.
const someDisturbed = 0.08

// tally sums what took how long, and what was expected, in seconds.
type tally struct{ took, expected float64 }

func (t *tally) add(took, expected float64) {
	t.took = fade*t.took + took
	t.expected = fade*t.expected + expected
}

// pace is what the cells that have ended say about the time that others take. The
// zero pace has seen none, and believes the expected times.
type pace struct {
	setUps, ends, all tally
	kinds             map[string]*tally
	// first are the verdicts on first attempts at cells, later those on others,
	// which have fewer neighbours.
	first, later verdicts
}

// verdicts counts audited attempts, and those of them that were disturbed.
type verdicts struct{ audited, disturbed float64 }

func (v *verdicts) add(found record.Verdict) {
	v.audited = fadeAudits*v.audited + 1
	v.disturbed *= fadeAudits
	if found == record.Disturbed {
		v.disturbed++
	}
}

// share is the part of attempts that an audit will call disturbed, believed to be
// prior before any was audited.
func (v *verdicts) share(prior float64) float64 {
	const weight = 5 // of the belief, in attempts
	return (v.disturbed + weight*prior) / (v.audited + weight)
}

// ready learns from a cell whose network was built.
func (p *pace) ready(took time.Duration) { p.setUps.add(took.Seconds(), setUp.Seconds()) }

// got learns that a cell took so long to make one of its executions.
func (p *pace) got(t *task, took time.Duration) {
	if p.kinds == nil {
		p.kinds = map[string]*tally{}
	}
	if p.kinds[t.kind] == nil {
		p.kinds[t.kind] = &tally{}
	}
	expected := running(t).Seconds() / float64(max(1, t.job.Left()))
	// A kind is compared with all others at the time, which tells what it is like
	// from what the machine was like.
	p.kinds[t.kind].add(took.Seconds(), expected*p.machine(t))
	p.all.add(took.Seconds(), expected)
}

// ended learns that a cell took so long to end after its last execution.
func (p *pace) ended(t *task, took time.Duration) { p.ends.add(took.Seconds(), t.ending.Seconds()) }

// audited learns from the verdict on an attempt at a cell, before the admission does.
func (p *pace) audited(t *task, found *record.Audit) {
	switch {
	case found == nil:
	case t.disturbed == 0:
		p.first.add(found.Verdict)
	default:
		p.later.add(found.Verdict)
	}
}

// running is how long a cell is expected to take for its executions.
func running(t *task) time.Duration { return max(t.expected-t.setUp-t.ending, 0) }

// building is how long the cell takes to build its network.
func (p *pace) building(t *task) time.Duration {
	return p.setUps.scale(t.setUp)
}

// ending is how long a cell takes to end.
func (p *pace) ending(t *task) time.Duration { return p.ends.scale(t.ending) }

// scale returns how long takes what was expected to take as long as given.
func (t *tally) scale(expected time.Duration) time.Duration {
	if expected == 0 {
		return 0
	}
	const before = 2 // cells as expected, that no measurement is alone
	e := expected.Seconds()
	return time.Duration((t.took + before*e) / (t.expected + before*e) * float64(expected))
}

// lasts is how long a cell takes once its network is built.
func (p *pace) lasts(t *task) time.Duration {
	return time.Duration(p.factor(t)*float64(running(t))) + p.ending(t)
}

// machine is how much longer than expected all cells take at present; before the
// first, as expected. t gives the scale.
func (p *pace) machine(t *task) float64 {
	e := max(running(t).Seconds(), 0.1) / 8
	return (p.all.took + e) / (p.all.expected + e)
}

// factor is how much longer than expected cells of t's kind take at present.
func (p *pace) factor(t *task) float64 {
	all := p.machine(t)
	own := p.kinds[t.kind]
	if own == nil {
		return all
	}
	e := max(running(t).Seconds(), 0.1) / 2
	return all * (own.took + e*all) / (own.expected + e*all)
}

// left is how long a cell that is running still takes, at the given time.
func (p *pace) left(t *task, now time.Time) time.Duration {
	if !t.ready {
		return max(0, p.building(t)-now.Sub(t.began))
	}
	whole := p.factor(t) * float64(running(t))
	share := 1 - float64(t.made)/float64(max(1, t.job.Left()))
	return max(0, time.Duration(share*whole)+p.ending(t)-now.Sub(t.moved))
}

// forecast returns how long it takes from now until all cells have ended, at the
// given pace: it plays the rest of the campaign through under the same policy.
func (a *admission) forecast(p *pace, now time.Time) time.Duration {
	a = a.clone()

	// Faithful cells raise the budget until one is disturbed: played through, it would
	// rise further than it ever does.
	a.budget = a.usual

	var at time.Duration // from now
	due := map[*task]time.Duration{}
	for _, t := range a.running {
		due[t] = p.left(t, now)
	}
	// Disturbed attempts that have not come yet. Attempts at cells that were
	// disturbed come last, so that at first nothing is known of them, but that
	// they have fewer neighbours.
	var first, later float64
	often := 0.0
	if !a.exact {
		often = p.first.share(someDisturbed)
	}
	for {
		for t := a.next(); t != nil; t = a.next() {
			due[t] = at + p.building(t)
		}
		if len(a.running) == 0 {
			return at
		}
		t := slices.MinFunc(a.running, func(x, y *task) int { return cmp.Compare(due[x], due[y]) })
		at = max(at, due[t])
		if !t.ready {
			t.ready = true
			due[t] = at + p.lasts(t)
			continue
		}

		// As often as it happened, a cell runs again.
		debt, share := &first, often
		if t.disturbed > 0 {
			debt, share = &later, p.later.share(often*3/4)
		}
		verdict := record.Faithful
		if *debt += share; *debt >= 1 {
			*debt--
			verdict = record.Disturbed
		}
		a.remove(t)
		a.audited(t, &record.Audit{Verdict: verdict})
		a.budget = a.usual
	}
}

// clone returns a copy that can be played through.
func (a *admission) clone() *admission {
	c := *a
	c.scales = maps.Clone(a.scales)
	tasks := func(list []*task) []*task {
		copies := make([]*task, len(list))
		for i, t := range list {
			copied := *t
			copies[i] = &copied
		}
		return copies
	}
	c.waiting, c.running = tasks(a.waiting), tasks(a.running)
	return &c
}

// forecastShare bounds the time that forecasts of campaigns with very many cells
// may take.
const forecastShare = 0.01

// smoothing is the part of a campaign's time over which forecasts are averaged: which
// cell the policy would start next, and which would run again, moves each by much.
const smoothing = 0.05

// estimate is what a campaign says about its end.
type estimate struct {
	pace pace
	// left is the forecast that was made at a time, which took cost.
	left time.Duration
	at   time.Time
	cost time.Duration
}

// update says anew how long the rest of a campaign takes that started at a time.
func (e *estimate) update(a *admission, started, now time.Time) {
	since := now.Sub(e.at)
	over := len(a.running)+len(a.waiting) == 0
	if !over && e.cost > time.Duration(forecastShare*float64(since)) {
		return
	}
	begin := time.Now()
	left := a.forecast(&e.pace, now)
	e.cost = time.Since(begin)

	if before := e.left - since; !e.at.IsZero() && left > 0 {
		whole := max(now.Sub(started)+left, time.Second)
		weight := 1 - math.Exp(-since.Seconds()/(smoothing*whole.Seconds()))
		left = max(0, before+time.Duration(weight*float64(left-before)))
	}
	e.left, e.at = left, now
}
