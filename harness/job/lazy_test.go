package job

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"
	"time"

	"edgebed/harness/scenario"
	"edgebed/harness/scenario/scenariotest"
)

// TestLongLists checks that a million executions are prepared and estimated without
// drawing them all, and that one more than the limit is refused.
func TestLongLists(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	p, err := shipped(t, "exp400", scenario.Selection{Profile: "quick", Where: map[string][]string{"rate": {"1 Mb/s"}}},
		"executions: 8", "executions: 1000000")
	if err != nil {
		t.Fatal(err)
	}
	short, err := shipped(t, "exp400", scenario.Selection{Profile: "quick", Where: map[string][]string{"rate": {"1 Mb/s"}}},
		"executions: 8", "executions: 1000")
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.Jobs {
		long, few := p.Jobs[i].Expected(), short.Jobs[i].Expected()
		if ratio := float64(long) / float64(few); ratio < 900 || ratio > 1001 {
			t.Errorf("%s: a million executions take %v, a thousand %v", p.Jobs[i].Cell.ID, long, few)
		}
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 100<<20 {
		t.Errorf("%d MB are held after %v", grown>>20, time.Since(began))
	}
	s := scenariotest.Parse(t, "exp400", "executions: 8", "executions: 1000000")
	if s.Profiles["quick"].Executions != scenario.MaxExecutions {
		t.Errorf("the limit is %d", scenario.MaxExecutions)
	}
}

// TestShippedToWorker checks that a job which a worker reads draws the workflows
// that were checked, in every generator, and does not carry them.
func TestShippedToWorker(t *testing.T) {
	for _, name := range []string{"exp400", "exp401", "exp402", "alibaba-mix"} {
		p, err := shipped(t, name, scenario.Selection{Profile: "quick"})
		if err != nil {
			t.Fatal(err)
		}
		job := p.Jobs[len(p.Jobs)/2]
		text, err := json.Marshal(job)
		if err != nil {
			t.Fatal(err)
		}
		var read Job
		if err := json.Unmarshal(text, &read); err != nil {
			t.Fatal(err)
		}
		if err := read.Open(); err != nil {
			t.Fatal(err)
		}
		if got, want := names(t, read), names(t, job); got != want {
			t.Errorf("%s: the worker draws %s, not %s", name, got, want)
		}
		if strings.Contains(string(text), "state-sizes") {
			t.Errorf("%s: the job carries workflows", name)
		}
	}
}

// TestHash checks what the hash of a campaign depends on: what decides results.
func TestHash(t *testing.T) {
	hash := func(edits ...string) string {
		t.Helper()
		p, err := shipped(t, "exp400", scenario.Selection{Profile: "quick"}, edits...)
		if err != nil {
			t.Fatal(err)
		}
		return p.Hash
	}
	base := hash()
	for name, edit := range map[string][]string{
		"comment": {"version: 1", "# a comment\nversion: 1"}, "title": {"title: ", "title: New "},
		"label": {"label: Link rate", "label: Rate"}, "figure": {"metric: delay", "metric: traffic-rate"},
		"duration": {"timeout: 120 s", "timeout: 2m"}, "quotes": {"client: host0", `client: "host0"`},
		"another profile": {"executions: 120", "executions: 121"},
	} {
		if got := hash(edit...); got != base {
			t.Errorf("%s: the hash changed", name)
		}
	}
	for name, edit := range map[string][]string{
		"timeout": {"timeout: 120 s", "timeout: 121 s"}, "executions": {"executions: 8", "executions: 9"},
		"client": {"client: host0", "client: host1"}, "default": {"default: 1 ms", "default: 2 ms"},
		"value's meaning": {"states: 3, length: 6", "states: 3, length: 5"}, "queue": {"queue: 1000", "queue: 999"},
	} {
		if got := hash(edit...); got == base {
			t.Errorf("%s: the hash is the same", name)
		}
	}
}
