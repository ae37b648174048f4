package foreign

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// drawnAs writes a network in a line: its links with their parameters, in short.
func drawnAs(n *Network) string {
	var links []string
	for _, l := range n.Topology.Links {
		p := n.Topology.Directions(l)[0]
		links = append(links, fmt.Sprintf("%s-%s %v %v", l.Between[0], l.Between[1], p.Rate, p.Delay))
	}
	return strings.Join(links, "; ")
}

// checkNetwork compares the links of a network and its remarks with what is wanted.
func checkNetwork(t *testing.T, file, text, links string, remarks ...string) {
	t.Helper()
	n, err := Read(file, []byte(text))
	if err != nil {
		t.Errorf("%s %q: %v", file, text, err)
		return
	}

	if got := drawnAs(n); got != links {
		t.Errorf("%s %q gives %s\nwant %s", file, text, got, links)
	}
	if len(n.Remarks) != len(remarks) {
		t.Errorf("%s %q gives the remarks %q, want %q", file, text, n.Remarks, remarks)
	}
	for _, want := range remarks {
		if !slices.ContainsFunc(n.Remarks, func(r string) bool { return strings.Contains(r, want) }) {
			t.Errorf("%s %q: no remark says %q: %q", file, text, want, n.Remarks)
		}
	}
}

// TestColumns: a first line that names columns is no link, and says where ends and parameters are.
func TestColumns(t *testing.T) {
	const plain = "a-b 10 Mb/s 1ms"
	for _, tc := range []struct {
		file, text, links string
		remarks           []string
	}{
		{"x.csv", "source,target,rate\na,b,5 Mb/s\nb,c,\n", "a-b 5 Mb/s 1ms; b-c 10 Mb/s 1ms",
			[]string{"the first line (source, target, rate) was taken for names of columns"}},
		{"x.csv", "ID;From Node;To Node;Delay (ms);capacity_gbps;weight\n1;a;b;7;1;3\n", "a-b 1 Gb/s 7ms",
			[]string{"the first line", `the columns "ID", "weight" were left out`}},
		{"x.csv", "rate,delay,dst,src\n3 Mb/s,2ms,b,a\n", "a-b 3 Mb/s 2ms", []string{"the first line"}},
		{"x.tsv", "from\tto\tlatency\na\tb\tsoon\n", plain,
			[]string{"the first line", "1 values of links are not understood and were left out: x.tsv:2:1: "}},
		{"x.tsv", "from\tto\trate\tlatency\na\tb\t\t5 ms\n", "a-b 10 Mb/s 5ms", []string{"the first line"}},
		{"x.txt", "from,to,rate,latency\na,b,,5 ms\nb,c,3 Mb/s,\n", "a-b 10 Mb/s 5ms; b-c 3 Mb/s 1ms",
			[]string{"the first line"}},
		{"x.csv", "from,to,queue_kb,delay_variation,rate (MB/s),rate_mbps\na,b,9,7 ms,8,2\n", "a-b 2 Mb/s 1ms",
			[]string{"the first line", `the columns "delay_variation", "queue_kb", "rate (MB/s)" were left out`}},
		{"x.txt", "# a comment\nnode node weight\na b 3\n", plain, []string{"the first line", `the columns "weight"`}},
		{"x.edges", "source_id target_id\na b\n", plain, []string{"the first line"}},
		{"x.csv", "\"a,x\",b\nb,\"c \"\"d\"\"\"\n", "a_x-b 10 Mb/s 1ms; b-c_d 10 Mb/s 1ms", []string{"2 of 3 names were changed"}},
		{"x.csv", "a b\n", plain, nil},
		{"x.csv", "\n# c;d\n\"a,x\",b\n", "a_x-b 10 Mb/s 1ms", []string{"1 of 2 names were changed"}},
		{"x.txt", "a,b\nb,c\"d\n", "a-b 10 Mb/s 1ms; b-cd 10 Mb/s 1ms", []string{"1 of 3 names were changed"}},
		{"x.csv", "a, b, 3\n", plain, []string{"1 lines have more than two columns"}},
		{"x.csv", "% a\n#b,c\na;b\n", plain, nil},
		{"x.txt", "node a\nnode b\n", "node-a 10 Mb/s 1ms; node-b 10 Mb/s 1ms", nil},
		{"x.txt", "head b\n", "head-b 10 Mb/s 1ms", nil},
	} {
		checkNetwork(t, tc.file, tc.text, tc.links, tc.remarks...)
	}
}

// TestEncodings reads each format in UTF-8 with a mark, and in UTF-16 with and without one.
func TestEncodings(t *testing.T) {
	const links, declared = "a-b 10 Mb/s 1ms", `<?xml version="1.0" encoding="UTF-16"?>`
	const graphml = `<graphml><graph><node id="a"/><node id="b"/><edge source="a" target="b"/></graph></graphml>`
	for _, tc := range []struct {
		file, text string
		remarks    []string
	}{
		{"x.graphml", graphml, []string{"no place"}},
		{"x.graphml", declared + graphml, []string{"no place"}},
		{"x.dot", "graph { a -- b }", nil},
		{"x.txt", "a b\n", nil},
		{"x.csv", "source,target\na,b\n", []string{"the first line"}},
		{"x.clab.yml", "topology:\n  nodes: {a: {}, b: {}}\n  links: [{endpoints: [\"a:1\", \"b:1\"]}]\n", []string{"images"}},
		{"x.mn", `{"switches": [{"opts": {"hostname": "a"}}, {"opts": {"hostname": "b"}}],
			"links": [{"src": "a", "dest": "b"}]}`, nil},
	} {
		checkNetwork(t, tc.file, "\xef\xbb\xbf"+tc.text, links, tc.remarks...)
		for _, order := range []unicode.Endianness{unicode.LittleEndian, unicode.BigEndian} {
			for _, mark := range []unicode.BOMPolicy{unicode.UseBOM, unicode.IgnoreBOM} {
				text, err := unicode.UTF16(order, mark).NewEncoder().String(tc.text)
				if err != nil {
					t.Fatal(err)
				}
				checkNetwork(t, tc.file, text, links, tc.remarks...)
			}
		}
	}

	// What the first line of XML says.
	for label, table := range map[string]*charmap.Charmap{
		"ISO-8859-1": charmap.ISO8859_1, "windows-1252": charmap.Windows1252, "iso-8859-15": charmap.ISO8859_15,
	} {
		text, err := table.NewEncoder().String(`<?xml version='1.0' encoding='` + label + `' ?>
			<graphml><key id="n" attr.name="Network"/><graph><data key="n">Zürich</data><node id="a"/></graph></graphml>`)
		if err != nil {
			t.Fatal(err)
		}
		n, err := Read("x.graphml", []byte(text))
		if err != nil || n.Topology.Description != "Read from the network Zürich." {
			t.Errorf("%s gives %+v, %v", label, n, err)
		}
	}
}

// TestLeftOut: what the readers took for one, or left out with the whole file, and names of
// letters that a name cannot have.
func TestLeftOut(t *testing.T) {
	const cyrillic = `<graphml><key id="l" attr.name="label"/><graph><node id="moscow"><data key="l">Москва</data></node>` +
		`<node id="7"><data key="l">北京 2</data></node><node id="c"><data key="l">n</data></node>` +
		`<edge source="moscow" target="7"/><edge source="7" target="c"/></graph></graphml>`
	for _, tc := range []struct {
		file, text, links string
		remarks           []string
	}{
		{"x.graphml", cyrillic, "moscow-n7 10 Mb/s 1ms; n7-n 10 Mb/s 1ms",
			[]string{"no place", "2 of 3 nodes are called by their identifiers, as a name has letters from a to z: moscow for Москва"}},
		{"x.graphml", `<graphml><graph><node id="a"/><node id="a"/></graph></graphml>`, "",
			[]string{"1 of 1 nodes have no place", "several nodes have the same name, which links do not tell apart, and were taken for one: a"}},
		{"x.mn", `{"switches": [{"number": 1}, {"number": "2"}], "hosts": [{"number": "1"}, {"opts": {"hostname": "h1"}}],
			"links": [{"src": "s1", "dest": "s2"}, {"src": "h1", "dest": "s1"}]}`, "s1-s2 10 Mb/s 1ms",
			[]string{"several nodes have the same name, which links do not tell apart, and were taken for one: h1"}},
		{"x.clab.yml", "topology:\n  nodes: {a: {}, b: {}}\n  links:\n    - endpoints: [\"a:1\", \"b:1\"]\n" +
			"    - endpoints: [\"a:2\", \"host:x\"]\n    - endpoints: [\"macvlan:eth0\", \"b:2\"]\n" +
			"    - endpoints: [\"a:3\", \"mgmt-net:y\"]\n", "a-b 10 Mb/s 1ms",
			[]string{"images", "links that lead out of the network, to host, macvlan, mgmt-net, were left out"}},
		{"x.clab.yml", "topology:\n  nodes: {a: {}, host: {}}\n  links:\n    - endpoints: [\"a:1\", \"host:1\"]\n",
			"a-host 10 Mb/s 1ms", []string{"images"}},
	} {
		checkNetwork(t, tc.file, tc.text, tc.links, tc.remarks...)
	}
}
