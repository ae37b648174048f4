package foreign

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"edgebed/nodes/fuzztest"
)

// TestFiles reads a small file of each kind: what stands in it, and what is said to
// be left out.
func TestFiles(t *testing.T) {
	for _, tc := range []struct {
		file, name      string
		switches, hosts []string
		// links in the form from-to with rate and delay.
		links   []string
		remarks []string
	}{
		{
			"triangle.graphml", "Three_Cities",
			[]string{"Pisa", "Milan__Via_Larga", "Rome", "Rome_2"},
			[]string{"h_Pisa@Pisa", "h_Milan__Via_Larga@Milan__Via_Larga", "h_Rome@Rome", "h_Rome_2@Rome_2"},
			[]string{
				"Pisa-Milan__Via_Larga 10 Mb/s 1.079ms", "Milan__Via_Larga-Rome 155 Mb/s 2.392ms",
				"Milan__Via_Larga-Rome 10 Mb/s 2.392ms", "Milan__Via_Larga-Rome 10 Mb/s 2.392ms", "Rome-Rome_2 10 Mb/s 1ms",
			},
			[]string{"1 of 4 nodes have no place", "2 of 4 names were changed", "1 links lead from a switch to itself"},
		},
		{
			"lab.clab.yml", "lab",
			[]string{"leaf-1", "leaf-2", "spine"}, []string{"client1@leaf-1", "client2@leaf-2"},
			[]string{"leaf-1-spine 10 Mb/s 1ms", "leaf-2-spine 10 Mb/s 1ms"},
			[]string{"images, kinds"},
		},
		{
			"small.mn", "small",
			[]string{"s1", "s2"}, []string{"h1@s1", "h2@s2"},
			[]string{"s1-s2 20 Mb/s 5ms", "h1-s1 1 Mb/s 0s"},
			[]string{"1 controllers were left out"},
		},
		{
			"office.dot", "my_office",
			[]string{"core", "left", "right"}, []string{"pc1@left", "file_server@right"},
			[]string{"core-left 50 Mb/s 2ms", "core-right 50 Mb/s 2ms", "left-right 10 Mb/s 1ms"},
			[]string{"rate=soon", "1 of 5 names were changed"},
		},
		{
			"as.txt", "as",
			[]string{"n1", "n11537", "n3"}, []string{"h_n1@n1", "h_n11537@n11537", "h_n3@n3"},
			[]string{"n1-n11537 10 Mb/s 1ms", "n1-n3 10 Mb/s 1ms", "n11537-n3 10 Mb/s 1ms"},
			[]string{"4 lines have more than two columns", "names were changed", "2 parts without a link"},
		},
	} {
		t.Run(tc.file, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("testdata", tc.file))
			if err != nil {
				t.Fatal(err)
			}
			n, err := Read(tc.file, data)
			if err != nil {
				t.Fatal(err)
			}

			var hosts, links []string
			for _, h := range n.Topology.Hosts {
				hosts = append(hosts, h.Name+"@"+h.Switch)
			}
			for _, l := range n.Topology.AllLinks() {
				p := n.Topology.Directions(l)[0]
				links = append(links, fmt.Sprintf("%s-%s %v %v", l.Between[0], l.Between[1], p.Rate, p.Delay))
			}
			if n.Topology.Name != tc.name {
				t.Errorf("name %s, want %s", n.Topology.Name, tc.name)
			}
			if !slices.Equal(n.Topology.Switches, tc.switches) {
				t.Errorf("switches %q, want %q", n.Topology.Switches, tc.switches)
			}
			if !slices.Equal(hosts, tc.hosts) {
				t.Errorf("hosts %q, want %q", hosts, tc.hosts)
			}
			if !slices.Equal(links, tc.links) {
				t.Errorf("links %q, want %q", links, tc.links)
			}

			for _, want := range tc.remarks {
				if !slices.ContainsFunc(n.Remarks, func(r string) bool { return strings.Contains(r, want) }) {
					t.Errorf("no remark says %q; there are %q", want, n.Remarks)
				}
			}
			if len(n.Remarks) != len(tc.remarks) {
				t.Errorf("%d remarks, want %d: %q", len(n.Remarks), len(tc.remarks), n.Remarks)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	for _, tc := range []struct{ file, text, want string }{
		{"x.png", "", "unknown kind of file; expected .graphml"},
		{"x.graphml", "<graphml>\n<graph>", "x.graphml:2:8: read as GraphML: the XML ends before"},
		{"x.graphml", "<graphml>\n<graph></node>", "x.graphml:2:15: read as GraphML: this is no XML: element <graph> closed by </node>"},
		{"x.graphml", "no XML", "x.graphml:1:1: read as GraphML: expected XML with the element <graphml>"},
		{"x.graphml", `<?xml version="1.0" encoding="martian"?><graphml/>`, `x.graphml:1:31: the encoding "martian" is not known`},
		{"x.graphml", "<graphml></graphml>", "no <graph>"},
		{"x.graphml", `<graphml><graph><node id="a"/><edge source="a" target="b"/></graph></graphml>`, `unknown node "b"`},
		{"x.graphml", `<graphml><graph></graph></graphml>`, "no nodes"},
		{"x.clab.yml", "topology:\n  links:\n    - endpoints: [\"a:1\", \"b:1\"]\n",
			`x.clab.yml:3:19: read as containerlab: a link names the unknown node "a"`},
		{"x.clab.yml", "topology: [", "x.clab.yml:2: read as containerlab: parse YAML: did not find expected node content"},
		{"x.clab.yml", "topology:\n  nodes: [a, b]\n", "x.clab.yml:2:1: read as containerlab: expected a mapping, got a list"},
		{"x.clab.yml", "topology:\n  links:\n    - endpoints: a:1\n", "x.clab.yml:3:1: read as containerlab: expected a list, got a:1"},
		{"x.mn", "{", "x.mn:1:2: read as MiniEdit: the JSON ends before"},
		{"x.mn", "{\n}}", "x.mn:2:2: read as MiniEdit: this is no JSON: invalid character '}'"},
		{"x.mn", `{"hosts": {"number": 1}}`, "x.mn:1:11: read as MiniEdit: hosts: expected a list, got an object"},
		{"x.mn", `{"links": [{"src": 1}]}`, "x.mn:1:20: read as MiniEdit: links.src: expected text, got a number"},
		{"x.mn", `{"links":[{"src":"a","dest":"b"}]}`, `link 1 names the unknown node "a"`},
		{"x.dot", "graph {", `x.dot:1:8: read as DOT: expected one of "{", "}", graph, node, edge, subgraph, or a name; got the end of the file`},
		{"x.dot", "graph {\n a -- \"b }", `x.dot:2:7: read as DOT: expected one of "{", subgraph or a name; got a quotation mark without its second one`},
		{"x.dot", "graph { a -> b }", `x.dot as DOT: undirected graph "" contains directed edge`},
		{"x.dot", `graph { r -- s [mtu=1200] }`, "link r-s: packets between hosts h_r and h_s have up to 1500 bytes"},
		{"x.txt", "a\n", `x.txt:1:1: read as edge list: "a" does not name two nodes`},
		{"x.txt", "", "got an empty file"},
		{"x.txt", "# nothing\n", "no nodes"},
		{"x.txt", "a b\nc " + strings.Repeat("d", 2<<20) + "\nc\n", "x.txt:3:1: "},
		{"x.txt", "a b\nc \xff\n", "x.txt:2:3: expected UTF-8 text, got the byte 0xff"},
		{"x.csv", "a,b\n\"c,d\n", `x.csv:3:1: read as edge list: a quotation mark`},
		{"x.csv", "source,rate,target\na,,\n", `x.csv:2:1: read as edge list: "a  " does not name two nodes`},
	} {
		_, err := Read(tc.file, []byte(tc.text))
		if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), tc.file) {
			t.Errorf("%s %q gives %v, want an error that says %q", tc.file, tc.text, err, tc.want)
		}
	}
}

// FuzzRead checks that no file crashes a reader, and that what it accepts is a
// valid network.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(filepath.Base(file), data)
	}

	f.Fuzz(func(t *testing.T, file string, data []byte) {
		fuzztest.Watch(t, time.Second)
		n, err := Read(file, data)
		if err == nil && n.Topology.Check() != nil {
			t.Errorf("%s gives a network that is not valid: %v", file, n.Topology.Check())
		}
	})
}
