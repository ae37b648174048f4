package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	root := flag.String("root", ".", "folder of the module")
	flag.Parse()

	if err := list(os.Stdout, *root); err != nil {
		fmt.Fprintln(os.Stderr, "rooms:", err)
		os.Exit(1)
	}
}

// list writes a line for each package.
func list(w io.Writer, root string) error {
	all, err := packages(root)
	if err != nil {
		return err
	}
	slices.SortStableFunc(all, func(a, b pkg) int { return cmp.Compare(b.lines, a.lines) })

	fmt.Fprintf(w, "%7s %7s %9s  %s\n", "lines", "tests", "generated", "package")
	for _, p := range all {
		fmt.Fprintf(w, "%7d %7d %9d  %s\n", p.lines, p.testLines, p.generatedLines, p.room)
	}
	return nil
}

// pkg is a package of the module.
type pkg struct {
	// room is its folder in the module.
	room string
	// imports are the paths of what it imports, deps of all that it needs.
	imports, deps []string
	// lines of its product code, testLines of its tests, generatedLines of code
	// that a program wrote.
	lines, testLines, generatedLines int
}

// listed is what go list says of a package.
type listed struct {
	ImportPath, Dir                    string
	Imports, Deps                      []string
	GoFiles, TestGoFiles, XTestGoFiles []string
	IgnoredGoFiles                     []string
	Module                             struct{ Path string }
}

// packages returns the packages of the module in a folder, as go list has them.
func packages(root string) ([]pkg, error) {
	const fields = "ImportPath,Dir,Imports,Deps,GoFiles,TestGoFiles,XTestGoFiles,IgnoredGoFiles,Module"
	cmd := exec.Command("go", "list", "-json="+fields, "./...")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list packages: %w: %s", err, stderr.String())
	}

	var all []pkg
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listed
		if err := decoder.Decode(&l); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("read what go list says: %w", err)
		}
		p := pkg{room: strings.TrimPrefix(l.ImportPath, l.Module.Path+"/"), imports: l.Imports, deps: l.Deps}
		if err := p.count(l); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
}

// generated is how a program marks the files that it writes.
var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// count counts the lines of the package's files.
func (p *pkg) count(l listed) error {
	for _, name := range slices.Concat(l.GoFiles, l.IgnoredGoFiles, l.TestGoFiles, l.XTestGoFiles) {
		text, err := os.ReadFile(filepath.Join(l.Dir, name))
		if err != nil {
			return fmt.Errorf("count lines: %w", err)
		}
		lines := bytes.Count(text, []byte("\n"))
		switch {
		case generated.Match(text):
			p.generatedLines += lines
		case strings.HasSuffix(name, "_test.go"):
			p.testLines += lines
		default:
			p.lines += lines
		}
	}
	return nil
}
