//go:build !faketime

package crosscheck

import (
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"edgebed/harness/emu"
	"edgebed/harness/emu/delayline"
	"edgebed/harness/sandbox/sandboxtest"
)

func TestMain(m *testing.M) {
	delayline.MaybeMain()
	sandboxtest.Run(m)
}

// emulated captures an experiment on emulated links.
func emulated(t *testing.T, e experiment) []frame {
	t.Helper()
	n, err := emu.Build(t.Context(), e.topology(), emu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	from, errFrom := n.Host("a")
	to, errTo := n.Host("b")
	if errFrom != nil || errTo != nil {
		t.Fatal(errFrom, errTo)
	}

	capture := func(port string, w io.Writer) (func() error, error) {
		c, err := n.Capture(port, w)
		return func() error {
			stats, err := c.Stop()
			if err == nil && stats.Lost > 0 {
				err = fmt.Errorf("%d frames are lost", stats.Lost)
			}
			return err
		}, err
	}
	file, err := e.captured(t.Context(), network{from, to, capture, n.Idle})
	if err != nil {
		t.Fatal(err)
	}
	list, err := frames(file)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// virtual captures the experiments in virtual time, by a test program of its own.
func virtual(t *testing.T) map[string][]frame {
	t.Helper()
	folder := t.TempDir()
	program := filepath.Join(folder, "virtual.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-tags", "faketime", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.run", "TestVirtual")
	cmd.Env = append(os.Environ(), envFolder+"="+folder)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}

	all := map[string][]frame{}
	for _, e := range experiments {
		capture, err := os.ReadFile(filepath.Join(folder, e.name))
		if err != nil {
			t.Fatal(err)
		}
		if all[e.name], err = frames(capture); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// overhead is what a frame with data has besides: Ethernet, IPv4, TCP with time stamps.
const overhead = 14 + 20 + 32

// passage is how a capture's data passed the link.
type passage struct {
	// at is when each kB had passed, since the first frame.
	at []time.Duration
	// frames with data, their payload in bytes, and the frames towards the sender.
	frames, bytes, back int
}

func pass(list []frame) (p passage) {
	for _, f := range list {
		if f.back {
			p.back++
		}
		if !f.data() {
			continue
		}
		p.frames++
		p.bytes += f.size - overhead
		for len(p.at) < p.bytes/1000 {
			p.at = append(p.at, f.at)
		}
	}
	return p
}

// tries is how often an experiment is made on emulated links, where a busy machine makes
// frames late, before it is taken to differ.
const tries = 8

// TestFrames: on both networks the same data passes the link at nearly the same
// times, in about as many frames each way.
func TestFrames(t *testing.T) {
	computed := virtual(t)
	for _, e := range experiments {
		ours := pass(computed[e.name])
		var err error
		for range tries {
			said, differs := compare(e, ours, pass(emulated(t, e)))
			t.Log(said)
			if err = differs; err == nil {
				break
			}
		}
		if err != nil {
			t.Errorf("%d times: %v", tries, err)
		}
	}
}

// compare holds an experiment in virtual time against one on emulated links. It says how
// they compare, and returns an error where that is too far off.
func compare(e experiment, ours, theirs passage) (string, error) {
	// Linux sends a segment of a flow twice where the others' make its round trip
	// long (a tail loss probe), which costs the link as long as any other.
	if want := e.flows * e.size; ours.bytes != want || theirs.bytes < want || theirs.bytes > want*102/100 {
		err := fmt.Errorf("%s: %d B of data in virtual time, %d B emulated, want %d", e.name, ours.bytes, theirs.bytes, want)
		return err.Error(), err
	}

	var apart time.Duration
	for i := range ours.at {
		apart = max(apart, (ours.at[i] - theirs.at[i]).Abs())
	}
	whole := theirs.at[len(ours.at)-1]
	frames := float64(ours.frames) / float64(theirs.frames)
	back := float64(ours.back) / float64(theirs.back)
	said := fmt.Sprintf("%s: %v long, a kB at most %v apart, bytes %d / %d, frames with data %d / %d, back %d / %d",
		e.name, whole, apart, ours.bytes, theirs.bytes, ours.frames, theirs.frames, ours.back, theirs.back)

	switch {
	case apart > max(whole/50, 4*time.Millisecond):
		return said, fmt.Errorf("%s: a kB of data passes %v apart on the two networks, of %v", e.name, apart, whole)
	case math.Abs(frames-1) > 0.03 || math.Abs(back-1) > 0.25:
		return said, fmt.Errorf("%s: %.3f of the emulated frames with data, %.3f of those back", e.name, frames, back)
	}
	return said, nil
}
