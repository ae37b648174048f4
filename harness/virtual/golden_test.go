package virtual

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"edgebed/harness/golden"
	"edgebed/harness/job"
	"edgebed/harness/record"
	"edgebed/harness/scenario"
	"edgebed/harness/scenario/scenariotest"
	"edgebed/nodes/units"
)

// TestGolden runs executions whose every byte and nanosecond is written down: machines
// agree on the workloads, on what each connection carries, on the order of frames and
// on the delays, or something of the machine, of its schedule or of the order of a map
// has leaked in. Nodes cost nothing, so that a new fit of the software cost changes
// nothing here; what the network or the nodes do differently does: then look whether
// it should, and run this with -update.
func TestGolden(t *testing.T) {
	program := worker(t)
	var text strings.Builder
	for _, cells := range []struct {
		scenario string
		where    map[string][]string
	}{
		{"exp400", map[string][]string{"panel": {"S=3,L=6"}, "rate": {"10 Mb/s"}, "argument": {"10 kB"}}},
		{"exp401", map[string][]string{"rate": {"10 Mb/s"}, "argument": {"10 kB"}}},
		{"alibaba-mix", map[string][]string{"rate": {"10 Mb/s"}, "argument": {"10 kB"}, "model": {"state-prop", "state-local"}}},
	} {
		plan := scenariotest.Expand(t, cells.scenario, scenario.Selection{
			Profile: "quick", Where: cells.where, Set: map[string]string{"software-cost": "none"},
		})
		p, err := job.Prepare(plan, scenariotest.Topology, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range p.Jobs {
			j.Cell.Executions = min(j.Cell.Executions, 2)
			j.Files = "files"
			j.Cell.Capture = scenario.Capture{Size: 100 * units.MB, Files: 10}
			for _, host := range j.Topology().Hosts {
				j.Cell.Capture.Of = append(j.Cell.Capture.Of, host.Name)
			}
			fmt.Fprintf(&text, "%s %s\n%s", cells.scenario, j.Cell.ID, agreed(t, program, j))
		}
	}
	golden.Check(t, "executions.golden", []byte(text.String()))
}

// agreed returns what two runs of a job agree on: once in a thousand executions the
// runtime's monitor halts a goroutine, and one run in many differs by that (see
// docs/virtual-time.md).
func agreed(t *testing.T, program string, j job.Job) string {
	t.Helper()
	var runs []string
	for range 3 {
		run := seen(t, program, j)
		if slices.Contains(runs, run) {
			return run
		}
		runs = append(runs, run)
	}
	t.Fatalf("%s: three runs differ:\n%s", j.Cell.ID, strings.Join(runs, "\n"))
	return ""
}

// seen runs a job and returns a line for each execution.
func seen(t *testing.T, program string, j job.Job) string {
	t.Helper()
	folder := t.TempDir()
	var text strings.Builder
	for line := range bytes.Lines(runInto(t, program, j, folder)) {
		_, err := job.Reporter{
			Cell:    func(record.Cell) error { return nil },
			CellEnd: func(record.CellEnd) error { return nil },
			Execution: func(e record.Execution) error {
				frames, carried := digests(t, folder, e.Captures)
				fmt.Fprintf(&text, "%3d %.12s %v, %v to the next, %d B in %d packets, %d B on trunks, %d connections opened, "+
					"payload %s, frames %s\n", e.Index, e.Workload, time.Duration(e.DelayNS), time.Duration(e.CycleNS),
					e.SwitchBytes, e.SwitchPackets, e.TrunkBytes, e.ActiveOpens, carried, frames)
				return nil
			},
		}.Receive(line)
		if err != nil {
			t.Fatal(err)
		}
	}
	return text.String()
}

// digests sums up the frames of an execution in two ways. One is of the frames with
// their times, as each host's port saw them. The other is of the bytes that each
// connection carried, which is the same however they were cut and whenever they went.
func digests(t *testing.T, folder string, captures []record.Capture) (frames, carried string) {
	t.Helper()
	all := sha256.New()
	streams := make(map[string]*stream)
	for _, c := range captures {
		file, err := os.Open(filepath.Join(folder, filepath.Base(c.File)))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		r, err := pcapgo.NewNgReader(file, pcapgo.DefaultNgReaderOptions)
		if err != nil {
			t.Fatal(err)
		}

		for {
			data, info, err := r.ReadPacketData()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", c.File, err)
			}
			fmt.Fprintf(all, "%s %d %d\n%s", c.Port, info.Timestamp.UnixNano(), len(data), data)
			add(streams, gopacket.NewPacket(data, r.LinkType(), gopacket.Default))
		}
	}

	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(streams)) {
		fmt.Fprintf(sum, "%s %d\n%s", name, len(streams[name].data), streams[name].data)
	}
	return fmt.Sprintf("%.6x", all.Sum(nil)), fmt.Sprintf("%.6x", sum.Sum(nil))
}

// stream is what one side of a connection sends.
type stream struct {
	next uint32 // the number of the first byte that has not been seen
	data []byte
}

// add adds what a segment brings beyond those before it, the same one at another port too.
func add(streams map[string]*stream, packet gopacket.Packet) {
	segment, ok := packet.TransportLayer().(*layers.TCP)
	if !ok {
		return
	}
	network := packet.NetworkLayer().NetworkFlow()
	name := fmt.Sprintf("%v:%d to %v:%d", network.Src(), segment.SrcPort, network.Dst(), segment.DstPort)
	s := streams[name]
	if s == nil {
		s = &stream{next: segment.Seq}
		streams[name] = s
	}
	if segment.SYN {
		s.next = segment.Seq + 1
	}
	if segment.Seq == s.next {
		s.data = append(s.data, segment.Payload...)
		s.next += uint32(len(segment.Payload))
	}
}
