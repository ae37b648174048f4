package foreign

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"edgebed/harness/topology"
)

// TestInterfaces reads hosts with several links: they have an interface for each, and nodes
// of a kind that routers may have, too, are none where they hold the network together.
func TestInterfaces(t *testing.T) {
	const clab = "topology:\n  nodes: {h: {kind: linux}, g: {kind: linux}, a: {kind: x}, b: {kind: x}, c: {kind: x}}\n  links:\n"
	for _, tc := range []struct {
		file, text string
		// hosts with their switches, and with rates of uplinks and downlinks.
		hosts    []string
		switches string
		remarks  []string
	}{
		{"x.mn", `{"switches": [{"number": "1"}, {"number": "2"}], "hosts": [{"number": "1"}, {"number": "2"}, {"number": "3"}],
			"links": [{"src": "s1", "dest": "s2"}, {"src": "h1", "dest": "s2", "opts": {"bw": 3}},
				{"src": "s1", "dest": "h1", "opts": {"bw": 4}}, {"src": "h1", "dest": "h2", "opts": {"bw": 5}},
				{"src": "h2", "dest": "s1"}, {"src": "h3", "dest": "h1"}]}`,
			[]string{"h1 eth0 10.1.0.1 s2 3 Mb/s", "h2 eth0 10.1.0.2 s1 -", "h1 eth1 10.1.0.3 s1 4 Mb/s",
				"h1 eth2 10.1.0.4 h1-h2 5 Mb/s", "h2 eth1 10.1.0.5 h1-h2 -"},
			"s1 s2 h1-h2", []string{"host h3 is linked to no switch", "1 links between hosts"}},
		{"x.clab.yml", clab + `    - {endpoints: ["a:1", "b:1"]}` + "\n" + `    - {endpoints: ["h:1", "a:2"]}` + "\n" +
			`    - {endpoints: ["h:2", "b:2"]}` + "\n" + `    - {endpoints: ["g:1", "b:3"]}` + "\n" + `    - {endpoints: ["g:2", "c:1"]}` + "\n",
			[]string{"h eth0 10.1.0.1 a -", "h eth1 10.1.0.2 b -"}, "a b c g",
			[]string{"images, kinds", "hold the network together were taken for switches: g"}},
		{"x.dot", `digraph { node [shape=circle]; a; b; h [shape=box]; a -> b; b -> a; h -> a [rate="1 Mb/s"];
			b -> h [rate="2 Mb/s"]; h -> b [rate="3 Mb/s"]; a -> h [rate="4 Mb/s"]; h -> a }`,
			[]string{"h eth0 10.1.0.1 a 1 Mb/s down 4 Mb/s", "h eth1 10.1.0.2 b 3 Mb/s down 2 Mb/s"}, "a b",
			[]string{"1 links are named again"}},
		{"x.dot", `graph { node [shape=circle]; a; b; c; d; e; h [shape=box]; h -- d; h -- a; h -- b; a -- b; b -- c; d -- e }`,
			[]string{"h eth0 10.1.0.1 d -", "h eth1 10.1.0.2 a -", "h eth2 10.1.0.3 b -"}, "d e a b c", nil},
		{"x.dot", `graph { node [shape=circle]; a; b; node [shape=box]; h -- a; i -- a; h -- b; i -- b }`,
			[]string{"h eth0 10.1.0.1 a -", "i eth0 10.1.0.2 a -", "h eth1 10.1.0.3 b -", "i eth1 10.1.0.4 b -"}, "a b", nil},
		{"x.dot", `graph { node [shape=circle]; a; b; d; node [shape=box]; a -- b; h -- a; i -- d }`,
			[]string{"h eth0 10.1.0.1 a -"}, "a b", []string{"2 parts without a link between them: 1 switches"}},
		{"x.mn", `{"switches": [{"number": "1"}], "hosts": [{"number": "1"}, {"number": "2"}],
			"links": [{"src": "h1", "dest": "h2"}, {"src": "h1", "dest": "s1"}]}`,
			[]string{"h1 eth0 10.1.0.1 s1 -"}, "s1", []string{"host h2 is linked to no switch", "1 links between hosts"}},
		{"x.dot", `graph { node [shape=circle]; d; a; b; c; e; node [shape=box]; h -- d; i -- a; h -- a; k -- c; k -- e }`,
			[]string{"h eth0 10.1.0.1 a -", "i eth0 10.1.0.2 a -", "h eth1 10.1.0.3 d -"}, "a d",
			[]string{"5 parts without a link between them: 3 switches", "the first interface of hosts is now one in the part with the most hosts: h"}},
		{"x.dot", `graph { node [shape=circle]; a; b; node [shape=box]; g -- a; h -- a; k -- b; x -- y -- a; z; a -- b }`,
			[]string{"g eth0 10.1.0.1 a -", "h eth0 10.1.0.2 a -", "k eth0 10.1.0.3 b -"}, "a b x y",
			[]string{"boxes without links, or with links to boxes, were taken for switches: x, y, z", "2 parts without a link"}},
		{"x.mn", `{"switches": [{"number": "1"}, {"number": "2"}, {"number": "3"}], "hosts": [{"number": "1"}],
			"links": [{"src": "h1", "dest": "s3"}, {"src": "s1", "dest": "s2"}, {"src": "s1", "dest": "h1"}]}`,
			[]string{"h1 eth0 10.1.0.1 s3 -", "h1 eth1 10.1.0.2 s1 -"}, "s3 s1 s2", nil},
	} {
		n, err := Read(tc.file, []byte(tc.text))
		if err != nil {
			t.Errorf("%s: %v", tc.text, err)
			continue
		}

		var hosts []string
		for f := range n.Topology.Interfaces() {
			text := fmt.Sprintf("%s %s %v %s %s", f.Host, f.Name(), f.Address, f.Switch+f.Suffix, rate(f.Uplink))
			if up, down := rate(f.Uplink), rate(f.Downlink); up != down {
				text += " down " + down
			}
			hosts = append(hosts, text)
		}
		if !slices.Equal(hosts, tc.hosts) {
			t.Errorf("%s\ngives %q\nwant  %q", tc.text, hosts, tc.hosts)
		}
		if got := strings.Join(n.Topology.Switches, " "); got != tc.switches {
			t.Errorf("%s\ngives the switches %s, want %s", tc.text, got, tc.switches)
		}
		if len(n.Remarks) != len(tc.remarks) {
			t.Errorf("%s\ngives the remarks %q, want %q", tc.text, n.Remarks, tc.remarks)
		}
		for _, want := range tc.remarks {
			if !slices.ContainsFunc(n.Remarks, func(r string) bool { return strings.Contains(r, want) }) {
				t.Errorf("%s\nno remark says %q: %q", tc.text, want, n.Remarks)
			}
		}
	}
}

func rate(o topology.Override) string {
	if o.Rate == nil {
		return "-"
	}
	return o.Rate.String()
}

// TestTooManyInterfaces: links of a host beyond those that it can have are left out, and told.
func TestTooManyInterfaces(t *testing.T) {
	text := `{"switches": [{"number": "1"}], "hosts": [{"number": "1"}], "links": [{"src": "h1", "dest": "s1"}` +
		strings.Repeat(`, {"src": "h1", "dest": "s1"}`, 20) + `]}`
	n, err := Read("many.mn", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if also := n.Topology.Hosts[0].Also; len(also) != 15 || !slices.Contains(n.Remarks, "5 links of hosts, beyond 16 of each, were left out") {
		t.Errorf("%d further interfaces; %q", len(also), n.Remarks)
	}
}
