package main

import (
	"bytes"
	"go/ast"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// module is a package with each kind of operator, and tests that hold most of them.
var module = map[string]string{
	"go.mod": "module example.org/m\n\ngo 1.26\n",
	"p/p.go": `package p

type length float64

const one = 1
const twice = 2 * one

type number interface{ ~int | ~float64 }

func sum[T number](a, b T) T { return a + b }

func name(a, b string) string { return a + b }

func between(a, b, c int) bool {
	return a <= b && b < c || // the right one
		a == c
}

func steps(n int) length {
	left := map[string]int{}
	for range n + 1 {
		left["all"]++
	}
	left["all"]--
	return -length(left["all"]) * twice
}
`,
	"p/p_test.go": `package p

import "testing"

func TestAll(t *testing.T) {
	if sum(2, 1) != 3 || name("a", "b") != "ab" || steps(3) != -6 {
		t.Error("sum, name or steps")
	}
	if !between(1, 2, 3) || !between(1, 1, 2) || between(3, 2, 1) {
		t.Error("between")
	}
}
`,
}

// everywhere are all mutants of a source.
func everywhere(t *testing.T, s source) []mutant {
	t.Helper()
	var all []mutant
	for _, syntax := range s.Syntax {
		ast.Inspect(syntax, func(n ast.Node) bool {
			at := operator(n)
			if !at.IsValid() {
				return true
			}
			p := s.Fset.Position(at)
			for _, kind := range slices.Sorted(maps.Keys(turned)) {
				m := mutant{file: filepath.Join("p", filepath.Base(p.Filename)), kind: kind, line: p.Line, column: p.Column}
				_, counts := n.(*ast.IncDecStmt)
				if err := m.place(s.texts[m.file]); err == nil && kind != "INVERT_NEGATIVES" && counts == (kind == "INCREMENT_DECREMENT") {
					all = append(all, m)
				}
			}
			return true
		})
	}
	return all
}

// TestHunt finds the mutants that a package's tests do not notice, whether they are built
// together or alone.
func TestHunt(t *testing.T) {
	dir := t.TempDir()
	for file, text := range module {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)

	s, err := load("p", options{})
	if err != nil {
		t.Fatal(err)
	}
	all := everywhere(t, s)
	if _, made := s.together(all); len(made) != len(all)-3 {
		t.Errorf("%d of %d mutants are built together, want all but those of a constant, of a type parameter and of strings",
			len(made), len(all))
	}

	var b bytes.Buffer
	c, err := hunt(t.Context(), &b, s, "p", all, map[string]bool{all[0].key(): true}, options{})
	if err != nil {
		t.Fatal(err)
	}
	if want := (count{killed: len(all) - 4, survived: 2, equivalent: 1, broken: 1}); c != want {
		t.Errorf("of %d mutants: %+v, want %+v; survivors:\n%s", len(all), c, want, b.String())
	}
	want := "p/p.go:15: CONDITIONALS_BOUNDARY return a <= b && b «<» c || // the right one\n"
	if got := b.String(); !strings.Contains(got, want) || !strings.Contains(got, "INVERT_LOGICAL return a <= b «&&» b") {
		t.Errorf("survivors are\n%s", got)
	}
}

// TestRefused: only what the compiler says of the source is of a mutant; what a build lacks
// ends the hunt.
func TestRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		script string
		want   bool
	}{
		"compiler":  {`echo '# m/p'; echo 'p/p.go:3:5: invalid operation'; exit 1`, true},
		"full disk": {`echo 'go: write /tmp/b/_pkg_.a: no space left on device'; exit 1`, false},
		"linker":    {`echo '# m/p.test'; echo 'link: mapping output file failed: no space left on device'; exit 1`, false},
		"no tool":   {"", false},
		"built":     {"exit 0", false},
	} {
		wrapper := filepath.Join(t.TempDir(), "wrapper")
		if tc.script != "" {
			if err := os.WriteFile(wrapper, []byte("#!/bin/sh\n"+tc.script+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		all := []mutant{{file: "p/p.go", kind: "ARITHMETIC_BASE"}}
		b := &bench{pkg: "p", dir: t.TempDir(), all: all, o: options{wrapper: wrapper}}

		outcome, err := b.try(t.Context(), 0)
		if built := name == "built"; !built && (outcome != broken || (err == nil) != tc.want) || built && err != nil {
			t.Errorf("%s: outcome %d, %v; want it to be the compiler's refusal: %v", name, outcome, err, tc.want)
		}
	}
}
