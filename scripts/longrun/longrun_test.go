package main

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"edgebed/harness/emu/delayline"
	"edgebed/harness/sandbox"
	"edgebed/harness/virtual"
)

// short is what may differ in a short run on a machine with other work: times of a few
// say nothing. A worker in virtual time collects its garbage where its heap is above
// 64 MB, and before that grows.
var short = allowance{slower: math.Inf(1), memory: 64 << 20, files: 2, spaces: 500}

// TestMain: the sandbox starts this program again, to build networks.
func TestMain(m *testing.M) {
	delayline.MaybeMain()
	sandbox.Enter()
	if !sandbox.Inside() {
		os.Exit(m.Run())
	}
	if err := inside(context.Background(), os.Stdout, os.Args[1:], short); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}

// TestLongRun is the short form of make longrun.
func TestLongRun(t *testing.T) {
	worker := filepath.Join(t.TempDir(), "edgebed-virtual")
	args := slices.Concat([]string{"build", "-o", worker}, virtual.BuildFlags(),
		[]string{"edgebed/harness/cmd/edgebed-virtual"})
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}

	var out bytes.Buffer
	err := run(t.Context(), &out, options{networks: 20, executions: 200, virtual: worker, may: short})
	t.Logf("%s", out.String())
	if err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), " 200  ") {
		t.Error("there is no line of the 200th execution")
	}
}

// TestFlat checks that each thing that grows is found, and noise is none.
func TestFlat(t *testing.T) {
	steady := func(i int) sample {
		return sample{took: time.Millisecond, resident: int64(30<<20 + i%7<<20), files: 9 + i%2, namespaces: 40 + i%90}
	}
	grows := map[string]func(int, *sample){
		"":                   func(int, *sample) {},
		"memory":             func(i int, s *sample) { s.resident += int64(i) * 20 << 10 },
		"open descriptors":   func(i int, s *sample) { s.files += i / 500 },
		"network namespaces": func(i int, s *sample) { s.namespaces += i },
		"time":               func(i int, s *sample) { s.took += time.Duration(i) * time.Microsecond },
	}
	for what, grow := range grows {
		var all []sample
		for i := range 1000 {
			s := steady(i)
			if i < 100 { // the beginning is another matter
				s.resident, s.took = s.resident/2, 10*s.took
			}
			grow(i, &s)
			all = append(all, s)
		}

		err := flat(divide(all), usual)
		switch {
		case what == "" && err != nil:
			t.Errorf("of a steady run: %v", err)
		case what != "" && (!errors.Is(err, errGrows) || !strings.Contains(err.Error(), ": "+what+" from ")):
			t.Errorf("%s grows, but: %v", what, err)
		}
	}
	if err := flat(divide(make([]sample, 1)), usual); err == nil {
		t.Error("one cycle is enough")
	}
}
