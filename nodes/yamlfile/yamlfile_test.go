package yamlfile

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"edgebed/nodes/fuzztest"
	"edgebed/nodes/units"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gopkg.in/yaml.v3"
)

type link struct {
	Pos  Pos
	A    string     `yaml:"a" required:"true"`
	B    string     `yaml:"b" required:"true"`
	Rate units.Rate `yaml:"rate"`
}

type common struct {
	Delay time.Duration `yaml:"delay,omitempty"`
	Loss  *float64      `yaml:"loss"`
}

// either is a rate, or one rate per direction.
type either struct{ Up, Down units.Rate }

func (e *either) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		if err := DecodeNode("", node, &e.Up); err != nil {
			return err
		}
		e.Down = e.Up
		return nil
	}
	var both struct {
		Up   units.Rate `yaml:"up" required:"true"`
		Down units.Rate `yaml:"down" required:"true"`
	}
	err := DecodeNode("", node, &both)
	e.Up, e.Down = both.Up, both.Down
	return err
}

type topology struct {
	Name     string               `yaml:"name" required:"true"`
	Links    []link               `yaml:"links"`
	Common   common               `yaml:",inline"`
	Queue    int8                 `yaml:"queue"`
	Pair     [2]uint16            `yaml:"pair"`
	On       bool                 `yaml:"on"`
	Sizes    map[string]int       `yaml:"sizes"`
	Ports    map[int]string       `yaml:"ports"`
	Raw      yaml.Node            `yaml:"raw"`
	Free     any                  `yaml:"free"`
	Any      either               `yaml:"any"`
	Waits    map[string][]float64 `yaml:"waits"`
	Hidden   string               `yaml:"-"`
	Untagged string
}

const full = `# a ring
name: ring
links:
- {a: s0, b: s1, rate: 10 Mb/s}
- &last
  a: s1
  b: s2
delay: 1 ms
loss: 0.5
queue: -12
pair: [1, 0xffff]
on: true
sizes: {x: 1_000, y: 0}
ports: {1: one, 0x2: two}
raw: {anything: [goes, 1]}
free: {list: [1, 2.5, true, ~, text], link: *last}
any: {up: 1 Mb/s, down: 2 Mb/s}
waits:
  none:
  some: [1, 1e-3]
untagged: yes
`

func TestDecode(t *testing.T) {
	got := topology{Queue: 7, Hidden: "kept"}
	if err := Decode("ring.yaml", []byte(full), &got); err != nil {
		t.Fatal(err)
	}
	loss := 0.5
	want := topology{
		Name: "ring",
		Links: []link{
			{Pos: Pos{File: "ring.yaml", Line: 4, Column: 3, Path: "links[0]"}, A: "s0", B: "s1", Rate: 10 * units.Mbps},
			{Pos: Pos{File: "ring.yaml", Line: 6, Column: 3, Path: "links[1]"}, A: "s1", B: "s2"},
		},
		Common: common{Delay: time.Millisecond, Loss: &loss},
		Queue:  -12,
		Pair:   [2]uint16{1, 0xffff},
		On:     true,
		Sizes:  map[string]int{"x": 1000, "y": 0},
		Ports:  map[int]string{1: "one", 2: "two"},
		Free: map[string]any{
			"list": []any{1, 2.5, true, nil, "text"},
			"link": map[string]any{"a": "s1", "b": "s2"},
		},
		Any:      either{units.Mbps, 2 * units.Mbps},
		Waits:    map[string][]float64{"none": nil, "some": {1, 1e-3}},
		Hidden:   "kept",
		Untagged: "yes",
	}
	// Lines and columns of a block mapping behind an anchor are the parser's
	// business; those of the flow mapping are checked below.
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(topology{}, "Raw"), cmpopts.IgnoreFields(Pos{}, "Line", "Column"), cmpopts.IgnoreUnexported(Pos{})); diff != "" {
		t.Errorf("decoded value differs (-want +got):\n%s", diff)
	}
	if p := got.Links[0].Pos; p.Line != 4 || p.Column != 3 {
		t.Errorf("links[0] stands at %v, want ring.yaml:4:3", p)
	}
	var raw struct {
		Anything []string `yaml:"anything"`
	}
	if err := DecodeNode("ring.yaml", &got.Raw, &raw); err != nil || len(raw.Anything) != 2 {
		t.Errorf("raw node decodes to %v, %v", raw, err)
	}
}

func TestErrors(t *testing.T) {
	for name, test := range map[string]struct {
		in   string
		want []string
	}{
		"empty":        {"", []string{"f.yaml:1:1: expected a document, got an empty file"}},
		"only comment": {"# nothing\n", []string{"f.yaml:1:1: expected a document, got an empty file"}},
		"null":         {"~", []string{"f.yaml:1:1: expected a mapping, got nothing"}},
		"syntax":       {"name: [x\nlinks: y", []string{"f.yaml:2: parse YAML: did not find expected ',' or ']'"}},
		"unclosed":     {"a: 1\nb: 2\nname: [x\nlinks: y", []string{"f.yaml:3: parse YAML: did not find expected ',' or ']'"}},
		"quote":        {"a: 1\nb: 2\nname: \"x\nlinks: y", []string{"f.yaml:3: parse YAML: found unexpected end of stream"}},
		"two":          {"name: x\n---\nname: y", []string{"f.yaml:2:1: expected one YAML document, got a second one"}},
		"list":         {"- name", []string{"f.yaml:1:1: expected a mapping, got a list"}},
		"unknown key": {"name: x\nlinkss: []", []string{
			`f.yaml:2:1: linkss: unknown key "linkss"; did you mean links?`}},
		"unknown key lists valid": {"name: x\nlinks: [{a: x, b: y, speed: 1}]", []string{
			`f.yaml:2:22: links[0].speed: unknown key "speed" (valid: a, b, rate)`}},
		"duplicate": {"name: x\nname: y", []string{`f.yaml:2:1: duplicate key "name"; it already stands in line 1`}},
		"missing": {"links: [{b: y}]", []string{
			`f.yaml:1:1: missing required key "name"`,
			`f.yaml:1:9: links[0]: missing required key "a"`}},
		"missing though named": {"name:", []string{`f.yaml:1:1: missing required key "name"`}},
		"in line order": {"queue: x\npair: [1]\nname: x", []string{
			`f.yaml:1:8: queue: expected a whole number, got "x"`,
			`f.yaml:2:7: pair: expected a list of 2, got one of 1`}},
		"range":     {"name: x\nqueue: 128", []string{`f.yaml:2:8: queue: expected a whole number of 8 bits, got 128: it is too large`}},
		"huge":      {"name: x\nqueue: 99999999999999999999", []string{`f.yaml:2:8: queue: expected a whole number, got "99999999999999999999"`}},
		"negative":  {"name: x\npair: [-1, 2]", []string{`f.yaml:2:8: pair[0]: expected a whole number that is not negative, got "-1"`}},
		"octal":     {"name: x\nqueue: 010", []string{`f.yaml:2:8: queue: expected a whole number, got "010"`}},
		"fraction":  {"name: x\nqueue: 1.5", []string{`f.yaml:2:8: queue: expected a whole number, got "1.5"`}},
		"quoted":    {"name: x\nqueue: '1'", []string{`f.yaml:2:8: queue: expected a whole number, got "1"`}},
		"not bool":  {"name: x\non: yes", []string{`f.yaml:2:5: on: expected true or false, got "yes"`}},
		"infinite":  {"name: x\nloss: .inf", []string{`f.yaml:2:7: loss: expected a number, got ".inf"`}},
		"duration":  {"name: x\ndelay: 10", []string{`f.yaml:2:8: delay: expected a duration such as 10 ms, got "10": the unit is missing`}},
		"scalar":    {"name: [x]\n", []string{`f.yaml:1:7: name: expected a text, got a list`}},
		"text":      {"name: x\nlinks: [{a: x, b: y, rate: 10 MB/s}]", []string{`f.yaml:2:28: links[0].rate: parse rate "10 MB/s": unclear unit "MB/s": rates count bits here; write 8 Mb/s for 1 MB/s (write it like 10 Mb/s)`}},
		"text kind": {"name: x\nlinks: [{a: x, b: y, rate: [1]}]", []string{`f.yaml:2:28: links[0].rate: expected a value, got a list`}},
		"map key":   {"name: x\nports: {one: x}", []string{`f.yaml:2:9: ports.one: expected a whole number, got "one"`}},
		"same key":  {"name: x\nports: {1: x, 0x1: y}", []string{`f.yaml:2:15: ports: duplicate key "0x1": another key has the same value`}},
		"list key":  {"name: x\n? [a]\n: b", []string{`f.yaml:2:3: expected a key, got a list`}},
		"merge":     {"name: x\nlinks: [&l {a: x}, {<<: *l}, {<<: x, a: y, b: z}]", []string{`f.yaml:2:35: expected a mapping after <<, such as *name, got "x"`}},
		"tag":       {"name: !secret x", []string{`f.yaml:1:7: name: unexpected tag !secret; remove it`}},
		"own type": {"name: x\nany: {up: 1 Mb/s, dwn: 2 Mb/s}", []string{
			`f.yaml:2:19: any.dwn: unknown key "dwn"; did you mean down? (valid: down, up)`}},
		"own type scalar": {"name: x\nany: 3", []string{`f.yaml:2:6: any: parse rate "3": the unit is missing (write it like 10 Mb/s)`}},
		"self":            {"name: x\nfree: &f [*f]", []string{`f.yaml:2:11: alias *f stands inside its own anchor`}},
		"odd key path":    {"name: x\nsizes: {a.b: z}", []string{`f.yaml:2:14: sizes."a.b": expected a whole number, got "z"`}},
	} {
		t.Run(name, func(t *testing.T) {
			var v topology
			err := Decode("f.yaml", []byte(test.in), &v)
			if err == nil {
				t.Fatal("no error")
			}
			got := strings.Split(err.Error(), "\n")
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("errors differ (-want +got):\n%s", diff)
			}
			var e *Error
			if !errors.As(err, &e) || e.File != "f.yaml" {
				t.Errorf("%T holds no *Error of f.yaml", err)
			}
		})
	}
}

func TestAliasBomb(t *testing.T) {
	var b strings.Builder
	b.WriteString("l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&b, "l%d: &l%d [%s*l%d]\n", i, i, strings.Repeat(fmt.Sprintf("*l%d, ", i-1), 9), i-1)
	}
	var v yaml.Node
	err := Decode("bomb.yaml", []byte(b.String()), &v)
	if err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("an alias bomb gives %v, want a refusal", err)
	}
}

func TestManyErrors(t *testing.T) {
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, "k%d: 1\n", i)
	}
	var v struct{}
	err := Decode("f.yaml", []byte(b.String()), &v)
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != maxErrors+1 || lines[maxErrors] != "and 950 more errors" {
		t.Errorf("%d lines, the last is %q", len(lines), lines[len(lines)-1])
	}
}

func TestTarget(t *testing.T) {
	var v struct{}
	for _, into := range []any{nil, v, (*struct{})(nil)} {
		if err := Decode("f.yaml", []byte("{}"), into); err == nil {
			t.Errorf("decoding into %T gives no error", into)
		}
	}
	var c struct{ C chan int }
	if err := Decode("f.yaml", []byte("c: 1"), &c); err == nil {
		t.Error("decoding into a channel gives no error")
	}
}

func TestDocument(t *testing.T) {
	doc, err := Parse("topologies/x.yaml", []byte(full))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		path Path
		want string
	}{
		{Path{"links", 0, "b"}, "topologies/x.yaml:4:14: links[0].b: unknown switch s9; did you mean s0?"},
		{Path{"free", "link", "b"}, "topologies/x.yaml:7:6: free.link.b: unknown switch s9; did you mean s0?"},
		{Path{"links", 7, "b"}, "topologies/x.yaml:4:1: links[7].b: unknown switch s9; did you mean s0?"},
		{nil, "topologies/x.yaml:2:1: unknown switch s9; did you mean s0?"},
	} {
		err := doc.Errorf(test.path, "unknown switch %s%s", "s9", Suggest("s9", []string{"s0"})[:len("; did you mean s0?")])
		if err.Error() != test.want {
			t.Errorf("error at %v is\n%v, want\n%s", test.path, err, test.want)
		}
	}
	var none *Document
	if got, want := none.Errorf(Path{"links", 2}, "no").Error(), "links[2]: no"; got != want {
		t.Errorf("a nil document's error is %q, want %q", got, want)
	}
	if got, want := (Pos{}).Errorf("no").Error(), "no"; got != want {
		t.Errorf("the zero Pos's error is %q, want %q", got, want)
	}
}

func TestNearest(t *testing.T) {
	valid := []string{"pure-faas", "state-prop", "state-local"}
	for name, want := range map[string]string{
		"purefaas": "pure-faas", "State-Prop": "state-prop", "state-locl": "state-local",
		"embedded": "", "": "", "x": "",
	} {
		if got, ok := Nearest(name, valid); got != want || ok != (want != "") {
			t.Errorf("Nearest(%q) = %q, %v; want %q", name, got, ok, want)
		}
	}
}

func TestJoin(t *testing.T) {
	if err := Join(nil, nil); err != nil {
		t.Errorf("joining nothing gives %v", err)
	}
	plain := errors.New("plain")
	at := func(line int) error { return Pos{File: "f", Line: line, Column: 1}.Errorf("e") }
	err := Join(plain, errors.Join(at(9), at(2)), nil)
	if got, want := err.Error(), "f:2:1: e\nf:9:1: e\nplain"; got != want {
		t.Errorf("joined errors print %q, want %q", got, want)
	}
	if !errors.Is(err, plain) {
		t.Error("a joined error is not found")
	}
}

func TestWrap(t *testing.T) {
	pos := Pos{File: "f.yaml", Line: 3, Column: 5, Path: "workflow"}
	if err := pos.Wrap(nil); err != nil {
		t.Errorf("wrapping nil gives %v", err)
	}
	plain := errors.New("no functions")
	own := Pos{Line: 1, Column: 2}.Errorf("own place")
	err := pos.Wrap(errors.Join(plain, own))
	if got, want := err.Error(), "f.yaml:1:2: own place\nf.yaml:3:5: workflow: no functions"; got != want {
		t.Errorf("wrapped errors print %q, want %q", got, want)
	}
	if !errors.Is(err, plain) {
		t.Error("a wrapped error is not found")
	}
}

// FuzzDecode checks that no input makes decoding panic or hang, and that every
// error has a position.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{full, "", "~", "a: &a [*a]", "a: &a {<<: *a}", "%YAML 1.1\n---\n", "? {}\n: x", "!!binary x", "\xff", "a: *b", "[", "&a *a"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fuzztest.Watch(t, time.Second)
		var v topology
		err := Decode("f.yaml", data, &v)
		for _, err := range flatten(err) {
			var e *Error
			if !errors.As(err, &e) && !strings.HasPrefix(err.Error(), "and ") {
				t.Errorf("error %v (%T) has no position", err, err)
			}
		}
		var x any
		_ = Decode("f.yaml", data, &x)
	})
}
