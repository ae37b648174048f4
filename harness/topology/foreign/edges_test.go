package foreign

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// TestMost reads as many nodes and links as there may be, and none more.
func TestMost(t *testing.T) {
	g := newGraph()
	for i := range maxNodes {
		if err := g.add(node{id: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.add(node{id: "0"}); err != nil {
		t.Errorf("a node that is there: %v", err)
	}
	if err := g.add(node{id: "more"}); err == nil || len(g.nodes) != maxNodes {
		t.Errorf("there are %d nodes, %v", len(g.nodes), err)
	}
	for range maxEdges {
		if err := g.connect(edge{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.connect(edge{}); err == nil || len(g.edges) != maxEdges {
		t.Errorf("there are %d links, %v", len(g.edges), err)
	}
}

// TestPropagation: a degree of a great circle are 111.195 km, half of one takes 100 ms.
func TestPropagation(t *testing.T) {
	const degree = 556 * time.Microsecond
	for _, tt := range []struct {
		a, b [2]float64
		want time.Duration
	}{
		{[2]float64{0, 0}, [2]float64{0, 0}, 0},
		{[2]float64{0, 0}, [2]float64{0, 1}, degree},
		{[2]float64{0, 0}, [2]float64{1, 0}, degree},
		{[2]float64{45, 10}, [2]float64{46, 10}, degree},
		{[2]float64{0, 179.5}, [2]float64{0, -179.5}, degree},
		{[2]float64{60, 0}, [2]float64{60, 1}, degree / 2},
		{[2]float64{90, 0}, [2]float64{-90, 50}, 100_075 * time.Microsecond},
		{[2]float64{0, 0}, [2]float64{0, 180}, 100_075 * time.Microsecond},
		{[2]float64{80, 0}, [2]float64{80, 180}, 20 * degree},
	} {
		got, back := propagation(tt.a, tt.b), propagation(tt.b, tt.a)
		if off := got - tt.want; off.Abs() > 3*time.Microsecond || got != back {
			t.Errorf("from %v to %v it takes %v, back %v; want %v", tt.a, tt.b, got, back, tt.want)
		}
	}
}

// TestSome: of up to eight labels all are named.
func TestSome(t *testing.T) {
	labels := strings.Fields("a b c d e f g h i j")
	for n, want := range map[int]string{
		0: "", 1: "a", 2: "a, b", 8: "a, b, c, d, e, f, g, h", 9: "a, b, c, d, e, f, g, h and 1 more",
		10: "a, b, c, d, e, f, g, h and 2 more",
	} {
		if got := some(labels[:n]); got != want {
			t.Errorf("%d labels are %q, want %q", n, got, want)
		}
	}
}

// TestFree: names near a label have at most 32 letters and differ.
func TestFree(t *testing.T) {
	long := strings.Repeat("a", 40)
	taken := map[string]bool{}
	for _, tt := range []struct{ label, want string }{
		{"x", "x"}, {"x", "x_2"}, {"x", "x_3"}, {"x_2", "x_2_2"},
		{long, long[:32]}, {long, long[:30] + "_2"}, {long, long[:30] + "_3"}, {long[:31], long[:31]},
		{"", "n"}, {"-.", "n_2"}, {"1", "n1"}, {"_a", "n_a"}, {"a-.", "a"}, {" b c/d,e ", "b_c_d_e"}, {"é", "n_3"},
	} {
		if got := free(taken, tt.label); got != tt.want {
			t.Errorf("%q is named %q, want %q", tt.label, got, tt.want)
		}
	}
	for range 10 {
		free(taken, long)
	}
	if !taken[long[:29]+"_10"] {
		t.Error("the tenth name is not one letter shorter before its number")
	}
}

// TestSpeed reads speeds as Topology Zoo writes them.
func TestSpeed(t *testing.T) {
	for _, tt := range []struct {
		raw, speed, unit string
		want             units.Rate
	}{
		{"", "", "", 0}, {"155000000", "", "", 155 * units.Mbps}, {"1e6", "7", "G", units.Mbps},
		{"", "10", "G", 10 * units.Gbps}, {"", "1.5", "M", 1500 * units.Kbps}, {"", "64", "K", 64 * units.Kbps},
		{"", "64", "k", 64 * units.Kbps}, {"", "2", "T", 2000 * units.Gbps}, {"x", "2", "M", 2 * units.Mbps},
		{"", "10", "", 0}, {"", "10", "X", 0}, {"0", "", "", 0}, {"-5", "", "", 0}, {"NaN", "", "", 0}, {"", "x", "G", 0},
		{"1e15", "", "", 1e15}, {"1.1e15", "", "", 0}, {"1", "", "", 1},
	} {
		v := map[string]string{"LinkSpeedRaw": tt.raw, "LinkSpeed": tt.speed, "LinkSpeedUnits": tt.unit}
		if got := speed(v); got != tt.want {
			t.Errorf("%v is %d, want %d", v, got, tt.want)
		}
	}
}

// TestMiniEditValues reads options as MiniEdit and mininet write them.
func TestMiniEditValues(t *testing.T) {
	for _, tt := range []struct {
		opts string
		want topology.Override
		odd  int
	}{
		{`{}`, topology.Override{}, 0},
		{`{"bw": null, "delay": null, "loss": "", "jitter": " ", "max_queue_size": ""}`, topology.Override{}, 0},
		{`{"bw": 0, "loss": "0", "delay": 0, "max_queue_size": 0}`, topology.Override{}, 0},
		{`{"bw": "1.5", "loss": "2", "max_queue_size": 7}`,
			topology.Override{Rate: new(1500 * units.Kbps), Loss: new(topology.Loss(0.02)), Queue: new(7)}, 0},
		{`{"delay": 250, "jitter": "1ms"}`,
			topology.Override{Delay: new(250 * time.Microsecond), Jitter: new(time.Millisecond)}, 0},
		{`{"bw": "x", "delay": "x", "loss": -1, "jitter": "-1ms", "max_queue_size": 1e9}`, topology.Override{}, 5},
		{`{"max_queue_size": 999999999}`, topology.Override{Queue: new(999_999_999)}, 0},
	} {
		var l miniEditLink
		if err := json.Unmarshal([]byte(tt.opts), &l); err != nil {
			t.Fatal(err)
		}
		var got topology.Override
		odd := l.override(&got)
		if odd != tt.odd || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s sets %v with %d odd ones, want %v with %d", tt.opts, got, odd, tt.want, tt.odd)
		}
	}
}

// TestDOTLists: a -- b -- c links each with the next, and braces each with each.
func TestDOTLists(t *testing.T) {
	for text, want := range map[string]string{
		`graph { a -- b -- c }`:             "a-b 10 Mb/s 1ms; b-c 10 Mb/s 1ms",
		`graph { {a b} -- {c d} }`:          "a-c 10 Mb/s 1ms; a-d 10 Mb/s 1ms; b-c 10 Mb/s 1ms; b-d 10 Mb/s 1ms",
		`graph { a -- {b c} [delay="2ms"]}`: "a-b 10 Mb/s 2ms; a-c 10 Mb/s 2ms",
		`strict graph { a -- b; a -- "b" }`: "a-b 10 Mb/s 1ms",
		`graph { a -- b; a -- b }`:          "a-b 10 Mb/s 1ms; a-b 10 Mb/s 1ms",
		`graph { "" -- "\"" }`:              "n-n_2 10 Mb/s 1ms",
	} {
		n, err := Read("x.dot", []byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var links []string
		for _, l := range n.Topology.AllLinks() {
			if p := n.Topology.Directions(l)[0]; !strings.HasPrefix(l.Between[0], "h_") {
				links = append(links, fmt.Sprintf("%s-%s %v %v", l.Between[0], l.Between[1], p.Rate, p.Delay))
			}
		}
		if got := strings.Join(links, "; "); got != want {
			t.Errorf("%s has the links %q, want %q", text, got, want)
		}
	}
}

// TestManyInterfaces: a host has as many links as it may have interfaces, and what is beyond is told.
func TestManyInterfaces(t *testing.T) {
	for beyond := range 3 {
		var text strings.Builder
		text.WriteString("graph { h [shape=box]; ")
		for i := range topology.MaxInterfaces + beyond {
			fmt.Fprintf(&text, "h -- s%d; s%d -- m; ", i, i)
		}
		n, err := Read("x.dot", []byte(text.String()+"}"))
		if err != nil {
			t.Fatal(err)
		}
		if h := n.Topology.Hosts[0]; 1+len(h.Also) != topology.MaxInterfaces {
			t.Errorf("the host has %d interfaces", 1+len(h.Also))
		}
		told := strings.Join(n.Remarks, "\n")
		want := fmt.Sprintf("%d links of hosts, beyond %d of each, were left out", beyond, topology.MaxInterfaces)
		if strings.Contains(told, want) != (beyond > 0) {
			t.Errorf("with %d too many the remarks are %q", beyond, told)
		}
	}
}

// TestNetworkMTU: the graph's attribute is the network's MTU, and no other's is.
func TestNetworkMTU(t *testing.T) {
	for text, want := range map[string]int{
		`graph { a -- b }`: 0, `graph { graph [mtu=9000]; a -- b }`: 9000, `graph { mtu=9000; a -- b }`: 9000,
		`graph { MTU="9000"; a -- b }`: 9000, `graph { node [mtu=9000]; a -- b }`: 0, `graph { edge [mtu=9000]; a -- b }`: 0,
		`graph { graph [rate=9000]; a -- b }`: 0,
	} {
		if n, err := Read("x.dot", []byte(text)); err != nil || n.Topology.MTU != want {
			t.Errorf("%s: %+v, %v; want an MTU of %d", text, n, err, want)
		}
	}
}

// TestInvalidDOT: a token that DOT does not have is told as it stands.
func TestInvalidDOT(t *testing.T) {
	for text, want := range map[string]string{
		`graph { a -- ! }`: "x.dot:1:14: ", `graph { a -- b } "c`: "got a quotation mark without its second one",
	} {
		_, err := Read("x.dot", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(text, "!") != strings.Contains(err.Error(), `got "!`) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
