package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// large is how many lines of product code make a room large.
const large = 1500

// design is docs/design.md, by the titles of its sections.
func design(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/design.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, part := range regexp.MustCompile(`(?m)^#+ `).Split(string(text), -1) {
		title, body, _ := strings.Cut(part, "\n")
		sections[title] = body
	}
	return sections
}

// firstCells returns the names in the first column of a section's table.
func firstCells(t *testing.T, sections map[string]string, title string) []string {
	t.Helper()
	var names []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(sections[title], -1) {
		names = append(names, m[1])
	}
	if len(names) == 0 {
		t.Fatalf("docs/design.md has no table under %q", title)
	}
	return names
}

// TestRoomTable holds the page's tables against the packages that there are.
func TestRoomTable(t *testing.T) {
	all, err := packages("../..")
	if err != nil {
		t.Fatal(err)
	}
	sections := design(t)
	named := slices.Concat(firstCells(t, sections, "Nodes"), firstCells(t, sections, "Harness"), firstCells(t, sections, "Scripts"))
	explained := firstCells(t, sections, "Large rooms")

	for _, p := range all {
		if !slices.Contains(named, p.room) {
			t.Errorf("docs/design.md has no line for the room %s", p.room)
		}
		if p.lines > large && !slices.Contains(explained, p.room) {
			t.Errorf("%s has %d lines: say under Large rooms which one idea it holds, or split it", p.room, p.lines)
		}
	}
	is := func(room string) func(pkg) bool { return func(p pkg) bool { return p.room == room } }
	for _, room := range slices.Concat(named, explained) {
		if !slices.ContainsFunc(all, is(room)) {
			t.Errorf("docs/design.md names the room %s, which there is not", room)
		}
	}
	for i, room := range named {
		if slices.Contains(named[:i], room) {
			t.Errorf("docs/design.md has two lines for the room %s", room)
		}
	}
}

var (
	// file is a path as the pages write it: with a folder, and an ending.
	file = regexp.MustCompile("`((?:[a-z0-9_.-]+/)+[A-Za-z0-9_.-]+\\.(?:go|yaml|md|json|jsonl|proto|patch|svg|png))`")
	// step is a declaration with the file that it stands in.
	step = regexp.MustCompile("`([A-Za-z]+)`\\s+in\\s+`([^`]+\\.go)`")
)

// TestNamedFiles checks that every file that a page names exists.
func TestNamedFiles(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) < 3 {
		t.Fatalf("found the pages %v: %v", pages, err)
	}
	count := 0
	for _, page := range append(pages, "../../README.md", "../../CHANGELOG.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, m := range file.FindAllSubmatch(text, -1) {
			name := string(m[1])
			if strings.HasPrefix(name, "results/") && !strings.HasPrefix(name, "results/baseline/") {
				continue // what a run writes
			}
			count++
			if _, err := os.Stat(filepath.Join("../..", name)); err != nil {
				t.Errorf("%s names %s: %v", page, name, err)
			}
		}
		for _, m := range regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`).FindAllSubmatch(text, -1) {
			count++
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), string(m[1]))); err != nil {
				t.Errorf("%s links to %s: %v", page, m[1], err)
			}
		}
	}
	if count < 20 {
		t.Errorf("found %d names of files only", count)
	}
}

// TestWalks checks that each step of the four walks is declared where the page
// says.
func TestWalks(t *testing.T) {
	sections := design(t)
	for _, walk := range []string{
		"Where a figure's curve is computed", "Where a link is shaped", "Where a state moves", "How to add a topology preset",
	} {
		if !file.MatchString(sections[walk]) {
			t.Errorf("the walk %q names no file", walk)
		}
		for _, m := range step.FindAllStringSubmatch(sections[walk], -1) {
			if !declares(t, filepath.Join("../..", m[2]), m[1]) {
				t.Errorf("the walk %q looks for %s in %s, which does not declare it", walk, m[1], m[2])
			}
		}
	}
}

// declares tells whether a file declares a function, method, type or constant.
func declares(t *testing.T, name, what string) bool {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Error(err)
		return false
	}
	if !bytes.Contains(text, []byte(what)) {
		return false
	}
	f, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
	if err != nil {
		t.Error(err)
		return false
	}

	found := false
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			found = found || d.Name.Name == what
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					found = found || spec.Name.Name == what
				case *ast.ValueSpec:
					found = found || slices.ContainsFunc(spec.Names, func(id *ast.Ident) bool { return id.Name == what })
				}
			}
		}
	}
	return found
}
