package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// finder is the tool that finds mutants.
const finder = "github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0"

// mutant is one change of one operator.
type mutant struct {
	// file is relative to the repository.
	file string
	// kind is the finder's name of the change, such as CONDITIONALS_BOUNDARY.
	kind         string
	line, column int
	// shown is the source line, with the operator between « and ».
	shown string
	// offset is where the operator old begins in the file; new takes its place.
	offset   int
	old, new string
}

// key names the mutant so that other lines of the file may move.
func (m mutant) key() string { return m.file + " " + m.kind + " " + m.shown }

// String says what and where the mutant is.
func (m mutant) String() string { return fmt.Sprintf("%s:%d: %s %s", m.file, m.line, m.kind, m.shown) }

// turned is what each kind makes of an operator.
var turned = map[string]map[string]string{
	"ARITHMETIC_BASE":       {"+": "-", "-": "+", "*": "/", "/": "*", "%": "*"},
	"CONDITIONALS_BOUNDARY": {"<": "<=", "<=": "<", ">": ">=", ">=": ">"},
	"CONDITIONALS_NEGATION": {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"},
	"INCREMENT_DECREMENT":   {"++": "--", "--": "++"},
	"INVERT_NEGATIVES":      {"-": "+"},
	"INVERT_LOGICAL":        {"&&": "||", "||": "&&"},
}

// found is what the finder writes.
type found struct{ Files []foundFile }

type foundFile struct {
	Name      string `json:"file_name"`
	Mutations []struct {
		Type         string
		Line, Column int
	}
}

// find returns the mutants of the files that are in the package's build, in the order
// of the files. Of an operator that two kinds turn alike it returns one.
func find(s source, pkg string, o options) ([]mutant, error) {
	out, err := os.CreateTemp("", "mutants-*.json")
	if err != nil {
		return nil, err
	}
	defer os.Remove(out.Name())
	if err := out.Close(); err != nil {
		return nil, err
	}

	cmd := exec.Command("go", "run", finder, "unleash", "--dry-run", "--invert-logical", "--tags", o.tags,
		"--output", out.Name(), "./"+pkg)
	cmd.Env = environment(o)
	log, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("find mutants of %s: %w\n%s", pkg, err, log)
	}

	data, err := os.ReadFile(out.Name())
	if err != nil {
		return nil, err
	}
	var list found
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("read what %s found in %s: %w", finder, pkg, err)
	}
	return mutants(s, pkg, list)
}

// mutants turns what was found into changes of the files.
func mutants(s source, pkg string, list found) ([]mutant, error) {
	var all []mutant
	seen := make(map[string]bool)
	for _, f := range list.Files {
		if filepath.Dir(f.Name) != "." || strings.HasSuffix(f.Name, ".pb.go") {
			continue
		}
		file := filepath.Join(pkg, f.Name)
		text, ok := s.texts[file]
		if !ok { // of another system's build
			continue
		}

		for _, found := range f.Mutations {
			m := mutant{file: file, kind: found.Type, line: found.Line, column: found.Column}
			if err := m.place(text); err != nil {
				return nil, err
			}
			change := fmt.Sprint(m.file, m.offset, m.new)
			if !seen[change] {
				seen[change] = true
				all = append(all, m)
			}
		}
	}

	slices.SortStableFunc(all, func(a, b mutant) int {
		if a.file != b.file {
			return strings.Compare(a.file, b.file)
		}
		return a.offset - b.offset
	})
	return all, nil
}

// errPlace means that no operator of the kind is where one was found.
var errPlace = errors.New("no such operator there")

// place fills in where in the file's text the operator is, and what it becomes.
func (m *mutant) place(text []byte) error {
	start := 0
	for range m.line - 1 {
		end := bytes.IndexByte(text[start:], '\n')
		if end < 0 {
			return fmt.Errorf("%s:%d: %w", m.file, m.line, errPlace)
		}
		start += end + 1
	}
	line, _, _ := strings.Cut(string(text[start:]), "\n")
	if m.column < 1 || m.column > len(line) {
		return fmt.Errorf("%s:%d:%d: %w", m.file, m.line, m.column, errPlace)
	}

	rest := line[m.column-1:]
	for old, new := range turned[m.kind] {
		if strings.HasPrefix(rest, old) && len(old) > len(m.old) { // <= before <
			m.old, m.new = old, new
		}
	}
	if m.old == "" {
		return fmt.Errorf("%s:%d:%d: %s: %w", m.file, m.line, m.column, m.kind, errPlace)
	}
	m.offset = start + m.column - 1
	m.shown = strings.TrimSpace(line[:m.column-1] + "«" + m.old + "»" + rest[len(m.old):])
	return nil
}

// apply returns the file's text with the mutant in it.
func (m mutant) apply(text []byte) []byte {
	return slices.Concat(text[:m.offset], []byte(m.new), text[m.offset+len(m.old):])
}
