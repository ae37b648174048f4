package main

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"edgebed/harness/record"
	"edgebed/harness/sandbox"
	"edgebed/harness/sandbox/outside"
	"edgebed/harness/virtual"
)

// TestMain: the sandbox that is probed for starts this program again.
func TestMain(m *testing.M) {
	sandbox.Enter()
	os.Exit(m.Run())
}

// TestChaos harms small campaigns with what a build of this tree makes of it.
// EDGEBED_CHAOS_SEED gives another seed.
func TestChaos(t *testing.T) {
	dir := t.TempDir()
	for name, flags := range map[string][]string{"edgebed": nil, "edgebed-virtual": virtual.BuildFlags()} {
		args := slices.Concat([]string{"build", "-o", filepath.Join(dir, name)}, flags,
			[]string{"edgebed/harness/cmd/" + name})
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, out)
		}
	}

	faults := 50
	if testing.Short() {
		faults = 25
	}
	var out bytes.Buffer
	err := run(t.Context(), &out, options{seed: 13, faults: faults, edgebed: filepath.Join(dir, "edgebed")})
	t.Logf("%s", out.String())
	if err != nil {
		t.Error(err)
	}
}

// TestJoinFails checks that no run is left that could not be put into the control group.
func TestJoinFails(t *testing.T) {
	program := filepath.Join(t.TempDir(), "edgebed")
	if err := os.WriteFile(program, []byte("#!/bin/sh\nexec sleep 60\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	b := &bench{edgebed: program, dir: t.TempDir(), group: filepath.Join(t.TempDir(), "none"), tally: &tally{}}
	c := b.prepare(1, "virtual")
	if p, err := c.start(); err == nil || p != nil {
		t.Errorf("the run was started: %v", err)
	}
	if left, err := outside.Marked(c.mark); err != nil || len(left) > 0 {
		t.Errorf("processes %v are left, %v", left, err)
	}
}

// TestMissed looks at what faults count that change the records of a run that has ended.
func TestMissed(t *testing.T) {
	for _, tc := range []struct {
		records      string
		torn, damage bool
	}{{"", true, true}, {"one\n", false, true}, {"one\ntwo\n", false, false}} {
		c := (&bench{dir: t.TempDir(), tally: &tally{}}).prepare(1, "virtual")
		file := filepath.Join(c.out, record.FileName)
		for name, f := range map[string]struct {
			do     func() error
			missed bool
		}{
			"tear":   {c.tearFile, tc.torn},
			"damage": {func() error { _, err := c.damageFile(); return err }, tc.damage},
		} {
			if err := errors.Join(os.MkdirAll(c.out, 0o777), os.WriteFile(file, []byte(tc.records), 0o666)); err != nil {
				t.Fatal(err)
			}
			c.missed = true // the run had ended by itself
			if err := f.do(); err != nil || c.missed != f.missed {
				t.Errorf("%s of %q: missed %v, %v", name, tc.records, c.missed, err)
			}
			if now, err := os.ReadFile(file); err != nil || (string(now) == tc.records) != f.missed {
				t.Errorf("%s of %q leaves %q, %v", name, tc.records, now, err)
			}
		}
	}
}

func TestVerdict(t *testing.T) {
	struck := tally{faults: map[string]int{"a": 2, "b": 3}, missed: 20}
	if err := struck.verdict(5); err != nil {
		t.Error(err)
	}
	if err := struck.verdict(6); err == nil || !strings.Contains(err.Error(), "struck 5 of 6") {
		t.Errorf("got %v", err)
	}
	struck.lost = 1
	if err := struck.verdict(5); !errors.Is(err, errHarm) {
		t.Errorf("got %v", err)
	}
}

func TestParseSlab(t *testing.T) {
	const text = "slabinfo - version: 2.1\n# name <active_objs>\nnet_namespace 42 56 4288 7\ndentry 9 9\n" +
		"pid_namespace x\nuser_namespace 3 4 5\n"
	got := parseSlab([]byte(text))
	if want := map[string]int{"net_namespace": 42, "user_namespace": 3}; !maps.Equal(got, want) {
		t.Errorf("objects %v, want %v", got, want)
	}
}

// TestOurs: disks of other drivers are no leak, one's own is.
func TestOurs(t *testing.T) {
	c := &campaign{bench: &bench{dir: "/tmp/chaos-1"}}
	const own, other, link = "+tmpfs /tmp/chaos-1/disk\n", "+tmpfs /tmp/chaos-2/disk\n", "-link eth0\n"
	if got := c.ours(own + other + link); got != own+link {
		t.Errorf("ours are %q, want %q", got, own+link)
	}
}

// TestStarved: an execution may fail where the machine disturbed its cell, and nowhere else.
func TestStarved(t *testing.T) {
	failed := []record.Execution{{OK: true}, {Reason: "context deadline exceeded"}}
	disturbed := &record.CellEnd{OK: true, Audit: &record.Audit{Verdict: record.Disturbed}}
	faithful := &record.CellEnd{OK: true, Audit: &record.Audit{Verdict: record.Faithful}}
	for name, tc := range map[string]struct {
		executions []record.Execution
		end        *record.CellEnd
		want       bool
	}{
		"disturbed": {failed, disturbed, true}, "faithful": {failed, faithful, false}, "no end": {failed, nil, false},
		"nothing failed": {failed[:1], disturbed, false},
	} {
		r := &record.Results{Cells: []record.CellResult{{Executions: tc.executions, End: tc.end}}}
		if starved(r) != tc.want {
			t.Errorf("%s: starved %v, want %v", name, !tc.want, tc.want)
		}
	}
}
