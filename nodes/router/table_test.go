package router

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// fakeTable returns a table whose time is the returned pointer's.
func fakeTable(policy Policy, optimizer Optimizer) (*table, *time.Time) {
	now := time.Unix(1000, 0)
	t := newTable(policy, optimizer, DefaultAlpha, 1)
	t.now = func() time.Time { return now }
	return t, &now
}

func add(t testing.TB, tab *table, dest string, weight float64) {
	t.Helper()
	if err := tab.change(Entry{Function: "f", Destination: dest, Weight: weight, Final: true}); err != nil {
		t.Fatal(err)
	}
}

// chosen returns the destination that the table chooses for f.
func chosen(tab *table) (string, bool) {
	e, ok := tab.choose("f")
	return e.Destination, ok
}

// draws counts n choices.
func draws(t testing.TB, tab *table, n int) map[string]int {
	t.Helper()
	got := make(map[string]int)
	for range n {
		dest, ok := chosen(tab)
		if !ok {
			t.Fatal("no destination")
		}
		got[dest]++
	}
	return got
}

func TestChangeRefuses(t *testing.T) {
	tab, _ := fakeTable(RoundRobin, None)
	for _, e := range []Entry{
		{Function: "f", Destination: "", Weight: 1},
		{Function: "f", Destination: "d", Weight: 0},
		{Function: "f", Destination: "d", Weight: -1},
		{Function: "f", Destination: "d", Weight: math.NaN()},
		{Function: "f", Destination: "d", Weight: math.Inf(1)},
	} {
		if err := tab.change(e); err == nil {
			t.Errorf("%+v: no error", e)
		}
	}
	if _, ok := chosen(tab); ok {
		t.Error("a refused entry is in the table")
	}
}

func TestRemoveAndFlush(t *testing.T) {
	tab, _ := fakeTable(RoundRobin, None)
	add(t, tab, "a", 1)
	add(t, tab, "b", 1)
	if !tab.remove("f", "a") || tab.remove("f", "a") || tab.remove("g", "b") {
		t.Error("remove must tell whether the destination was there")
	}
	if got := draws(t, tab, 4); got["b"] != 4 {
		t.Errorf("choices after removal: %v", got)
	}
	tab.flush()
	if len(tab.list()) != 0 {
		t.Errorf("after flush: %v", tab.list())
	}
}

// TestWithdraw: an entry that was set again after it was chosen stays.
func TestWithdraw(t *testing.T) {
	tab, _ := fakeTable(RoundRobin, None)
	set := func(installed uint64) {
		if err := tab.change(Entry{Function: "f", Destination: "a", Weight: 1, installed: installed}); err != nil {
			t.Fatal(err)
		}
	}
	set(1)
	before, _ := tab.choose("f")
	set(2)
	if tab.withdraw(before) || len(tab.list()) != 1 {
		t.Errorf("the failure of an entry that was replaced left %+v", tab.list())
	}
	after, _ := tab.choose("f")
	if !tab.withdraw(after) || len(tab.list()) != 0 {
		t.Errorf("the failure of the entry itself left %+v", tab.list())
	}
}

func TestLeastImpedance(t *testing.T) {
	tab, _ := fakeTable(LeastImpedance, None)
	add(t, tab, "a", 3)
	add(t, tab, "b", 2)
	add(t, tab, "c", 2.5)
	if got := draws(t, tab, 10); got["b"] != 10 {
		t.Errorf("choices %v, want b always", got)
	}
}

// TestRandom checks the proportion to 1/weight within five standard deviations.
func TestRandom(t *testing.T) {
	tab, _ := fakeTable(Random, None)
	add(t, tab, "a", 1)
	add(t, tab, "b", 3)
	const n = 10000
	got := draws(t, tab, n)
	p := 0.75
	if d := math.Abs(float64(got["a"]) - p*n); d > 5*math.Sqrt(n*p*(1-p)) {
		t.Errorf("a was chosen %d times of %d, want about %v", got["a"], n, p*n)
	}
}

func TestRoundRobinEqual(t *testing.T) {
	tab, _ := fakeTable(RoundRobin, None)
	// Whatever the order of the announcements, the order of visits is one.
	for _, d := range []string{"c", "a", "b"} {
		add(t, tab, d, 1)
	}
	var order []string
	for range 6 {
		d, _ := chosen(tab)
		order = append(order, d)
	}
	if want := []string{"a", "b", "c", "a", "b", "c"}; !slices.Equal(order, want) {
		t.Errorf("visits %v, want %v", order, want)
	}
}

// TestRoundRobinWeighted: within the active set, choices are in proportion to
// 1/weight; a destination heavier than twice the lightest is out.
func TestRoundRobinWeighted(t *testing.T) {
	tab, now := fakeTable(RoundRobin, Async)
	for _, d := range []string{"a", "b", "c"} {
		add(t, tab, d, 1)
	}
	*now = now.Add(time.Millisecond)
	tab.measure("f", "a", 10*time.Millisecond)
	tab.measure("f", "b", 20*time.Millisecond)
	tab.measure("f", "c", 21*time.Millisecond)
	got := draws(t, tab, 300)
	if got["c"] != 0 {
		t.Errorf("c is more than twice as slow as a and was chosen %d times", got["c"])
	}
	if got["a"] < 198 || got["a"] > 202 {
		t.Errorf("choices %v, want twice as many a as b", got)
	}
}

// TestRoundRobinProbe: a slow destination is probed after 1 s, then after 2 s,
// 4 s and so on up to 30 s, and comes back when it became fast.
func TestRoundRobinProbe(t *testing.T) {
	tab, now := fakeTable(RoundRobin, Async)
	add(t, tab, "a", 1)
	add(t, tab, "b", 1)
	tab.measure("f", "a", 10*time.Millisecond)
	tab.measure("f", "b", 100*time.Millisecond)
	begin, last := *now, *now
	var gaps []time.Duration
	for len(gaps) < 7 {
		*now = now.Add(100 * time.Millisecond)
		if now.Sub(begin) > time.Hour {
			t.Fatalf("only %d probes in an hour: %v", len(gaps), gaps)
		}
		if d, _ := chosen(tab); d == "b" {
			gaps = append(gaps, now.Sub(last))
			last = *now
			tab.measure("f", "b", 100*time.Millisecond)
		} else {
			tab.measure("f", "a", 10*time.Millisecond)
		}
	}
	var want []time.Duration
	for _, s := range []int{1, 2, 4, 8, 16, 30, 30} {
		want = append(want, time.Duration(s)*time.Second)
	}
	if !slices.Equal(gaps, want) {
		t.Errorf("probes after %v, want %v", gaps, want)
	}
	// The next probe finds it fast (after a gap, a sample replaces the weight).
	*now = now.Add(31 * time.Second)
	if d, _ := chosen(tab); d != "b" {
		t.Fatalf("no probe after the stale period, but %s", d)
	}
	tab.measure("f", "b", 10*time.Millisecond)
	tab.measure("f", "a", 10*time.Millisecond)
	if got := draws(t, tab, 10); got["b"] != 5 {
		t.Errorf("choices after recovery %v, want halves", got)
	}
}

func TestProportionalFairness(t *testing.T) {
	tab, now := fakeTable(ProportionalFairness, None)
	add(t, tab, "a", 1)
	add(t, tab, "b", 1)
	got := make(map[string]int)
	for range 100 {
		*now = now.Add(time.Millisecond)
		d, _ := chosen(tab)
		got[d]++
	}
	if got["a"] < 45 || got["b"] < 45 {
		t.Errorf("choices %v, want about halves", got)
	}
}

// TestAsyncOptimizer follows the prototype's formula: alpha weighs the old
// value, the first sample and one after 5 s replace it.
func TestAsyncOptimizer(t *testing.T) {
	tab, now := fakeTable(RoundRobin, Async)
	add(t, tab, "a", 1)
	for _, step := range []struct {
		after  time.Duration
		sample time.Duration
		want   float64
	}{
		{0, 200 * time.Millisecond, 0.2},
		{time.Second, 100 * time.Millisecond, 0.05*0.1 + 0.95*0.2},
		{4999 * time.Millisecond, 100 * time.Millisecond, 0.05*0.1 + 0.95*0.195},
		{5 * time.Second, 100 * time.Millisecond, 0.1},
	} {
		*now = now.Add(step.after)
		tab.measure("f", "a", step.sample)
		if got := tab.list()[0].Weight; math.Abs(got-step.want) > 1e-12 {
			t.Errorf("after %v: weight %v, want %v", step.after, got, step.want)
		}
	}
	tab.measure("f", "gone", time.Second)
	if len(tab.list()) != 1 {
		t.Error("measuring a removed destination brought it back")
	}
	fixed, _ := fakeTable(RoundRobin, None)
	add(t, fixed, "a", 1)
	fixed.measure("f", "a", time.Second/2)
	if got := fixed.list()[0].Weight; got != 1 {
		t.Errorf("optimizer none changed the weight to %v", got)
	}
}

// TestTableAlwaysChooses: whatever happens to a table, it gives one of its
// destinations exactly when it has any.
func TestTableAlwaysChooses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy := rapid.SampledFrom(Policies).Draw(t, "policy")
		now := time.Unix(1000, 0)
		tab := newTable(policy, Async, DefaultAlpha, 1)
		tab.now = func() time.Time { return now }
		have := make(map[string]bool)
		dest := rapid.SampledFrom([]string{"a", "b", "c", "d"})
		t.Repeat(map[string]func(*rapid.T){
			"change": func(t *rapid.T) {
				d := dest.Draw(t, "dest")
				if err := tab.change(Entry{Function: "f", Destination: d, Weight: rapid.Float64Range(1e-6, 1e6).Draw(t, "weight")}); err != nil {
					t.Fatal(err)
				}
				have[d] = true
			},
			"remove": func(t *rapid.T) {
				d := dest.Draw(t, "dest")
				if tab.remove("f", d) != have[d] {
					t.Fatalf("remove %s: was there: %t", d, have[d])
				}
				delete(have, d)
			},
			"measure": func(t *rapid.T) {
				tab.measure("f", dest.Draw(t, "dest"), time.Duration(rapid.Int64Range(0, 1e10).Draw(t, "d")))
			},
			"wait": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.Int64Range(0, 1e11).Draw(t, "d")))
			},
			"": func(t *rapid.T) {
				d, ok := chosen(tab)
				if ok != (len(have) > 0) || (ok && !have[d]) {
					t.Fatalf("chose %q, %t among %v", d, ok, have)
				}
				for _, e := range tab.list() {
					if !(e.Weight > 0) {
						t.Fatalf("weight %v", e.Weight)
					}
				}
			},
		})
	})
}
