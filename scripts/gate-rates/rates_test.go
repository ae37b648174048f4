package main

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"edgebed/harness/gate"
	"edgebed/harness/record"
)

const root = "../.."

// TestInjections: every patch is an injection's, applies, and what it changes
// compiles.
func TestInjections(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("applying a patch needs git: ", err)
	}
	type patch struct {
		injection
		network record.NetworkKind
	}
	var all []patch
	for _, network := range []record.NetworkKind{record.Emulated, record.Virtual} {
		files, err := fs.Glob(patches, patchesFor(network)+"/*.patch")
		if err != nil || len(files) != len(injections) {
			t.Errorf("%s: %d patches (%v) of %d injections", network, len(files), err, len(injections))
		}
		for _, i := range injections {
			all = append(all, patch{i, network})
		}
	}
	for _, i := range all {
		t.Run(string(i.network)+"/"+i.name, func(t *testing.T) {
			overlay, changed, err := i.overlay(t.Context(), i.network, root, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			args := []string{"build", "-overlay", overlay}
			// What it depends on has been compiled in the same way before.
			if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
				args = append(args, "-race")
			}
			dirs := map[string]bool{}
			for _, name := range changed {
				if dir := "./" + filepath.Dir(name); !dirs[dir] {
					dirs[dir] = true
					args = append(args, dir)
				}
			}
			cmd := exec.CommandContext(t.Context(), "go", args...)
			cmd.Dir = root
			if err := output(cmd); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestPatchOutOfDate: a patch that does not fit is an error that names it.
func TestPatchOutOfDate(t *testing.T) {
	tree := t.TempDir()
	name := filepath.Join(tree, "nodes/processor/model.go")
	overlay := func() error {
		_, _, err := injection{name: "computer"}.overlay(t.Context(), record.Emulated, tree, t.TempDir())
		return err
	}
	if err := overlay(); err == nil || !strings.Contains(err.Error(), "model.go") {
		t.Errorf("a missing file gives %v", err)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte("package processor\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := overlay(); err == nil || !strings.Contains(err.Error(), "injections/emulated/computer.patch does not fit") {
		t.Errorf("a changed file gives %v", err)
	}
}

func TestSchedule(t *testing.T) {
	list := schedule(injections[:2], 3, 1)
	var all []string
	for _, r := range list {
		all = append(all, r.name())
	}
	if got, want := strings.Join(all, " "), "unchanged-01 unchanged-02 link-01 computer-01 unchanged-03"; got != want {
		t.Errorf("schedule %s, want %s", got, want)
	}
}

// TestJudge: a finding counts only in the curves that the injection is in.
func TestJudge(t *testing.T) {
	with := func(metric, where, part string) *gate.Comparison {
		return &gate.Comparison{Curves: []gate.Curve{{Where: where, Metric: metric, Tests: []gate.Test{{Part: part, Change: gate.Regression}, {Part: "1 Mb/s", Change: gate.Improvement}}}}}
	}
	for _, tc := range []struct {
		injection, metric, where, part string
		named, beside                  bool
	}{
		{"link", "delay", "all curves", "part per byte", true, false},
		{"link", "delay", "model=pure-faas", "fixed part", false, false},
		{"link", "traffic-volume", "model=pure-faas", "whole curve", false, true},
		{"connection", "delay", "panel=a/model=state-local", "100 Mb/s", true, false},
		{"connection", "delay", "panel=a/model=state-prop", "100 Mb/s", false, true},
		{"state", "traffic-volume", "model=state-prop", "whole curve", true, false},
		{"state", "traffic-volume", "all curves", "whole curve", false, false},
	} {
		chosen, err := choose(tc.injection)
		if err != nil {
			t.Fatal(err)
		}
		named, beside := chosen[0].judge(with(tc.metric, tc.where, tc.part))
		if named != tc.named || len(beside) > 0 != tc.beside {
			t.Errorf("%s of %s, %s: named %v, beside %q, want %v, %v", tc.metric, tc.where, tc.part, named, beside, tc.named, tc.beside)
		}
	}
	if _, err := choose("link,disk"); err == nil || !strings.Contains(err.Error(), "disk") {
		t.Errorf("an unknown injection gives %v", err)
	}
}

// TestRates judges small results: the same ones do not alarm, ones with more
// bytes in one model do, and an injection that is not found is an error.
func TestRates(t *testing.T) {
	run := func(name string, stateProp int64) *record.Results {
		r := &record.Results{Name: name, Campaign: record.Campaign{Scenario: "x", Axes: []record.Axis{
			{Name: "rate", Values: []string{"1 Mb/s"}, Unit: "Mb/s"}, {Name: "model", Values: []string{"pure-faas", "state-prop"}}}}}
		for _, model := range []string{"pure-faas", "state-prop"} {
			c := record.CellResult{Cell: record.Cell{ID: model, Seed: 1, Point: []record.Coord{{Axis: "rate", Value: "1 Mb/s", Number: 1}, {Axis: "model", Value: model}}},
				End: &record.CellEnd{OK: true}}
			for i := range 8 {
				e := record.Execution{Index: i, OK: true, DelayNS: 1e9 + int64(i)*1e7, SwitchBytes: 1e6 + int64(i)*1000}
				if model == "state-prop" {
					e.SwitchBytes += stateProp
				}
				c.Executions = append(c.Executions, e)
			}
			r.Cells = append(r.Cells, c)
		}
		return r
	}
	results := map[string][]*record.Results{"": {run("a", 0), run("b", 0)}, "state": {run("c", 1e5)}, "link": {run("d", 0)}}
	var out bytes.Buffer
	err := rates(&out, results, injections, gate.DefaultLimits)
	if err == nil || !strings.Contains(err.Error(), "one link") || strings.Contains(err.Error(), "state-prop") {
		t.Errorf("want only the link's injection to be missed, got: %v", err)
	}
	for _, want := range []string{"0 alarms in 1 pairs", "of it) once too often): found in 2 of 2 comparisons, in the right curves in 2", "99.5 %) of its rate): found in 0 of 2"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, &out)
		}
	}
}

// TestUnfinished: a run without records, or with too few, is to be made.
func TestUnfinished(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if missing, err := unfinished(dir); missing == "" || err != nil {
		t.Errorf("no folder: %q, %v", missing, err)
	}
	w, err := record.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Campaign(record.Campaign{Version: record.Version, Scenario: "x", Cells: 1, Started: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if missing, err := unfinished(dir); !strings.Contains(missing, "0 of its 1 cells") || err != nil {
		t.Errorf("no cell: %q, %v", missing, err)
	}
	file := filepath.Join(t.TempDir(), "arguments.txt")
	for _, tc := range []struct {
		arguments []string
		ok        bool
	}{{[]string{"exp400"}, true}, {[]string{"exp400"}, true}, {[]string{"exp401"}, false}} {
		if err := sameArguments(file, tc.arguments); (err == nil) != tc.ok {
			t.Errorf("%v: %v", tc.arguments, err)
		}
	}
	_, err = oneRun{injection: "link", number: 1}.run(context.Background(), t.TempDir(), nil)
	if err == nil {
		t.Error("a program that is not there made a run")
	}
}
