package view

import (
	"bytes"
	"cmp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"edgebed/harness/topology"
	"edgebed/harness/topology/foreign"
	"edgebed/nodes/units"
	"edgebed/nodes/yamlfile"
)

// TestDOTParameters: what is written for Graphviz is read back with all parameters of links and
// access links that are one word or number, whichever of them either direction has.
func TestDOTParameters(t *testing.T) {
	seen := map[string]int{} // directions with a parameter that is not the usual one
	usual := dotOverride(topology.Params{Queue: topology.DefaultQueue})
	rapid.Check(t, func(t *rapid.T) {
		both := [4]topology.Override{}
		for i := range both {
			both[i] = drawParameters(t)
			for _, key := range topology.Parameters() {
				if both[i].Text(key) != usual.Text(key) {
					seen[key]++
				}
			}
		}
		want, err := topology.Inline(topology.Topology{
			Name: "drawn", Switches: []string{"a", "b"},
			Hosts: []topology.HostSpec{{Name: "h", Switch: "a", Uplink: both[0], Downlink: both[1]}},
			Links: []topology.LinkSpec{{Between: [2]string{"a", "b"}, Forward: both[2], Reverse: both[3]}},
		}, yamlfile.Pos{})
		if err != nil {
			t.Fatal(err)
		}

		var text bytes.Buffer
		if err := WriteDOT(&text, want); err != nil {
			t.Fatal(err)
		}
		got, err := foreign.Read("drawn.dot", text.Bytes())
		if err != nil {
			t.Fatalf("%v:\n%s", err, &text)
		}
		if len(got.Remarks) > 0 || len(LeftOut(want, ".dot")) != 1 {
			t.Errorf("remarks %q and %q on\n%s", got.Remarks, LeftOut(want, ".dot"), &text)
		}

		back := got.Topology.AllLinks()
		for i, l := range want.AllLinks() {
			wanted, read := want.Directions(l), got.Topology.Directions(back[i])
			for dir := range wanted {
				for _, key := range topology.Parameters() {
					if a, b := dotOverride(wanted[dir]).Text(key), dotOverride(read[dir]).Text(key); a != b {
						t.Errorf("%s of link %v, direction %d: read back as %s, want %s, from\n%s", key, l.Between, dir, b, a, &text)
					}
				}
			}
		}
	})

	for _, key := range topology.Parameters() {
		if seen[key] == 0 {
			t.Errorf("no link had its %s", key)
		}
	}
}

// drawParameters draws all parameters of a direction that is right.
func drawParameters(t *rapid.T) topology.Override {
	some := func(name string) bool { return rapid.Bool().Draw(t, name) }
	probability := rapid.Float64Range(0, 0.5)
	p := topology.Params{Queue: topology.DefaultQueue}
	if some("shaped") {
		p.Rate = units.Rate(rapid.Int64Range(int64(topology.MinRate), int64(topology.MaxRate)).Draw(t, "rate"))
		p.Discipline = rapid.SampledFrom(topology.Disciplines).Draw(t, "discipline")
	}
	if some("delayed") {
		p.Delay = time.Duration(rapid.Int64Range(0, int64(topology.MaxDelay)).Draw(t, "delay"))
		p.Jitter = time.Duration(rapid.Int64Range(0, int64(p.Delay)).Draw(t, "jitter"))
		p.JitterOrder = rapid.SampledFrom([]topology.JitterOrder{"", topology.FIFO, topology.Reorder}).Draw(t, "order")
	}
	if some("lossy") {
		p.Loss = topology.Loss(probability.Draw(t, "loss"))
		p.Duplicate, p.Corrupt = topology.Loss(probability.Draw(t, "duplicate")), topology.Loss(probability.Draw(t, "corrupt"))
		if some("in bursts") {
			p.LossBurst = rapid.Float64Range(1, 1e6).Draw(t, "loss-burst")
		}
	}
	if some("queued") {
		p.Queue = rapid.IntRange(8, 1000).Draw(t, "queue")
	}
	if counted := p.Discipline == topology.CoDel || p.Discipline == topology.FQCoDel; !counted && some("in bytes") {
		p.QueueBytes = units.Size(rapid.Int64Range(8*int64(topology.Frame), 1e9).Draw(t, "queue-bytes"))
	}
	if p.Rate == 0 || p.Rate > units.Gbps {
		size := rapid.Int64Range(int64(topology.Frame), 1e6)
		p.Burst = topology.Burst(size.Draw(t, "burst") * int64(rapid.IntRange(0, 1).Draw(t, "own burst")))
		p.CeilBurst = topology.Burst(size.Draw(t, "ceil-burst") * int64(rapid.IntRange(0, 1).Draw(t, "own ceil-burst")))
	}

	if err := p.Validate(); err != nil {
		t.Fatalf("%+v: %v", p, err)
	}
	p.JitterOrder, p.Discipline = cmp.Or(p.JitterOrder, topology.FIFO), cmp.Or(p.Discipline, topology.Drop)
	o := p.Override()
	o.GilbertElliott = nil
	return o
}

// TestDOTChannel: of a channel that loses in bursts the mean loss is written, and it is told.
func TestDOTChannel(t *testing.T) {
	n := build(t, "linear,2")
	n.Links[0].Forward.GilbertElliott = &topology.GilbertElliott{P: 0.01, R: 0.09}
	n.Links[0].Reverse.LossBurst, n.Links[0].Reverse.Loss = new(3.0), new(topology.Loss(0.2))

	var text bytes.Buffer
	if err := WriteDOT(&text, n); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{` loss="0.1", `, ` reverse_loss="0.2", reverse_loss_burst="3", `} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, &text)
		}
	}
	said := strings.Join(LeftOut(n, ".dot"), "\n")
	if !strings.Contains(said, "gilbert-elliott (the mean loss is kept) of 1 directions of links: left out") ||
		strings.Contains(said, "loss-burst") {
		t.Errorf("it says\n%s", said)
	}
}
