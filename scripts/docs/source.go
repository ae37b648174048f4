package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// source is what a Go package says about its types and constants.
type source struct {
	structs map[string]*structure
	// values holds the string constants of each named type, in their order;
	// those without a type stand under "".
	values map[string][]constant
}

// structure is a struct type that a file is read into.
type structure struct {
	comment string
	fields  []field
}

// field is a field with a yaml key.
type field struct {
	name, key, comment string
	kind               ast.Expr
	required           bool
}

// constant is a string constant.
type constant struct {
	name, value, comment string
}

// readPackage parses the package in a folder, without its tests.
func readPackage(dir string) (*source, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}

	s := &source{structs: map[string]*structure{}, values: map[string][]constant{}}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("parse types: %w", err)
		}
		for _, d := range f.Decls {
			if decl, ok := d.(*ast.GenDecl); ok {
				s.add(decl)
			}
		}
	}

	for _, t := range s.structs {
		s.inline(t)
	}
	return s, nil
}

// inline puts the fields of embedded structs of the package, which a file writes among
// the struct's own, in their place.
func (s *source) inline(t *structure) {
	for i := 0; i < len(t.fields); i++ {
		if f := t.fields[i]; f.key == "" {
			t.fields = slices.Replace(t.fields, i, i+1, s.structs[typeName(f.kind)].fields...)
		}
	}
}

func (s *source) add(decl *ast.GenDecl) {
	var last constant
	for _, spec := range decl.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if t, ok := spec.Type.(*ast.StructType); ok {
				s.structs[spec.Name.Name] = newStructure(t, firstText(spec.Doc, decl.Doc))
			}
		case *ast.ValueSpec:
			if decl.Tok != token.CONST || len(spec.Names) != 1 || len(spec.Values) != 1 {
				continue
			}

			literal, ok := spec.Values[0].(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				continue
			}
			value, err := strconv.Unquote(literal.Value)
			if err != nil {
				continue
			}
			c := constant{name: spec.Names[0].Name, value: value, comment: firstText(spec.Doc, spec.Comment)}
			if c.comment == "" && mentions(last.comment, c.name) {
				c.comment = last.comment
			}

			kind := ""
			if id, ok := spec.Type.(*ast.Ident); ok {
				kind = id.Name
			}
			s.values[kind] = append(s.values[kind], c)
			last = c
		}
	}
}

// newStructure takes the fields that have a yaml key.
func newStructure(t *ast.StructType, comment string) *structure {
	s := &structure{comment: comment}
	for _, f := range t.Fields.List {
		if f.Tag == nil || len(f.Names) > 1 {
			continue
		}
		tag := reflect.StructTag(strings.Trim(f.Tag.Value, "`"))
		if len(f.Names) == 0 {
			if tag.Get("yaml") == ",inline" {
				s.fields = append(s.fields, field{kind: f.Type})
			}
			continue
		}
		key, _, _ := strings.Cut(tag.Get("yaml"), ",")
		if key == "" || key == "-" {
			continue
		}
		s.fields = append(s.fields, field{
			name: f.Names[0].Name, key: key, kind: f.Type,
			comment: firstText(f.Doc, f.Comment), required: tag.Get("required") == "true",
		})
	}
	return s
}

// firstText is the first comment that there is, as one line.
func firstText(groups ...*ast.CommentGroup) string {
	for _, g := range groups {
		if g != nil {
			return strings.Join(strings.Fields(g.Text()), " ")
		}
	}
	return ""
}

// mentions tells whether a comment names an identifier.
func mentions(comment, name string) bool {
	return regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\b`).MatchString(comment)
}
