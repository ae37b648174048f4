package campaign

import (
	"bufio"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"edgebed/harness/audit"
	"edgebed/harness/job"
	"edgebed/harness/record"
	"edgebed/harness/scenario"
	"edgebed/harness/scenario/scenariotest"
)

// TestForecastRecorded: what campaigns would have said about their end, from a third on, is
// true to a quarter for campaigns that ran: the quick profiles of experiments 400 and 401 on
// 2 cores, as testdata has them. Each line is a time in seconds since the start, and
//
//	start CELL, ready CELL, execution CELL
//	end CELL VERDICT CPU    with the cell's CPU time in % of a core
//	busy CORES              a second in which no cell started or ended, with the machine's CPU time
//	wait                    any other second
func TestForecastRecorded(t *testing.T) {
	files, err := filepath.Glob("testdata/exp*.gz")
	if err != nil || len(files) == 0 {
		t.Fatal("no recorded campaigns", err)
	}
	for _, file := range files {
		experiment, _, _ := strings.Cut(filepath.Base(file), "-")
		t.Run(filepath.Base(file), func(t *testing.T) {
			plan := scenariotest.Expand(t, experiment, scenario.Selection{Profile: "quick"})
			p, err := job.Prepare(plan, scenariotest.Topology, nil)
			if err != nil {
				t.Fatal(err)
			}
			list := replay(t, p.Jobs, file)
			comesTrue(t, list, list[len(list)-1].elapsed, 0.25)
		})
	}
}

// replay lets the admission and the estimate see a recorded campaign.
func replay(t *testing.T, jobs []job.Job, name string) []told {
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}

	a := newAdmission(jobs, Options{Cores: 2, Reruns: Reruns, Expected: (*job.Job).Expected})
	began := time.Unix(0, 0)
	var e estimate
	var list []told
	say := func(now time.Time) {
		e.cost = 0 // of this machine, which is none of the recorded one's
		e.update(a, began, now)
		list = append(list, told{now.Sub(began), now.Sub(began) + e.left})
	}
	say(began)
	for scanner := bufio.NewScanner(lines); scanner.Scan(); {
		if w := strings.Fields(scanner.Text()); see(t, a, &e.pace, began, w) {
			say(began.Add(seconds(t, w[0])))
		}
	}
	return list
}

func seconds(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text + "s")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func share(t *testing.T, text string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// see takes a line of a recorded campaign, and reports whether the campaign forecasts then.
func see(t *testing.T, a *admission, p *pace, began time.Time, w []string) bool {
	now := began.Add(seconds(t, w[0]))
	at := func(list []*task) *task {
		i := slices.IndexFunc(list, func(k *task) bool { return strings.ReplaceAll(k.job.Cell.ID, " ", "_") == w[2] })
		if i < 0 {
			t.Fatalf("%v: no such cell then", w)
		}
		return list[i]
	}

	switch w[1] {
	case "wait":
		return true
	case "busy":
		a.observe(share(t, w[2]))
		return true
	case "start":
		k := a.start(slices.Index(a.waiting, at(a.waiting)))
		k.began, k.made = now, 0
		return false
	}

	k := at(a.running)
	since := now.Sub(k.moved)
	switch w[1] {
	case "ready":
		k.ready = true
		p.ready(now.Sub(k.began))
	case "execution":
		p.got(k, since)
		k.made++
	case "end":
		found := &record.Audit{
			Verdict: record.Verdict(w[3]), Measures: map[string]float64{audit.CellCPU: share(t, w[4])},
		}
		a.remove(k)
		p.ended(k, since)
		p.audited(k, found)
		a.audited(k, found)
	}
	k.moved = now
	return w[1] == "end"
}
