package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// page is one page of the reference.
type page struct {
	file, intro string
	sections    []section
	// link names the section that describes a type ("Override", "emu.Backend").
	link map[string]string
	// words stand for what comments name and no key or constant is.
	words map[string]string
}

// section describes one struct or the values of one type, or is a text of its own.
type section struct {
	title string
	// folder and of name the type; of is the type of constants where only names
	// the values to show, or "" for untyped ones, whose comments name fields of with.
	folder, of, with string
	only             []string
	// text stands below the title, instead of the type's comment.
	text string
	// table is shown as it is, below a head.
	head  []string
	table [][]string
}

// render returns the page's text. A field without a comment is an error: the
// comment is the reference.
func (p page) render(root string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("<!-- Written by make docs from the Go types; edit their comments. -->\n\n")
	fmt.Fprintf(&b, "%s\n", strings.TrimSpace(p.intro))

	packages := map[string]*source{}
	for _, s := range p.sections {
		fmt.Fprintf(&b, "\n## %s\n\n", s.title)
		if s.text != "" {
			fmt.Fprintf(&b, "%s\n", s.text)
		}
		if s.text != "" && (s.table != nil || s.folder != "") {
			b.WriteString("\n")
		}
		if s.table != nil {
			writeTable(&b, s.head, s.table)
			continue
		}
		if s.folder == "" {
			continue // a text alone
		}

		src, ok := packages[s.folder]
		if !ok {
			var err error
			if src, err = readPackage(filepath.Join(root, s.folder)); err != nil {
				return nil, err
			}
			packages[s.folder] = src
		}
		if err := p.describe(&b, src, s); err != nil {
			return nil, fmt.Errorf("section %q: %w", s.title, err)
		}
	}
	return b.Bytes(), nil
}

// describe writes the table of a struct, or of a type's values.
func (p page) describe(b *bytes.Buffer, src *source, s section) error {
	if s.only != nil {
		return p.describeValues(b, src, s)
	}
	t, ok := src.structs[s.of]
	if !ok {
		return fmt.Errorf("there is no struct %s in %s", s.of, s.folder)
	}

	var rows [][]string
	for i, f := range t.fields {
		meaning := f.comment
		// One comment may be about several fields: "Forward and Reverse ...".
		if with := commented(t.fields[:i]); meaning == "" && mentions(with.comment, f.name) {
			meaning = fmt.Sprintf("See `%s`.", with.key)
		}
		if meaning == "" {
			return fmt.Errorf("field %s.%s in %s has no comment: say what it means", s.of, f.name, s.folder)
		}
		kind, err := p.kind(src, f.kind)
		if err != nil {
			return fmt.Errorf("field %s.%s in %s: %w", s.of, f.name, s.folder, err)
		}
		required := ""
		if f.required {
			required = "yes"
		}
		rows = append(rows, []string{"`" + f.key + "`", kind, required, p.inFileWords(src, t, meaning)})
	}
	writeTable(b, []string{"key", "value", "required", "meaning"}, rows)
	return nil
}

// commented returns the last field that has a comment.
func commented(fields []field) field {
	for _, f := range slices.Backward(fields) {
		if f.comment != "" {
			return f
		}
	}
	return field{}
}

// describeValues writes the table of the values that a key may have.
func (p page) describeValues(b *bytes.Buffer, src *source, s section) error {
	fields := &structure{}
	if s.with != "" {
		var ok bool
		if fields, ok = src.structs[s.with]; !ok {
			return fmt.Errorf("there is no struct %s in %s", s.with, s.folder)
		}
	}

	var rows [][]string
	for _, value := range s.only {
		i := slices.IndexFunc(src.values[s.of], func(c constant) bool { return c.value == value })
		if i < 0 {
			return fmt.Errorf("no constant of type %q in %s is %q", s.of, s.folder, value)
		}
		c := src.values[s.of][i]
		if c.comment == "" {
			return fmt.Errorf("constant %s in %s has no comment: say what it means", c.name, s.folder)
		}
		meaning := constantsFirst.ReplaceAllString(c.comment, "")
		rows = append(rows, []string{"`" + value + "`", p.inFileWords(src, fields, meaning)})
	}
	writeTable(b, []string{"value", "meaning"}, rows)
	return nil
}

// constantsFirst is how a constant's comment may begin: "ClaimRises and ClaimFalls: ".
var constantsFirst = regexp.MustCompile(`^[A-Z]\w+( and [A-Z]\w+)*: `)

// kinds says how values of Go types are written in a file.
var kinds = map[string]string{
	"string": "text", "int": "whole number", "uint64": "whole number", "float64": "number", "bool": "`true` or `false`",
	"units.Rate": "rate, as `10 Mb/s`", "units.Size": "size, as `10 kB`", "time.Duration": "time, as `1.5 ms`",
	"netip.Prefix": "IPv4 subnet, as `10.1.0.0/16`", "netip.Addr": "IPv4 address",
	"yaml.Node": "see below", "Loss": "probability, as `0.01` or `1 %`", "Burst": "`auto`, or a size",
	"Arrivals": "[Arrivals](#arrivals), or `{file: …}`", "Frequency": "times a second, as `5/s`",
	"GroupWorkload": "[Workload](#workload)", "topology.Mode": "`switched`, `routed`",
	"SoftwareCost": "`none`, `fit`, `2x fit`, or `{call: 1 ms, …}`",
}

// kind says how a value of a Go type is written in a file.
func (p page) kind(src *source, e ast.Expr) (string, error) {
	switch e := e.(type) {
	case *ast.StarExpr:
		return p.kind(src, e.X)
	case *ast.ArrayType:
		of, err := p.kind(src, e.Elt)
		if length, ok := e.Len.(*ast.BasicLit); ok {
			return "list of " + length.Value + ": " + of, err
		}
		return "list: " + of, err
	case *ast.MapType:
		of, err := p.kind(src, e.Value)
		return "by name: " + of, err
	}

	name := typeName(e)
	if title, ok := p.link[name]; ok {
		return fmt.Sprintf("[%s](#%s)", title, anchor(title)), nil
	}
	if kind, ok := kinds[name]; ok {
		return kind, nil
	}
	if values := src.values[name]; values != nil {
		return list(values), nil
	}
	return "", fmt.Errorf("the generator does not know how a %s is written", name)
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return typeName(e.X) + "." + e.Sel.Name
	}
	return fmt.Sprintf("%T", e)
}

func list(values []constant) string {
	var names []string
	for _, v := range values {
		names = append(names, "`"+v.value+"`")
	}
	return strings.Join(names, ", ")
}

// anchor is the fragment that GitHub gives a heading.
func anchor(title string) string {
	return strings.ReplaceAll(regexp.MustCompile("[^a-z0-9 -]").ReplaceAllString(strings.ToLower(title), ""), " ", "-")
}

var identifier = regexp.MustCompile(`\b[A-Z][A-Za-z0-9]*\b`)

// inFileWords puts a file's words in place of Go's: fields become keys, constants
// their values.
func (p page) inFileWords(src *source, t *structure, comment string) string {
	first := true
	return identifier.ReplaceAllStringFunc(comment, func(name string) string {
		leads := first && strings.HasPrefix(comment, name)
		first = false
		if word, ok := p.words[name]; ok {
			return word
		}
		for _, f := range t.fields {
			if f.name == name {
				return "`" + f.key + "`"
			}
		}
		for _, constants := range src.values {
			for _, c := range constants {
				// A word like "Text" is a constant only where it leads the comment.
				if c.name == name && (leads || strings.ToLower(name[1:]) != name[1:]) {
					return "`" + c.value + "`"
				}
			}
		}
		return name
	})
}

// writeTable writes a table of Markdown.
func writeTable(b *bytes.Buffer, head []string, rows [][]string) {
	line := func(cells []string) {
		b.WriteString("|")
		for _, c := range cells {
			fmt.Fprintf(b, " %s |", strings.ReplaceAll(c, "|", `\|`))
		}
		b.WriteString("\n")
	}
	line(head)
	fmt.Fprintf(b, "|%s\n", strings.Repeat("---|", len(head)))
	for _, r := range rows {
		line(r)
	}
}
