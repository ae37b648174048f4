package yamlfile

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestNumbers: whole numbers may be written as floats; what is too large for its type, or a text by
// its tag, is none.
func TestNumbers(t *testing.T) {
	for text, want := range map[string]string{
		"small: 127":           "127 0",
		"small: 1e2":           "100 0",
		"small: -128.0":        "-128 0",
		"small: 128":           "expected a whole number of 8 bits, got 128: it is too large",
		"small: 1.28e2":        "expected a whole number of 8 bits, got 1.28e2: it is too large",
		"small: 1.5":           `expected a whole number, got "1.5"`,
		"small: 1e30":          `expected a whole number, got "1e30"`,
		"small: !!str 5":       "unexpected tag !!str; remove it",
		"plain: 65535":         "0 65535",
		"plain: 6e4":           "0 60000",
		"plain: 65536":         "expected a whole number of 16 bits, got 65536: it is too large",
		"plain: 7e4":           "expected a whole number of 16 bits, got 7e4: it is too large",
		"plain: -1e0":          `expected a whole number that is not negative, got "-1e0"`,
		"plain: 0.5":           `expected a whole number that is not negative, got "0.5"`,
		"plain: !!str 5":       "unexpected tag !!str; remove it",
		"plain: '5'":           `expected a whole number that is not negative, got "5"`,
		"plain: 1_0":           "0 10",
		"plain: 0x10":          "0 16",
		"{small: 1, plain: 2}": "1 2",
	} {
		var v struct {
			Small int8   `yaml:"small"`
			Plain uint16 `yaml:"plain"`
		}
		got := ""
		if err := Decode("f.yaml", []byte(text), &v); err != nil {
			got = strings.TrimPrefix(err.Error(), "f.yaml:1:8: "+text[:5]+": ")
		} else {
			got = fmt.Sprint(v.Small, v.Plain)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// TestOver: mappings are put together, and of everything else a document's own counts.
func TestOver(t *testing.T) {
	for own, want := range map[string]string{
		"x: {a: 2, c: 3}": "map[a:2 b:1 c:3]",
		"x: 5":            "5",
		"x: [5]":          "[5]",
		"x:":              "<nil>",
		"{}":              "map[a:1 b:1]",
		"y: 1":            "map[a:1 b:1]",
		"x: {b: {d: 4}}":  "map[a:1 b:map[d:4]]",
		"x: {a: , b: }":   "map[]",
		"x: {e: }":        "map[a:1 b:1 e:<nil>]",
	} {
		d, base := parsed(t, "own.yaml", own), parsed(t, "base.yaml", "x: {a: 1, b: 1}")
		var got struct {
			X any `yaml:"x"`
			Y any `yaml:"y"`
		}
		if err := errors.Join(d.Extend(base), d.Decode(&got)); err != nil || fmt.Sprint(got.X) != want {
			t.Errorf("%s: %v, %v, want %s", own, got.X, err, want)
		}
	}
	for _, sides := range [][2]string{{"[1]", "a: 1"}, {"a: 1", "[1]"}} {
		err := parsed(t, "own.yaml", sides[0]).Extend(parsed(t, "base.yaml", sides[1]))
		if err == nil || err.Error() != "own.yaml:1:1: expected a mapping on both sides" {
			t.Errorf("%s over %s: %v", sides[0], sides[1], err)
		}
	}
}

func parsed(t *testing.T, name, text string) *Document {
	t.Helper()
	d, err := Parse(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestManySteps: eight steps from the first document to the last one, and not more; places are in
// the files that they are from all the way.
func TestManySteps(t *testing.T) {
	d := parsed(t, "0.yaml", "k0: 0\n")
	for k := 1; k <= maxSteps; k++ {
		next := parsed(t, fmt.Sprintf("%d.yaml", k), strings.Repeat("\n", k)+fmt.Sprintf("k%d: 0\n", k))
		if err := next.Extend(d); err != nil {
			t.Fatalf("step %d: %v", k, err)
		}
		d = next
	}
	for k := range maxSteps + 1 {
		want := fmt.Sprintf("%d.yaml:%d:5", k, k+1)
		at := d.Pos(Path{fmt.Sprint("k", k)})
		if at.String() != want || at.Errorf("no").Error() != want+fmt.Sprintf(": k%d: no", k) {
			t.Errorf("k%d stands at %v, %v, want %s", k, at, at.Errorf("no"), want)
		}
	}

	last := parsed(t, "last.yaml", "k: 0\n")
	if err := last.Extend(d); err == nil || err.Error() != "last.yaml: more than 8 files extend one another" {
		t.Errorf("one more: %v", err)
	}
}

// TestPlaces: an error's place is known by its line.
func TestPlaces(t *testing.T) {
	placed := &Error{File: "f", Line: 1, Column: 2, Path: "a.b", Err: errors.New("e")}
	for _, c := range []struct {
		err  error
		want string
	}{
		{placed, "f:1:2: a.b"}, {&Error{File: "f", Path: "a", Err: errors.New("e")}, ""}, {errors.New("e"), ""}, {nil, ""},
		{fmt.Errorf("w: %w", placed), ""},
	} {
		if got := PlaceOf(c.err); got != c.want {
			t.Errorf("%v is at %q, want %q", c.err, got, c.want)
		}
	}
}

// TestJoinAgain: what is said again at a place is left out; what has none is not.
func TestJoinAgain(t *testing.T) {
	at := func(line int, text string) error { return Pos{File: "f", Line: line, Column: 1}.Errorf("%s", text) }
	nowhere := &Error{File: "f", Err: errors.New("e")}
	err := Join(at(2, "e"), nowhere, at(1, "e"), at(2, "e"), at(2, "other"), nowhere, errors.New("p"), errors.New("p"))
	if want := "f:1:1: e\nf:2:1: e\nf:2:1: other\nf: e\nf: e\np\np"; err.Error() != want {
		t.Errorf("joined are\n%v\nwant\n%s", err, want)
	}
}

// TestMostErrors: as many as are shown are all, and one more is counted.
func TestMostErrors(t *testing.T) {
	for n, last := range map[int]string{
		maxErrors - 1: "f:49:1: e", maxErrors: "f:50:1: e", maxErrors + 1: "and 1 more errors", maxErrors + 7: "and 7 more errors",
	} {
		var errs []error
		for k := range n {
			errs = append(errs, Pos{File: "f", Line: k + 1, Column: 1}.Errorf("e"))
		}
		all := Each(Join(errs...))
		if len(all) != min(n, maxErrors+1) || all[len(all)-1].Error() != last {
			t.Errorf("of %d errors there are %d, the last of them %q", n, len(all), all[len(all)-1])
		}
	}
}

// TestOwnFile: an error that names its file keeps it, whatever document it is wrapped in.
func TestOwnFile(t *testing.T) {
	at := parsed(t, "f.yaml", "a: {b: 1}").Pos(Path{"a", "b"})
	for want, err := range map[string]error{
		"other.yaml:7:3: x: e": &Error{File: "other.yaml", Line: 7, Column: 3, Path: "x", Err: errors.New("e")},
		"f.yaml:7:3: x: e":     &Error{Line: 7, Column: 3, Path: "x", Err: errors.New("e")},
		"f.yaml:1:8: a.b: e":   errors.New("e"),
	} {
		if got := at.Wrap(err); got.Error() != want {
			t.Errorf("wrapped is %v, want %s", got, want)
		}
	}
}

// TestSteps: an index is one of a list's, and a key one of a mapping's; of everything else the place
// is the nearest enclosing one.
func TestSteps(t *testing.T) {
	d := parsed(t, "f.yaml", "map: {a: 1, b: 2}\nlist: [x, y]\ntext: z\n")
	for _, c := range []struct {
		path Path
		want string
	}{
		{Path{"map", "b"}, "f.yaml:1:16"}, {Path{"map", 0}, "f.yaml:1:6"}, {Path{"map", 1}, "f.yaml:1:6"},
		{Path{"map", "c"}, "f.yaml:1:6"}, {Path{"list", 0}, "f.yaml:2:8"}, {Path{"list", 1}, "f.yaml:2:11"},
		{Path{"list", 2}, "f.yaml:2:7"}, {Path{"list", -1}, "f.yaml:2:7"}, {Path{"list", "x"}, "f.yaml:2:7"},
		{Path{"text", 0}, "f.yaml:3:7"}, {Path{"none", "a", 3}, "f.yaml:1:1"},
	} {
		if got := d.Pos(c.path).String(); got != c.want {
			t.Errorf("%v stands at %s, want %s", c.path, got, c.want)
		}
	}
}

// TestParseShowsPlaces: what is no single document is shown where it stands, too.
func TestParseShowsPlaces(t *testing.T) {
	for text, want := range map[string]string{
		"a: 1\n---\nb: 2\n": "     2 | ---\n       | ^",
		"a: &a [*a]\n":      "     1 | a: &a [*a]\n       |        ^",
	} {
		_, err := Parse("x.yaml", []byte(text))
		if got := Explain(err); !strings.Contains(got, want) {
			t.Errorf("%q is explained as\n%s\nwant a part of it to be\n%s", text, got, want)
		}
	}
}
