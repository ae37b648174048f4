//go:build !faketime

package crosscheck

import (
	"encoding/json"
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
	counters "edgebed/harness/network"
	"edgebed/harness/sandbox/sandboxtest"
	"edgebed/nodes/wire"
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

// virtual makes the experiments in virtual time, by a test program of its own. It returns the
// folder with what that has found.
func virtual(t *testing.T) string {
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
	return folder
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

// TestNetworks holds what was found in virtual time against emulated links.
func TestNetworks(t *testing.T) {
	folder := virtual(t)
	t.Run("frames", func(t *testing.T) { testFrames(t, folder) })
	t.Run("ports", func(t *testing.T) { testPorts(t, folder) })
}

// testFrames: on both networks the same data passes the link at nearly the same
// times, in about as many frames each way.
func testFrames(t *testing.T, folder string) {
	for _, e := range experiments {
		capture, err := os.ReadFile(filepath.Join(folder, e.name))
		if err != nil {
			t.Fatal(err)
		}
		list, err := frames(capture)
		if err != nil {
			t.Fatal(err)
		}
		retry(t, func() (string, error) { return compare(e, pass(list), pass(emulated(t, e))) })
	}
}

// retry repeats a comparison until it says that all is well, or too often.
func retry(t *testing.T, compare func() (said string, differs error)) {
	t.Helper()
	var err error
	for range tries {
		said, differs := compare()
		t.Log(said)
		if err = differs; err == nil {
			return
		}
	}
	t.Errorf("%d times: %v", tries, err)
}

// testPorts: on both networks the same ports count the same bytes, but for some acknowledgments,
// and those that no way leads by count none.
func testPorts(t *testing.T, folder string) {
	for _, s := range shapes {
		var ours counters.Counters
		text, err := os.ReadFile(filepath.Join(folder, s.name))
		if err == nil {
			err = json.Unmarshal(text, &ours)
		}
		if err != nil {
			t.Fatal(err)
		}
		retry(t, func() (string, error) { return s.compare(ours, s.emulated(t)) })
	}
}

// emulated returns what the shape's ports count on emulated links.
func (s shape) emulated(t *testing.T) counters.Counters {
	t.Helper()
	model, err := s.topology()
	if err != nil {
		t.Fatal(err)
	}
	n, err := emu.Build(t.Context(), model, emu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	host := func(name string) (wire.Net, error) { return n.Host(name) }
	counted, err := s.talk(t.Context(), model, host, n.Idle)
	if err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	return counted
}

// compare holds what ports count in virtual time against what they do on emulated links.
func (s shape) compare(ours, theirs counters.Counters) (string, error) {
	if len(ours.Ports) != len(theirs.Ports) {
		return "", fmt.Errorf("%s: %d ports in virtual time, %d emulated", s.name, len(ours.Ports), len(theirs.Ports))
	}

	most := 0.0
	for i, a := range ours.Ports {
		b := theirs.Ports[i]
		if a.Name != b.Name || a.Trunk != b.Trunk || a.Shaped != b.Shaped || a.Drops != b.Drops {
			return "", fmt.Errorf("%s: port %+v in virtual time, %+v emulated", s.name, a, b)
		}
		for _, bytes := range [][2]int64{{a.TxBytes, b.TxBytes}, {a.RxBytes, b.RxBytes}} {
			if bytes[0] == bytes[1] {
				continue
			}
			apart := math.Abs(float64(bytes[0])/float64(bytes[1]) - 1)
			most = max(most, apart)
			if apart > 0.02 {
				return "", fmt.Errorf("%s: port %s counts %d B in virtual time and %d emulated", s.name, a.Name, bytes[0],
					bytes[1])
			}
		}
	}
	return fmt.Sprintf("%s: %d ports, at most %.2f %% apart", s.name, len(ours.Ports), 100*most), nil
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
