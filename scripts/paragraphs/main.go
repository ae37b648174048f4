package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

const (
	// long is how many lines, from the brace to the brace, need a blank one.
	long = 25
	// wide is how many columns a line may have; a tab has four.
	wide     = 120
	tabWidth = 4
)

func main() {
	var l limits
	flag.Float64Var(&l.walls, "walls", 15, "largest share of long functions without a blank line, in percent")
	flag.IntVar(&l.wide, "wide", 0, "largest number of lines over 120 columns")
	show := flag.Bool("v", false, "list every such function and line")
	flag.Parse()

	if err := run(os.Stdout, flag.Args(), l, *show); err != nil {
		fmt.Fprintln(os.Stderr, "paragraphs:", err)
		os.Exit(1)
	}
}

// limits are what is allowed.
type limits struct {
	walls float64 // percent
	wide  int
}

// count is what was found.
type count struct {
	// long functions, and where those of them are that have no blank line.
	long  int
	walls []place
	// wide says where lines are too long.
	wide []place
}

// place is a line of a file.
type place struct {
	file string
	line int
	what string
}

// share returns how many of the long functions have no blank line, in percent.
func (c count) share() float64 {
	if c.long == 0 {
		return 0
	}
	return 100 * float64(len(c.walls)) / float64(c.long)
}

// run counts in the folders, says what it found, and returns an error where it
// is more than allowed.
func run(w io.Writer, folders []string, l limits, show bool) error {
	var c count
	for _, folder := range folders {
		if err := filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
				return err
			}
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			return c.add(name, text)
		}); err != nil {
			return fmt.Errorf("count in %s: %w", folder, err)
		}
	}

	if show {
		for _, p := range append(c.walls, c.wide...) {
			fmt.Fprintf(w, "%s:%d: %s\n", p.file, p.line, p.what)
		}
	}
	fmt.Fprintf(w, "%d of %d functions of %d lines and more have no blank line: %.1f %% (allowed: %g %%)\n",
		len(c.walls), c.long, long, c.share(), l.walls)
	fmt.Fprintf(w, "%d lines have more than %d columns (allowed: %d)\n", len(c.wide), wide, l.wide)

	if c.share() > l.walls || len(c.wide) > l.wide {
		return errors.New("the code reads badly: put a blank line between acts, and wrap lines (-v shows where)")
	}
	return nil
}

// add counts in one file. Generated files count for nothing.
func (c *count) add(name string, text []byte) error {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	if ast.IsGenerated(f) {
		return nil
	}

	lines := bytes.Split(text, []byte("\n"))
	for i, line := range lines {
		if columns := utf8.RuneCount(line) + (tabWidth-1)*bytes.Count(line, []byte("\t")); columns > wide {
			c.wide = append(c.wide, place{name, i + 1, fmt.Sprintf("%d columns", columns)})
		}
	}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		first, last := set.Position(fn.Body.Lbrace).Line, set.Position(fn.Body.Rbrace).Line
		if last-first+1 < long {
			continue
		}
		c.long++
		if !hasBlank(lines[first : last-1]) {
			what := fmt.Sprintf("%s has %d lines and none is blank", fn.Name.Name, last-first+1)
			c.walls = append(c.walls, place{name, first, what})
		}
	}
	return nil
}

// hasBlank tells whether one of the lines is blank.
func hasBlank(lines [][]byte) bool {
	for _, line := range lines {
		if len(bytes.TrimSpace(line)) == 0 {
			return true
		}
	}
	return false
}
