package yamlfile

import (
	"reflect"
	"strings"
	"testing"
)

// TestMerge writes out merge keys: a mapping's own keys count, then those of the first
// mapping that has them.
func TestMerge(t *testing.T) {
	const text = `
base: &base {rate: 1, delay: 2}
more: &more {delay: 3, loss: 4, inner: {<<: *base, rate: 5}}
one: {<<: *base, rate: 9}
two: {<<: [*more, *base], queue: 7}
text: {"<<": 1}
`
	var got map[string]map[string]any
	if err := Decode("f.yaml", []byte(text), &got); err != nil {
		t.Fatal(err)
	}
	inner := map[string]any{"rate": 5, "delay": 2}
	for key, want := range map[string]map[string]any{
		"one":  {"rate": 9, "delay": 2},
		"two":  {"rate": 1, "delay": 3, "loss": 4, "inner": inner, "queue": 7},
		"text": {"<<": 1},
	} {
		if !reflect.DeepEqual(got[key], want) {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
}

// TestExtend lays one document over another: mistakes are told in the file that they
// are in.
func TestExtend(t *testing.T) {
	parse := func(name, text string) *Document {
		d, err := Parse(name, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	base := parse("base.yaml", "name: base\nlinks: [{a: x, b: y}]\nnetwork: {rate: 1, delay: 2, deep: {x: 1, y: 2}}\nwrong: many\n")
	middle := parse("middle.yaml", "name: middle\nnetwork: {delay: 3, deep: {x: 5}}\n")
	if err := middle.Extend(base); err != nil {
		t.Fatal(err)
	}
	d := parse("top.yaml", "name: top\nlinks: []\nnetwork: {rate: }\n")
	if err := d.Extend(middle); err != nil {
		t.Fatal(err)
	}

	var got struct {
		Name    string         `yaml:"name"`
		Links   []any          `yaml:"links"`
		Network map[string]any `yaml:"network"`
		Wrong   int            `yaml:"wrong"`
	}
	err := d.Decode(&got)
	if err == nil || err.Error() != `base.yaml:4:8: wrong: expected a whole number, got "many"` {
		t.Errorf("got %v, want the mistake in base.yaml", err)
	}
	if text := Explain(err); !strings.Contains(text, "4 | wrong: many") {
		t.Errorf("the line is not shown: %s", text)
	}
	want := map[string]any{"delay": 3, "deep": map[string]any{"x": 5, "y": 2}}
	if got.Name != "top" || len(got.Links) != 0 || !reflect.DeepEqual(got.Network, want) {
		t.Errorf("read %+v", got)
	}
	if at := d.Pos(Path{"network", "deep", "y"}); at.String() != "base.yaml:3:46" {
		t.Errorf("y stands at %s", at)
	}
	if err := d.Errorf(Path{"network", "delay"}, "x"); !strings.HasPrefix(err.Error(), "middle.yaml:2:18: network.delay") {
		t.Errorf("got %v", err)
	}
}
