package workflow

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"edgebed/nodes/fuzztest"
	"edgebed/nodes/units"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func TestParseJSON(t *testing.T) {
	for name, test := range map[string]struct {
		in   string
		want *Workflow
	}{
		"chain": {
			`{"functions": ["f0", "f1"], "dependencies": {"s0": ["f0"], "s1": null}, "state-sizes": {"s0": 10000, "s1": 20}}`,
			&Workflow{
				Functions:    []string{"f0", "f1"},
				Dependencies: map[string][]string{"s0": {"f0"}, "s1": {}},
				StateSizes:   map[string]units.Size{"s0": 10 * units.KB, "s1": 20},
			},
		},
		"DAG": {
			`{"successors": [[1, 2], [3], [3]], "functionNames": ["a", "b", "c", "d"], "dependencies": {}, "state-sizes": {}}`,
			dag([][]int{{1, 2}, {3}, {3}}),
		},
		"order": {
			`{"functions": ["a", "a"], "dependencies": {"s": ["a"]}, "state-sizes": {"s": 0}, "state-order": {"s": [0, 1]}}`,
			&Workflow{
				Functions:    []string{"a", "a"},
				Dependencies: map[string][]string{"s": {"a"}},
				StateSizes:   map[string]units.Size{"s": 0},
				Order:        map[string][]int{"s": {0, 1}},
			},
		},
		"any order, text": {
			`{"functions": ["a", "a"], "dependencies": {"s": ["a"], "t": ["a"]}, "state-sizes": {"s": 0, "t": 0}, "state-order": {"t": "any", "s": "any"}, "variant": "text"}`,
			&Workflow{
				Functions:    []string{"a", "a"},
				Dependencies: map[string][]string{"s": {"a"}, "t": {"a"}},
				StateSizes:   map[string]units.Size{"s": 0, "t": 0},
				AnyOrder:     []string{"s", "t"},
				Variant:      Text,
			},
		},
		"artifact":              {`{"functions": ["a"], "variant": "artifact"}`, chain("a")},
		"nothing but functions": {"\n{\"functions\": [\"a\"]}\n", chain("a")},
		"null":                  {`{"functions": ["a"], "dependencies": null, "state-sizes": null}`, chain("a")},
		"single DAG":            {`{"successors": [], "functionNames": ["a"]}`, dag([][]int{})},
		"single DAG, null":      {`{"successors": null, "functionNames": ["a"]}`, dag([][]int{})},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseJSON("w.json", []byte(test.in))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("workflow differs (-want +got):\n%s", diff)
			}
			if got.IsChain() != test.want.IsChain() {
				t.Errorf("chain: %v, want %v", got.IsChain(), test.want.IsChain())
			}
		})
	}
}

func TestParseJSONErrors(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"empty":           {"", "w.json:1:1: expected a document, got an empty file"},
		"syntax":          {"{\n \"functions\": [,]}", "w.json:2:16: parse JSON: invalid character ','"},
		"cut":             {`{"functions": [`, "w.json:1:16: parse JSON: unexpected EOF"},
		"trailing":        {`{"functions": ["a"]} x`, "w.json:1:22: expected one JSON object, got more text after it"},
		"list":            {`["a"]`, `w.json:1:1: expected an object, got ["a"]`},
		"neither":         {`{}`, "w.json:1:1: missing keys: expected a chain (functions) or a DAG (successors and functionNames)"},
		"both":            {`{"functions": [], "successors": []}`, "got keys of both"},
		"half a DAG":      {`{"successors": []}`, `missing key "functionNames"`},
		"other half":      {`{"functionNames": []}`, `missing key "successors"`},
		"unknown key":     {"{\"functions\": [\"a\"],\n \"dependancies\": {}}", `w.json:2:18: unknown key "dependancies"; did you mean dependencies?`},
		"duplicate key":   {`{"functions": ["a"], "functions": ["b"]}`, `w.json:1:35: duplicate key "functions"`},
		"duplicate state": {`{"functions": ["a"], "state-sizes": {"s": 1, "s": 2}}`, `w.json:1:51: state-sizes: duplicate key "s"`},
		"functions":       {`{"functions": "a"}`, `w.json:1:15: functions: expected a list of function names, got "a"`},
		"fraction":        {`{"functions": ["a"], "state-sizes": {"s": 1.5}}`, "w.json:1:43: state-sizes.s: expected a whole number of bytes from 0 to 1099511627776, got 1.5"},
		"null size":       {`{"functions": ["a"], "state-sizes": {"s": null}}`, "state-sizes.s: expected a whole number of bytes from 0 to 1099511627776, got null"},
		"order":           {`{"functions": ["a"], "state-order": {"s": "some"}}`, `state-order.s: expected a list of function indices, or any, got "some"`},
		"variant":         {`{"functions": ["a"], "variant": "paper"}`, `unknown variant "paper"`},
		"variant's kind":  {`{"functions": ["a"], "variant": 3}`, "variant: expected a reading of the paper, got 3"},
		"successors":      {`{"successors": [1], "functionNames": ["a"]}`, "successors: expected a list of lists of indices, got [1]"},
		"invalid":         {`{"functions": ["a"], "dependencies": {"s": ["b"]}, "state-sizes": {"s": 1}}`, "w.json:1:73: validate workflow: state s: dependency on unknown function b"},
		"invalid twice":   {`{"functions": ["a"], "dependencies": {"s": ["b"]}}`, "w.json:1:44: validate workflow: state s: it has dependencies but no size\nw.json:1:44: validate workflow: state s: dependency"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseJSON("w.json", []byte(test.in))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want one with %q", err, test.want)
			}
		})
	}
}

// TestPrototypeFiles checks that the prototype's own files are read, and
// written back with the same content.
func TestPrototypeFiles(t *testing.T) {
	names, err := filepath.Glob("testdata/prototype/chain-*.json")
	if err != nil || len(names) != 20 {
		t.Fatalf("%d files, %v; want 20", len(names), err)
	}
	hashes := map[string]string{}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		w, err := ParseJSON(name, data)
		if err != nil {
			t.Error(err)
			continue
		}
		text, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		var want, got any
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s differs when written again (-want +got):\n%s", name, diff)
		}
		if other, ok := hashes[w.Hash()]; ok {
			t.Errorf("%s and %s have the same hash", name, other)
		}
		hashes[w.Hash()] = name
	}
}

func TestHash(t *testing.T) {
	w := dag([][]int{{1, 2}, {3}, {3}}, "s:bd")
	// The value is part of result files: it must never change.
	if got, want := w.Hash(), "b9c1912d3d9daa4d"; got != want {
		t.Errorf("hash is %s, want %s", got, want)
	}
	other := dag([][]int{{1, 2}, {3}, {3}}, "s:bd")
	other.Order = map[string][]int{}
	if w.Hash() != other.Hash() {
		t.Error("an empty order changes the hash")
	}
	other.StateSizes["s"]++
	if w.Hash() == other.Hash() {
		t.Error("a state's size does not change the hash")
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w *Workflow
		if rapid.Bool().Draw(t, "chain") {
			g := Chains{
				Variant:   rapid.SampledFrom([]Variant{Artifact, Text}).Draw(t, "variant"),
				S:         rapid.IntRange(1, 6).Draw(t, "S"),
				L:         rapid.IntRange(1, 6).Draw(t, "L"),
				Functions: rapid.SliceOfN(rapid.StringN(1, 10, -1), 1, 5).Draw(t, "functions"),
			}
			var err error
			if w, err = g.Generate(rapid.Uint64().Draw(t, "seed"), 0); err != nil {
				t.Fatal(err)
			}
		} else {
			w = drawRandom(t)
			for _, state := range slices.Sorted(maps.Keys(w.Order)) {
				if rapid.Bool().Draw(t, "any "+state) {
					delete(w.Order, state)
					w.AnyOrder = append(w.AnyOrder, state)
				}
			}
		}
		text, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseJSON("w.json", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if diff := cmp.Diff(w, again, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("workflow differs after a round trip (-want +got):\n%s", diff)
		}
		if w.Hash() != again.Hash() || w.IsChain() != again.IsChain() {
			t.Fatal("hash or kind differ after a round trip")
		}
	})
}

// FuzzParseJSON checks that no input makes reading panic, and that what is read
// is valid, survives a round trip and can be put to all questions.
func FuzzParseJSON(f *testing.F) {
	for _, s := range []string{
		`{"functions": ["a", "b"], "dependencies": {"s": ["a"]}, "state-sizes": {"s": 1}}`,
		`{"successors": [[1, 2], [3], [3]], "functionNames": ["a", "b", "c", "d"], "dependencies": {"s": ["b", "c"]}, "state-sizes": {"s": 5}, "state-order": {"s": [2, 1]}}`,
		`{"successors": [[1], [2], [1]], "functionNames": ["a", "b", "c", "d"]}`,
		`{"functions": ["a"], "dependencies": {"s": ["a"]}, "state-sizes": {"s": 5}, "state-order": {"s": "any"}, "variant": "text"}`,
		`{}`, `[`, `null`, "{\"functions\":[\"\\ud800\"]}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fuzztest.Watch(t, time.Second)
		w, err := ParseJSON("w.json", data)
		if err != nil {
			if err.Error() == "" {
				t.Error("the error is empty")
			}
			return
		}
		if err := w.Validate(); err != nil {
			t.Fatalf("what was read is not valid: %v", err)
		}
		text, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseJSON("again.json", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if again.Hash() != w.Hash() {
			t.Errorf("hash differs after a round trip of %s", text)
		}
		_, _ = Augment(w)
		_ = w.CheckCarry()
		for _, model := range Models {
			place := Placement{Client: "c", Host: func(i int) string { return w.Functions[i] }}
			if _, err := Predict(w, Run{model, Carry, 1}, place, nil); err != nil {
				t.Errorf("%s cannot be predicted: %v", model, err)
			}
		}
	})
}

// TestExcerpt shortens what is longer than forty letters, not bytes.
func TestExcerpt(t *testing.T) {
	forty := strings.Repeat("ä", 40)
	for value, want := range map[string]string{
		"a  b\n c": "a b c", forty: forty, forty + "b": forty + "...", "\xff": "?",
	} {
		if got := excerpt([]byte(value)); got != want {
			t.Errorf("%q is shortened to %q, want %q", value, got, want)
		}
	}
}
