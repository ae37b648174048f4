package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"edgebed/harness/campaign"
	"edgebed/harness/record"
	"edgebed/scenarios"
)

// TestKilledAtRandomMoments kills a campaign with SIGKILL at random moments and
// goes on with it each time. What is there in the end equals an undisturbed run's
// records in everything but timing; no complete cell was run again, and no
// execution was repeated unless its cell had been disturbed before the kill. The
// environment variable EDGEBED_TEST_KILLS says how often, 3 times by default.
func TestKilledAtRandomMoments(t *testing.T) {
	t.Parallel()
	needSandbox(t)
	kills := 3
	if text := os.Getenv("EDGEBED_TEST_KILLS"); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	start := func(out string) (*exec.Cmd, *bytes.Buffer) {
		cmd := exec.Command(self, "run", brisk(t, dir), "--where", "rate=100 Mb/s", "--filter", "S=3.*argument=10 kB.*(pure|prop)",
			"--out", out, "--resume", "--reruns", "0")
		cmd.Env = append(os.Environ(), envCommand+"=1")
		var log bytes.Buffer
		cmd.Stdout, cmd.Stderr = &log, &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd, &log
	}
	finish := func(out string) *record.Results {
		cmd, log := start(out)
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v\n%s", err, log.String())
		}
		r, err := record.Read(out)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	began := time.Now()
	undisturbed := finish(filepath.Join(dir, "undisturbed"))
	whole := time.Since(began)

	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("%d kills, seed %d", kills, seed)
	campaigns := 0
	for killed := 0; killed < kills; {
		out := filepath.Join(dir, fmt.Sprint("killed", campaigns))
		campaigns++
		complete := map[string]int{} // attempts when a cell was first seen complete
		for killed < kills {
			cmd, log := start(out)
			time.Sleep(time.Duration(random.Int64N(int64(whole * 3 / 4))))
			_ = cmd.Process.Kill()
			if err := cmd.Wait(); err == nil {
				break // it had ended; the next kills hit another one
			} else if cmd.ProcessState.Exited() {
				t.Fatalf("%v\n%s", err, log.String())
			}
			killed++
			r, err := record.Read(out)
			if errors.Is(err, os.ErrNotExist) || errors.Is(err, record.ErrNoCampaign) {
				continue // killed before it wrote
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range r.Cells {
				if _, seen := complete[c.Cell.ID]; !seen && campaign.Settled(c, 0) {
					complete[c.Cell.ID] = c.Attempts
				}
			}
		}
		r := finish(out)
		if diff := cmp.Diff(timeless(undisturbed), timeless(r)); diff != "" {
			t.Errorf("the records differ (-undisturbed +killed):\n%s", diff)
		}
		once(t, out)
		for _, c := range r.Cells {
			if n, ok := complete[c.Cell.ID]; ok && n != c.Attempts {
				t.Errorf("cell %s was complete after %d attempts and was run again", c.Cell.ID, n)
			}
		}
	}
	t.Logf("%d campaigns were killed", campaigns)
}

// once checks that a record file has no execution twice but where one before it
// was disturbed.
func once(t *testing.T, out string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(out, record.FileName))
	if err != nil {
		t.Fatal(err)
	}
	type key struct {
		cell  string
		index int
	}
	seen, disturbed := map[key]bool{}, map[string]bool{}
	for line := range bytes.Lines(data) {
		var e struct {
			Type string
			record.Execution
		}
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if e.Type != "execution" || e.WarmUp {
			continue
		}
		if k := (key{e.Cell, e.Index}); seen[k] && !disturbed[e.Cell] {
			t.Errorf("execution %d of cell %s was repeated", e.Index, e.Cell)
		} else {
			seen[k] = true
		}
		disturbed[e.Cell] = disturbed[e.Cell] || len(e.Findings) > 0
	}
}

// brisk writes a scenario of small cells, and returns its file.
func brisk(t *testing.T, dir string) string {
	t.Helper()
	data, err := scenarios.Files.ReadFile("exp400.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("executions: 8", "executions: 4", "pause: 100 ms", "pause: 20 ms").Replace(string(data))
	text, _, _ = strings.Cut(text, "\nfigures:") // drawing takes longer than such cells
	file := filepath.Join(dir, "brisk.yaml")
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

// timeless returns what does not depend on timing in records, in a fixed order.
func timeless(r *record.Results) []record.CellResult {
	var list []record.CellResult
	for _, c := range r.Cells {
		c.Cell.Started = time.Time{}
		c.Attempts, c.DisturbedAttempts = 0, 0
		if c.End != nil {
			c.End = &record.CellEnd{Cell: c.End.Cell, OK: c.End.OK, Reason: c.End.Reason}
		}
		var executions []record.Execution
		for _, e := range c.Executions {
			if e.WarmUp {
				continue // a worker that goes on warms up again
			}
			// How many acknowledgements the traffic has is timing, too.
			executions = append(executions, record.Execution{
				Cell: e.Cell, Index: e.Index, WarmUp: e.WarmUp, Workload: e.Workload, OK: e.OK, Reason: e.Reason, Hops: e.Hops,
				ActiveOpens: e.ActiveOpens, PayloadBytes: e.PayloadBytes, PayloadHopBytes: e.PayloadHopBytes,
				PredictedTrunkBytes: e.PredictedTrunkBytes, Table1Bytes: e.Table1Bytes,
			})
		}
		c.Executions = executions
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b record.CellResult) int { return strings.Compare(a.Cell.ID, b.Cell.ID) })
	return list
}

// TestLackingSetting asks the kernel for what it does not have: no cell is run, one message
// says why, and there are records and a report of it.
func TestLackingSetting(t *testing.T) {
	needSandbox(t)
	t.Setenv(envCommand, "1") // for the process that tries the settings
	dir := t.TempDir()
	file := filepath.Join(dir, "lacking.yaml")
	const text = `name: lacking
topology: {preset: "ring,switches=3,rate=$rate", congestion-control: nosuch}
matrix: [{axis: rate, values: [10 Mb/s, 20 Mb/s]}]
`
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}

	out := filepath.Join(dir, "out")
	for _, args := range [][]string{{}, {"--resume"}} {
		var stdout, stderr bytes.Buffer
		code := Run(t.Context(), append([]string{"run", file, "--out", out}, args...), &stdout, &stderr)
		if code != exitIncomplete {
			t.Fatalf("run %v: exit code %d, want %d\n%s", args, code, exitIncomplete, stderr.String())
		}
		if n := strings.Count(stderr.String(), "edgebed: "); n != 1 ||
			!strings.Contains(stderr.String(), "congestion control nosuch") {
			t.Errorf("run %v: %d messages, want one that names the congestion control:\n%s", args, n, stderr.String())
		}
	}

	r, err := record.Read(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Cells {
		if c.End == nil || c.End.OK || !strings.Contains(c.End.Reason, "congestion control nosuch") {
			t.Errorf("cell %s ended as %+v, want the reason", c.Cell.ID, c.End)
		}
	}
	if code := Run(t.Context(), []string{"report", out}, io.Discard, io.Discard); code != exitOK {
		t.Errorf("report: exit code %d, want %d", code, exitOK)
	}
}
