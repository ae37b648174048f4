package foreign

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestDirections reads links whose directions differ, and what cannot be carried over.
func TestDirections(t *testing.T) {
	const graphml = `<graphml><key id="s" attr.name="LinkSpeedRaw"/><key id="n" attr.name="LinkNote"/>` +
		`<graph edgedefault="directed"><node id="a"/><node id="b"/><node id="c"/>`
	for _, tc := range []struct {
		file, text string
		// links in the form from-to with both directions; hosts' as host-switch.
		links   []string
		remarks []string
	}{
		{"x.dot", `graph { b -- a [rate="5 Mb/s", delay="2ms", jitter="1ms", queue=50, reverse_rate="1 Mb/s", reverse_loss="1%"] }`,
			[]string{"b-a 5 Mb/s, 2ms, jitter 1ms, queue 50 | 1 Mb/s, 2ms, jitter 1ms, loss 0.01, queue 50"}, nil},
		{"x.dot", `digraph { a -> b [rate="5 Mb/s"]; b -> a [rate="1 Mb/s"]; b -> c }`,
			[]string{"a-b 5 Mb/s, 1ms | 1 Mb/s, 1ms", "b-c 10 Mb/s, 1ms | 10 Mb/s, 1ms"}, []string{"1 links lead one way only"}},
		{"x.dot", `digraph { node [shape=circle]; a; b; h [shape=box]; a -> b; b -> a; edge [rate="3 Mb/s"]; h -> a; a -> h [rate="9 Mb/s"] }`,
			[]string{"a-b 10 Mb/s, 1ms | 10 Mb/s, 1ms", "h-a 3 Mb/s, 0s | 9 Mb/s, 0s"}, nil},
		{"x.dot", `digraph { h [shape=box]; h -> s; s -> h [rate="1 Mb/s"] }`, []string{"h-s unshaped, 0s | 1 Mb/s, 0s"}, nil},
		{"x.dot", `digraph { h [shape=box]; s -> h [rate="1 Mb/s"]; h -> s }`, []string{"h-s unshaped, 0s | 1 Mb/s, 0s"}, nil},
		{"x.dot", `digraph { h [shape=box]; h -> s [rate="1 Mb/s"]; h -> s [rate="2 Mb/s"]; s -> h [rate="3 Mb/s"]; s -> h }`,
			[]string{"h-s 1 Mb/s, 0s | 3 Mb/s, 0s"}, []string{"2 links are named again"}},
		{"x.dot", `digraph { h [shape=box]; h -> s [rate="1 Mb/s"] }`,
			[]string{"h-s 1 Mb/s, 0s | 1 Mb/s, 0s"}, []string{"1 links lead one way only"}},
		{"x.dot", `graph { edge [delay="3ms", color=red]; a -- b [rate=unshaped, cost=7] }`,
			[]string{"a-b unshaped, 3ms | unshaped, 3ms"}, []string{"the attributes cost of links were left out"}},
		{"x.dot", `graph { a -- b [rate="0 Mb/s"] }`, []string{"a-b 10 Mb/s, 1ms | 10 Mb/s, 1ms"}, []string{"write unshaped"}},
		{"x.dot", `graph { a -- b [rate="5 Mb/s", loss="1%", loss_burst=3, "queue-bytes"="9 kB", "reverse_loss-burst"=4, reverse_queue_bytes="7 kB"] }`,
			[]string{"a-b 5 Mb/s, 1ms, loss 0.01 in bursts of 3, queue 9 kB | 5 Mb/s, 1ms, loss 0.01 in bursts of 4, queue 7 kB"}, nil},
		{"x.dot", `graph { a -- b [rate="5 Mb/s", "reverse-ceil_burst"="9 kB", reverse_burst="8 kB", Reverse_Jitter_Order=reorder, reverse_jitter="1ms"] }`,
			[]string{"a-b 5 Mb/s, 1ms | 5 Mb/s, 1ms, jitter 1ms, reordered, burst 8 kB, ceil-burst 9 kB"}, nil},
		{"x.dot", `graph { a -- b [delay="-3ms", loss=2, queue=many] }`,
			[]string{"a-b 10 Mb/s, 1ms | 10 Mb/s, 1ms"}, []string{"delay=-3ms", "loss=2", "queue=many"}},
		{"x.graphml", graphml + `<edge source="b" target="a"><data key="s">2e6</data></edge><edge source="a" target="b"/>` +
			`<edge source="b" target="c"><data key="s">fast</data><data key="n">?</data></edge></graph></graphml>`,
			[]string{"a-b 10 Mb/s, 1ms | 2 Mb/s, 1ms", "b-c 10 Mb/s, 1ms | 10 Mb/s, 1ms"},
			[]string{"3 of 3 nodes have no place", "a speed that is not understood", "LinkNote was left out", "1 links lead one way only"}},
		{"x.mn", `{"switches": [{"number": "1"}, {"number": "2"}], "hosts": [{"number": "1"}],
			"links": [{"src": "s1", "dest": "s2", "opts": {"bw": "fast", "jitter": 5, "delay": "7ms"}},
				{"src": "h1", "dest": "s1", "opts": {"bw": 3}}, {"src": "h1", "dest": "s1", "opts": {"bw": 4}},
				{"src": "h1", "dest": "s2", "opts": {}}]}`,
			[]string{"s1-s2 10 Mb/s, 7ms, jitter 5µs | 10 Mb/s, 7ms, jitter 5µs", "h1-s1 3 Mb/s, 0s | 3 Mb/s, 0s",
				"h1-s1 4 Mb/s, 0s | 4 Mb/s, 0s"},
			[]string{"1 values of links are not understood"}},
		{"x.clab.yml", "topology:\n  nodes: {a: {kind: x}, b: {kind: x}}\n  links:\n    - {endpoints: [\"a:1\", \"b:1\"], mtu: 9000}\n",
			[]string{"a-b 10 Mb/s, 1ms | 10 Mb/s, 1ms"}, []string{"the MTU of 1 links", "images, kinds"}},
	} {
		n, err := Read(tc.file, []byte(tc.text))
		if err != nil {
			t.Errorf("%s: %v", tc.text, err)
			continue
		}
		var links []string
		for _, l := range n.Topology.AllLinks() {
			both := n.Topology.Directions(l)
			text := fmt.Sprintf("%s-%s %v | %v", l.Between[0], l.Between[1], both[0], both[1])
			links = append(links, strings.NewReplacer(", queue 1000", "", ", burst 1.514 kB", "").Replace(text))
		}
		if !slices.Equal(links, tc.links) {
			t.Errorf("%s\ngives %q\nwant  %q", tc.text, links, tc.links)
		}

		remarks := slices.DeleteFunc(n.Remarks, func(r string) bool { return strings.Contains(r, "names were changed") })
		if len(remarks) != len(tc.remarks) {
			t.Errorf("%s\ngives the remarks %q, want %q", tc.text, remarks, tc.remarks)
		}
		for _, want := range tc.remarks {
			if !slices.ContainsFunc(remarks, func(r string) bool { return strings.Contains(r, want) }) {
				t.Errorf("%s\nno remark says %q: %q", tc.text, want, remarks)
			}
		}
	}
}
