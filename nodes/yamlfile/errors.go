package yamlfile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/agext/levenshtein"
	"gopkg.in/yaml.v3"
)

// maxErrors bounds how many mistakes one call reports: beyond that the reader
// of the message has the wrong file.
const maxErrors = 50

// Error is one mistake in a file. It prints as "file:line:column: path: what
// is wrong", leaving out the parts that are not known.
type Error struct {
	// File as it was named to Decode, Parse or DecodeNode.
	File string
	// Line and Column count from 1; 0 means not known.
	Line, Column int
	// Path is where in the document's structure, for instance
	// "links[3].rate"; empty is the document itself.
	Path string
	// Err says what is wrong.
	Err error

	doc *Document // what it points into, nil where that is not known
	// meant is the path of the key that an unknown one is most likely a slip for.
	meant string
}

// Error prints the position and the mistake.
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File + ":")
	}
	if e.Line > 0 {
		fmt.Fprintf(&b, "%d:", e.Line)
		if e.Column > 0 {
			fmt.Fprintf(&b, "%d:", e.Column)
		}
	}
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString(e.Err.Error())
	return b.String()
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Path names a place in a document: strings are keys, ints are indices of list
// items that count from 0.
type Path []any

// String writes the path like "links[3].rate". Keys that would be misread are
// quoted.
func (p Path) String() string {
	var b strings.Builder
	for _, step := range p {
		switch step := step.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", step)
		default:
			key := fmt.Sprint(step)
			if key == "" || strings.ContainsFunc(key, func(r rune) bool {
				return strings.ContainsRune(`.[]":`, r) || unicode.IsSpace(r) || !unicode.IsPrint(r)
			}) {
				key = strconv.Quote(key)
			}
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(key)
		}
	}
	return b.String()
}

// child returns the path of a part of p. It never shares memory with another
// child of p.
func (p Path) child(step any) Path {
	return append(slices.Clip(p), step)
}

// joinPaths appends the written path inner to outer.
func joinPaths(outer, inner string) string {
	if outer == "" || inner == "" || strings.HasPrefix(inner, "[") {
		return outer + inner
	}
	return outer + "." + inner
}

// Pos is a place in a file. A struct field of this type, whatever its name or
// tag, is filled by decoding with the place of the mapping that the struct was
// read from, so that a later check can point there. The zero Pos is nowhere: it
// is what a value made by a program has.
type Pos struct {
	File string
	// Line and Column count from 1.
	Line, Column int
	// Path is the place in the document's structure.
	Path string

	doc  *Document
	node *yaml.Node
}

// Errorf makes an Error at p; the format is that of fmt.Errorf.
func (p Pos) Errorf(format string, args ...any) error {
	e := &Error{
		File: p.File, Line: p.Line, Column: p.Column, Path: p.Path, Err: fmt.Errorf(format, args...), doc: p.doc,
	}
	return e.settle()
}

// At returns the place of a part of what stands at p: the value at the path, or
// the nearest enclosing one where the document has none there.
func (p Pos) At(path ...any) Pos {
	p.Path = joinPaths(p.Path, Path(path).String())
	for node := p.node; node != nil; {
		node = resolve(node)
		p.Line, p.Column, p.node = node.Line, node.Column, node
		if len(path) == 0 {
			break
		}
		node, path = step(node, path[0]), path[1:]
	}
	return p
}

// Wrap puts err at p; of joined errors each one. Those that are *Error keep
// their own place and only get a missing file. It returns nil for nil.
func (p Pos) Wrap(err error) error {
	var errs []error
	for _, err := range flatten(err) {
		e, ok := err.(*Error)
		if !ok {
			e = &Error{Line: p.Line, Column: p.Column, Path: p.Path, Err: err}
		}
		at := *e
		at.File, at.doc = cmp.Or(at.File, p.File), cmp.Or(at.doc, p.doc)
		errs = append(errs, at.settle())
	}
	return Join(errs...)
}

// String writes "file:line:column".
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	if p.doc != nil && p.Line >= maxLines {
		doc, line := p.doc.origin(p.Line)
		return fmt.Sprintf("%s:%d:%d", doc.file, line, p.Column)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Join returns one error that holds all the given ones in line order, those
// without a position last; nil ones are left out, and those at a place that say
// what an earlier one says there. It returns nil if none is
// left, and the error itself if it is alone.
func Join(errs ...error) error {
	var all []error
	for _, err := range errs {
		all = append(all, flatten(err)...)
	}

	said := map[string]bool{}
	all = slices.DeleteFunc(all, func(err error) bool {
		e, ok := err.(*Error)
		if !ok || e.Line == 0 {
			return false
		}
		again := said[e.Error()]
		said[e.Error()] = true
		return again
	})

	if len(all) == 0 {
		return nil
	}

	line := func(err error) (int, int) {
		var e *Error
		if errors.As(err, &e) && e.Line > 0 {
			return e.Line, e.Column
		}
		return int(^uint(0) >> 1), 0
	}

	slices.SortStableFunc(all, func(a, b error) int {
		la, ca := line(a)
		lb, cb := line(b)
		return cmp.Or(cmp.Compare(la, lb), cmp.Compare(ca, cb))
	})

	if more := len(all) - maxErrors; more > 0 {
		all = append(all[:maxErrors], fmt.Errorf("and %d more errors", more))
	}
	if len(all) == 1 {
		return all[0]
	}
	return errors.Join(all...)
}

// Beyond joins err with those of more that concern other places: a check of values
// that were read after some could not be says of the missing ones what err says
// better. A key that another one was a slip for is missing.
func Beyond(err, more error) error {
	var taken []string
	for _, err := range flatten(err) {
		if e, ok := err.(*Error); ok {
			taken = append(taken, e.Path)
			if e.meant != "" {
				taken = append(taken, e.meant)
			}
		}
	}
	all := flatten(err)
	for _, err := range flatten(more) {
		e, ok := err.(*Error)
		related := func(path string) bool { return inside(e.Path, path) || inside(path, e.Path) }
		if !ok || !slices.ContainsFunc(taken, related) {
			all = append(all, err)
		}
	}
	return Join(all...)
}

// inside reports whether a written path is another one or a part of it.
func inside(path, other string) bool {
	rest, ok := strings.CutPrefix(path, other)
	return ok && (rest == "" || other == "" || rest[0] == '.' || rest[0] == '[')
}

// Each returns the errors that Join put together, one by one.
func Each(err error) []error { return flatten(err) }

// PlaceOf returns where an error is, as "file:line:column: path", empty where it
// does not say.
func PlaceOf(err error) string {
	e, ok := err.(*Error)
	if !ok || e.Line == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Path)
}

// flatten takes a tree of joined errors apart.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, err := range joined.Unwrap() {
		all = append(all, flatten(err)...)
	}
	return all
}

// Nearest returns the valid name that name is most likely a slip for. It
// returns false where none is near enough to be worth suggesting.
func Nearest(name string, valid []string) (string, bool) {
	best, bestDistance := "", max(1, min(len(name)/2, 3))+1
	for _, candidate := range valid {
		d := levenshtein.Distance(strings.ToLower(name), strings.ToLower(candidate), nil)
		if d < bestDistance && d < max(len(name), len(candidate)) {
			best, bestDistance = candidate, d
		}
	}
	return best, best != ""
}

// Suggest returns a remark to append to a message about an unknown name: the
// nearest valid name, and all valid ones where they are few. It is empty where
// there is nothing to say.
func Suggest(name string, valid []string) string {
	const few = 10
	var b strings.Builder
	if near, ok := Nearest(name, valid); ok {
		fmt.Fprintf(&b, "; did you mean %s?", near)
	}
	if len(valid) > 0 && len(valid) <= few {
		sorted := slices.Sorted(slices.Values(valid))
		fmt.Fprintf(&b, " (valid: %s)", strings.Join(sorted, ", "))
	}
	return b.String()
}
