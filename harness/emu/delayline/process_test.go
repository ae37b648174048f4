package delayline

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"edgebed/harness/fate"
)

// TestIdleRelaySleeps checks that a relay with nothing to do, or nothing to do
// for long, uses no processor.
func TestIdleRelaySleeps(t *testing.T) {
	c := newCable(t)
	r := c.start(t, Params{Delay: MaxDelay}, Params{Delay: time.Millisecond}, 1)
	t.Run("empty", func(t *testing.T) { checkIdle(t, r) })
	from := c.openPort(t, 0)
	for i := range uint64(10) {
		from.send(t, frame(i, 64))
	}
	settle(t, r, 10, false, forward)
	t.Run("waiting", func(t *testing.T) { checkIdle(t, r) })
}

func checkIdle(t *testing.T, r *Relay) {
	before, err := r.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const d = time.Second
	time.Sleep(d)
	after, err := r.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if used := after.CPU - before.CPU; used > d/50 {
		t.Errorf("the idle relay used %v of processor time in %v", used, d)
	}
}

// processState returns the letter for the state of a process, or nothing if
// there is none.
func processState(pid int) string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, fields, _ := strings.Cut(string(data), ") ")
	return fields[:min(1, len(fields))]
}

// gone tells whether a process has ended, counting one that nobody waits for.
func gone(pid int) bool {
	state := processState(pid)
	return state == "" || state == "Z" || state == "X"
}

func TestChildDiesWithParent(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), victimMarker+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(line, &pid); err != nil {
		t.Fatalf("read process id from %q: %v", line, err)
	}
	if gone(pid) {
		t.Fatalf("the relay %d does not run", pid)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); !gone(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the relay %d outlives its parent", pid)
		}
	}
}

func TestUnexpectedEndIsReported(t *testing.T) {
	c := newCable(t)
	r, err := Start(t.Context(), []Line{c.line})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Err(); err != nil {
		t.Errorf("a running relay has the error %v", err)
	}
	if err := unix.Kill(r.Pid(), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-r.done:
	case <-time.After(patience):
		t.Fatal("the end of the child was not noticed")
	}
	for name, err := range map[string]error{"Err": r.Err(), "Set": r.Set(0, Params{}, Params{}), "Close": r.Close()} {
		if err == nil || !strings.Contains(err.Error(), "killed") {
			t.Errorf("%s returns %v, want the signal that killed the child", name, err)
		}
	}
	if _, err := r.Stats(t.Context()); err == nil {
		t.Error("Stats of a dead relay returns no error")
	}
}

func TestClose(t *testing.T) {
	c := newCable(t)
	r, err := Start(t.Context(), []Line{c.line})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.line.A.Stat(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Start left its files open: %v", err)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if !gone(r.Pid()) {
		t.Error("the child still runs")
	}
	if _, err := r.Stats(t.Context()); err == nil {
		t.Error("Stats of a closed relay returns no error")
	}
}

func TestStatsHonoursContext(t *testing.T) {
	c := newCable(t)
	r := c.start(t, Params{}, Params{}, 1)
	if err := unix.Kill(r.Pid(), unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); processState(r.Pid()) != "T"; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the child does not stop")
		}
	}
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if _, err := r.Stats(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Stats of a stopped relay returns %v", err)
		}
		cancel()
	}
	if err := unix.Kill(r.Pid(), unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Stats(t.Context()); err != nil {
		t.Error("after the child went on:", err)
	}
}

func TestBadInput(t *testing.T) {
	for _, p := range []Params{
		{Delay: -1},
		{Delay: MaxDelay + 1},
		{Jitter: time.Millisecond},
		{Delay: time.Second, Jitter: -1},
		{Odds: fate.Odds{Loss: -0.1}},
		{Odds: fate.Odds{Loss: 1.1}},
		{Odds: fate.Odds{Duplicate: math.NaN()}},
		{Odds: fate.Odds{Bursts: fate.GilbertElliott{R: 2}}},
	} {
		if p.Validate() == nil {
			t.Errorf("%+v is accepted", p)
		}
	}
	c := newCable(t)
	if _, err := Start(t.Context(), []Line{{A: c.line.A}}); err == nil {
		t.Error("a line with one end is accepted")
	}
	c = newCable(t)
	c.line.BA.Loss = 2
	if _, err := Start(t.Context(), []Line{c.line}); err == nil {
		t.Error("a loss of 2 is accepted")
	}
	c = newCable(t)
	r := c.start(t, Params{}, Params{}, 1)
	for _, line := range []int{-1, 1} {
		if r.Set(line, Params{}, Params{}) == nil {
			t.Errorf("line %d of one is accepted", line)
		}
	}
	if r.Set(0, Params{}, Params{Delay: -1}) == nil {
		t.Error("a negative delay is accepted")
	}
	if _, err := Open("nothing"); err == nil || !strings.Contains(err.Error(), "nothing") {
		t.Errorf("opening an absent interface returns %v", err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), []Line{{A: null, B: null}}); err == nil || !strings.Contains(err.Error(), "line 0") {
		t.Errorf("a file that is no socket returns %v", err)
	}
}
