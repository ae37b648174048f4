// Package yamlfile reads the YAML files that users write, and answers mistakes
// with their file, line, column and place, what was expected, and the nearest
// valid name. It is strict: unknown keys, duplicate keys, missing required keys
// and values of the wrong kind are errors, and all of a file's errors are
// reported together.
//
// Structs are described by the tags of gopkg.in/yaml.v3 (name, omitempty,
// inline, "-") and by `required:"true"`. Types may implement
// encoding.TextUnmarshaler or yaml.Unmarshaler; time.Duration is read from
// "10 ms"; a yaml.Node field keeps its part of the document as it is, for
// DecodeNode. What the caller put into the value beforehand stays where the
// file says nothing, so defaults are set before decoding.
package yamlfile

import (
	"bytes"
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"edgebed/nodes/units"
)

// maxNodes bounds the decoded size of a document, so that a short file of
// nested aliases cannot take all memory.
const maxNodes = 1_000_000

// Decode reads the one YAML document in data into the value that into points
// to. The file name is only used in errors, which are *Error, several of them
// joined in line order.
func Decode(filename string, data []byte, into any) error {
	doc, err := Parse(filename, data)
	if err != nil {
		return err
	}
	return doc.Decode(into)
}

// Document is a parsed file that remembers where everything stands. Methods of
// a nil Document work: its errors have no position, which suits values that
// were made by a program instead of read from a file.
type Document struct {
	file string
	root *yaml.Node
	text []byte // what the positions count in

	// base is the document that this one extends, and steps how many extend this one.
	base  *Document
	steps int
}

// Parse reads the one YAML document in data without giving it a meaning. It
// refuses syntax errors, empty files and files of several documents.
func Parse(filename string, data []byte) (_ *Document, err error) {
	data, err = Text(filename, data)
	if err != nil {
		return nil, err
	}
	doc := &Document{file: filename, text: data}
	defer func() {
		if err != nil {
			err = doc.own(err)
		}
	}()

	// The parser is a port of C code that reports some malformed inputs by
	// panicking; whatever a user's file holds must end as an error.
	defer func() {
		if r := recover(); r != nil {
			err = &Error{File: filename, Err: fmt.Errorf("parse YAML: %v", r)}
		}
	}()

	dec := yaml.NewDecoder(bytes.NewReader(data))
	var top yaml.Node
	if err := dec.Decode(&top); errors.Is(err, io.EOF) {
		return nil, &Error{File: filename, Line: 1, Column: 1,
			Err: errors.New("expected a document, got an empty file")}
	} else if err != nil {
		return nil, doc.syntaxError(err)
	}

	if top.Kind != yaml.DocumentNode || len(top.Content) != 1 {
		return nil, &Error{File: filename, Line: 1, Column: 1, Err: errors.New("expected a YAML document")}
	}

	var second yaml.Node
	if err := dec.Decode(&second); err == nil {
		return nil, &Error{File: filename, Line: max(second.Line, 1), Column: max(second.Column, 1),
			Err: errors.New("expected one YAML document, got a second one")}
	} else if !errors.Is(err, io.EOF) {
		return nil, doc.syntaxError(err)
	}

	doc.root = top.Content[0]
	if _, err := expand(doc.root, map[*yaml.Node]int{}); err != nil {
		err.File = filename
		return nil, err
	}
	if err := merge(doc.root); err != nil {
		err.File = filename
		return nil, err
	}
	return doc, nil
}

// expand returns how many values a node stands for when its aliases are
// followed. It refuses aliases inside their own anchor, which have no end, and
// more than maxNodes values. Sizes holds the results for anchors that are
// complete; aliases only look back, so those that are missing are still open.
func expand(node *yaml.Node, sizes map[*yaml.Node]int) (int, *Error) {
	refuse := func(format string, args ...any) (int, *Error) {
		return 0, &Error{Line: node.Line, Column: node.Column, Err: fmt.Errorf(format, args...)}
	}

	if node.Kind == yaml.AliasNode {
		size, ok := sizes[node.Alias]
		if !ok {
			return refuse("alias *%s stands inside its own anchor", node.Value)
		}
		return size, nil
	}

	size := 1
	for _, part := range node.Content {
		n, err := expand(part, sizes)
		if err != nil {
			return 0, err
		}
		if size += n; size > maxNodes {
			return refuse("the document is too large: its aliases expand to more than %d values", maxNodes)
		}
	}

	if node.Anchor != "" {
		sizes[node] = size
	}
	return size, nil
}

var syntaxLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// countsFromZero tells the messages of the library's parser, which counts lines from 0,
// from those of its scanner, which counts from 1.
var countsFromZero = regexp.MustCompile(`^(did not find expected (<|node content|key|'-' indicator|',' or)|` +
	`found (duplicate %|undefined tag handle|incompatible YAML))`)

// syntaxError takes the line out of the parser's message. A tab in the
// indentation, which the parser blames on all sorts of things, is named.
func (d *Document) syntaxError(err error) error {
	text := err.Error()
	m := syntaxLine.FindStringSubmatch(text)
	e := &Error{File: d.file, Err: fmt.Errorf("parse YAML: %s", text[len(m[0]):])}
	if line, err := strconv.Atoi(m[1]); err == nil {
		e.Line = line
		if countsFromZero.MatchString(text[len(m[0]):]) {
			e.Line++
		}
	}

	number := 0
	for line := range strings.Lines(string(d.text)) {
		number++
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if tab := strings.IndexByte(indent, '\t'); tab >= 0 && strings.TrimSpace(line) != "" {
			return &Error{File: d.file, Line: number, Column: tab + 1,
				Err: errors.New("expected spaces before the text, got a tab; YAML indents with spaces only")}
		}
	}
	return e
}

// Decode reads the document into the value that into points to.
func (d *Document) Decode(into any) error { return d.DecodeNode(d.root, into) }

// DecodeNode reads one of the document's nodes, or a changed copy of it, into the
// value that into points to. The path, if given, is where the node stands.
func (d *Document) DecodeNode(node *yaml.Node, into any, path ...any) error {
	return decode(&decoder{doc: d, file: d.file}, node, into, path)
}

// own gives errors the text that they point into.
func (d *Document) own(err error) error {
	for _, err := range flatten(err) {
		if e, ok := err.(*Error); ok && e.doc == nil {
			e.doc = d
		}
	}
	return err
}

// DecodeNode reads one node into the value that into points to, for types that
// implement yaml.Unmarshaler, where filename may be empty: the errors it
// returns get their file and the start of their path from the outer decoding.
// The node must come from Parse or Decode, which make sure that its aliases come
// to an end.
func DecodeNode(filename string, node *yaml.Node, into any) error {
	return decode(&decoder{file: filename}, node, into, nil)
}

func decode(d *decoder, node *yaml.Node, into any, path Path) error {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return fmt.Errorf("decode %s into %T: the target must be a non-nil pointer", d.file, into)
	}
	if node == nil || node.Kind == 0 {
		return &Error{File: d.file, doc: d.doc, Err: errors.New("expected a value, got nothing")}
	}
	if node.Kind == yaml.DocumentNode && len(node.Content) == 1 {
		node = node.Content[0]
	}
	d.value(node, v.Elem(), path)
	return Join(d.errs...)
}

// Pos returns the place of the value at path, or of the nearest enclosing value
// where the document has none there.
func (d *Document) Pos(path Path) Pos {
	if d == nil {
		return Pos{Path: path.String()}
	}
	return Pos{File: d.file, doc: d, node: d.root}.At(path...)
}

// At returns the place of a node of the document, or of a changed copy of one.
func (d *Document) At(node *yaml.Node) Pos {
	return Pos{File: d.file, Line: node.Line, Column: node.Column, doc: d, node: node}
}

// Errorf makes an Error at the value at path; the format is that of
// fmt.Errorf.
func (d *Document) Errorf(path Path, format string, args ...any) error {
	return d.Pos(path).Errorf(format, args...)
}

// step returns the part of node that one step of a path names, or nil.
func step(node *yaml.Node, s any) *yaml.Node {
	switch s := s.(type) {
	case int:
		if node.Kind == yaml.SequenceNode && s >= 0 && s < len(node.Content) {
			return node.Content[s]
		}
	case string:
		if node.Kind != yaml.MappingNode {
			return nil
		}
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == s {
				return node.Content[i+1]
			}
		}
	}
	return nil
}

// resolve follows an alias to the node that it stands for.
func resolve(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode && node.Alias != nil {
		return node.Alias
	}
	return node
}

type decoder struct {
	doc  *Document // nil where the text is not known
	file string
	errs []error
}

// fail records a mistake at a node.
func (d *decoder) fail(node *yaml.Node, path Path, format string, args ...any) {
	e := &Error{
		File: d.file, Line: node.Line, Column: node.Column, Path: path.String(),
		Err: fmt.Errorf(format, args...), doc: d.doc}
	d.errs = append(d.errs, e.settle())
}

// holders names the keys of a struct whose own mappings have a key.
func (d *decoder) holders(list []field, key string) string {
	var names []string
	for _, f := range list {
		t := f.value.Type()
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || t == nodeType || readsItself(t) {
			continue
		}
		below, _ := d.fields(reflect.New(t).Elem(), Pos{})
		if slices.ContainsFunc(below, func(f field) bool { return f.name == key }) {
			names = append(names, f.name)
		}
	}
	return strings.Join(names, " and of ")
}

// readsItself reports whether values of a type are read by their own methods.
func readsItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[yaml.Unmarshaler]()) ||
		p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// slip notes which key was meant by the unknown one that was recorded last.
func (d *decoder) slip(meant Path) {
	if e, ok := d.errs[len(d.errs)-1].(*Error); ok {
		e.meant = meant.String()
	}
}

// expect records that a node holds something else than it should.
func (d *decoder) expect(node *yaml.Node, path Path, what string) {
	d.fail(node, path, "expected %s, got %s", what, describe(node))
}

// describe says what a node is, for messages.
func describe(node *yaml.Node) string {
	switch {
	case node.Kind == yaml.MappingNode:
		return "a mapping"
	case node.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(node):
		return "nothing"
	}
	const long = 40
	if text := []rune(node.Value); len(text) > long {
		return strconv.Quote(string(text[:long]) + "...")
	}
	return strconv.Quote(node.Value)
}

func isNull(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null"
}

var (
	nodeType     = reflect.TypeFor[yaml.Node]()
	posType      = reflect.TypeFor[Pos]()
	durationType = reflect.TypeFor[time.Duration]()
)

// value decodes node into v, which is settable, and records what is wrong.
func (d *decoder) value(node *yaml.Node, v reflect.Value, path Path) {
	node = resolve(node)
	if v.Type() == nodeType {
		v.Set(reflect.ValueOf(*node))
		return
	}

	if node.Style&yaml.TaggedStyle != 0 {
		d.fail(node, path, "unexpected tag %s; remove it", node.Tag)
		return
	}

	if v.Kind() == reflect.Pointer {
		if isNull(node) {
			v.SetZero()
			return
		}
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.value(node, v.Elem(), path)
		return
	}

	if d.custom(node, v, path) {
		return
	}

	switch v.Kind() {
	case reflect.Struct:
		d.structure(node, v, path)
	case reflect.Map:
		d.mapping(node, v, path)
	case reflect.Slice, reflect.Array:
		d.list(node, v, path)
	case reflect.Interface:
		if v.NumMethod() != 0 {
			d.fail(node, path, "cannot decode into interface type %s", v.Type())
			return
		}
		if x := d.any(node, path); x != nil {
			v.Set(reflect.ValueOf(x))
		} else {
			v.SetZero()
		}
	default:
		d.scalar(node, v, path)
	}
}

// custom decodes types that read themselves, and reports whether v is one.
func (d *decoder) custom(node *yaml.Node, v reflect.Value, path Path) bool {
	if !v.CanAddr() {
		return false
	}
	if v.Type() == durationType {
		d.duration(node, v, path)
		return true
	}
	switch u := v.Addr().Interface().(type) {
	case yaml.Unmarshaler:
		if err := u.UnmarshalYAML(node); err != nil {
			d.adopt(node, path, err)
		}
		return true
	case encoding.TextUnmarshaler:
		if node.Kind != yaml.ScalarNode || isNull(node) {
			d.expect(node, path, "a value")
		} else if err := u.UnmarshalText([]byte(node.Value)); err != nil {
			d.fail(node, path, "%w", err)
		}
		return true
	}
	return false
}

// adopt takes over the errors of a type that read itself: those with a position
// get the file and the start of the path, others the node's position.
func (d *decoder) adopt(node *yaml.Node, path Path, err error) {
	for _, err := range flatten(err) {
		if e, ok := err.(*Error); ok && e.Line > 0 {
			at := *e
			at.File, at.doc = cmp.Or(at.File, d.file), cmp.Or(at.doc, d.doc)
			at.Path = joinPaths(path.String(), at.Path)
			if at.meant != "" {
				at.meant = joinPaths(path.String(), at.meant)
			}
			d.errs = append(d.errs, at.settle())
			continue
		}
		d.fail(node, path, "%w", err)
	}
}

// field is one key that a struct accepts.
type field struct {
	name     string
	value    reflect.Value
	required bool
}

// fields lists the keys that struct v accepts, with those of inlined structs,
// and its inlined map, which takes all other keys. It fills Pos fields.
func (d *decoder) fields(v reflect.Value, pos Pos) (list []field, rest reflect.Value) {
	t := v.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}

		if f.Type == posType {
			v.Field(i).Set(reflect.ValueOf(pos))
			continue
		}

		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "-" {
			continue
		}

		if options == "inline" || strings.HasSuffix(options, ",inline") || strings.HasPrefix(options, "inline,") {
			switch f.Type.Kind() {
			case reflect.Struct:
				inner, innerRest := d.fields(v.Field(i), pos)
				list = append(list, inner...)
				if innerRest.IsValid() {
					rest = innerRest
				}
			case reflect.Map:
				rest = v.Field(i)
			}
			continue
		}

		if name == "" {
			name = strings.ToLower(f.Name)
		}
		list = append(list, field{name: name, value: v.Field(i), required: f.Tag.Get("required") == "true"})
	}
	return list, rest
}

// structure decodes a mapping into a struct.
func (d *decoder) structure(node *yaml.Node, v reflect.Value, path Path) {
	if node.Kind != yaml.MappingNode {
		d.expect(node, path, "a mapping")
		return
	}

	pos := Pos{File: d.file, Line: node.Line, Column: node.Column, Path: path.String(), doc: d.doc, node: node}
	list, rest := d.fields(v, pos)
	known := make(map[string]field, len(list))
	names := make([]string, len(list))
	for i, f := range list {
		known[f.name] = f
		names[i] = f.name
	}

	present := map[string]bool{}
	seen := map[any]bool{}
	d.pairs(node, path, func(key, value *yaml.Node) {
		f, ok := known[key.Value]
		switch {
		case ok:
			if f.required && isNull(resolve(value)) {
				return
			}
			present[key.Value] = true
			d.value(value, f.value, path.child(key.Value))
		case rest.IsValid():
			d.entry(key, value, rest, path, seen)
		default:
			if within := d.holders(list, key.Value); within != "" {
				d.fail(key, path.child(key.Value), "unknown key %s here; it is a key of %s", describe(key), within)
				return
			}
			d.fail(key, path.child(key.Value), "unknown key %s%s", describe(key), Suggest(key.Value, names))
			// The key that was meant is not missing as well.
			if near, ok := Nearest(key.Value, names); ok {
				present[near] = true
				d.slip(path.child(near))
			}
		}
	})

	var missing []string
	for _, f := range list {
		if f.required && !present[f.name] {
			missing = append(missing, strconv.Quote(f.name))
		}
	}
	switch n := len(missing); {
	case n == 1:
		d.fail(node, path, "missing required key %s", missing[0])
	case n > 1:
		d.fail(node, path, "missing required keys %s and %s", strings.Join(missing[:n-1], ", "), missing[n-1])
	}
}

// pairs calls do for each key of a mapping and its value, refusing keys that
// are no scalars or stand twice.
func (d *decoder) pairs(node *yaml.Node, path Path, do func(key, value *yaml.Node)) {
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := resolve(node.Content[i]), node.Content[i+1]
		switch before := first[key.Value]; {
		case key.Kind != yaml.ScalarNode:
			d.expect(node.Content[i], path, "a key")
		case before != nil:
			d.fail(key, path, "duplicate key %s; it already stands in line %d", describe(key), before.Line)
		default:
			first[key.Value] = key
			do(key, value)
		}
	}
}

// mapping decodes a mapping into a map; null is an empty map.
func (d *decoder) mapping(node *yaml.Node, v reflect.Value, path Path) {
	if isNull(node) {
		v.SetZero()
		return
	}
	if node.Kind != yaml.MappingNode {
		d.expect(node, path, "a mapping")
		return
	}
	if v.IsNil() {
		v.Set(reflect.MakeMapWithSize(v.Type(), len(node.Content)/2))
	}
	seen := map[any]bool{}
	d.pairs(node, path, func(key, value *yaml.Node) { d.entry(key, value, v, path, seen) })
}

// entry decodes one key and its value into map m. The keys of the same mapping
// that were decoded before are in seen: 1 and 0x1 are the same number.
func (d *decoder) entry(key, value *yaml.Node, m reflect.Value, path Path, seen map[any]bool) {
	if m.IsNil() {
		m.Set(reflect.MakeMap(m.Type()))
	}

	before := len(d.errs)
	k := reflect.New(m.Type().Key()).Elem()
	d.value(key, k, path.child(key.Value))
	wrong := len(d.errs) > before

	// A wrong value leaves a zero one, so that what refers to its key finds it.
	e := reflect.New(m.Type().Elem()).Elem()
	d.value(value, e, path.child(key.Value))

	if wrong {
		return
	}
	if !k.Comparable() {
		d.expect(key, path, "a key")
		return
	}
	if seen[k.Interface()] {
		d.fail(key, path, "duplicate key %s: another key has the same value", describe(key))
		return
	}

	seen[k.Interface()] = true
	m.SetMapIndex(k, e)
}

// list decodes a list into a slice or an array; null is an empty slice.
func (d *decoder) list(node *yaml.Node, v reflect.Value, path Path) {
	if isNull(node) && v.Kind() == reflect.Slice {
		v.SetZero()
		return
	}
	if node.Kind != yaml.SequenceNode {
		d.expect(node, path, "a list")
		return
	}
	if v.Kind() == reflect.Array {
		if len(node.Content) != v.Len() {
			d.fail(node, path, "expected a list of %d, got one of %d", v.Len(), len(node.Content))
			return
		}
	} else {
		v.Set(reflect.MakeSlice(v.Type(), len(node.Content), len(node.Content)))
	}
	for i, item := range node.Content {
		d.value(item, v.Index(i), path.child(i))
	}
}

// any decodes a node as map[string]any, []any, string, int, float64, bool or
// nil.
func (d *decoder) any(node *yaml.Node, path Path) any {
	switch node.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		d.mapping(node, reflect.ValueOf(&m).Elem(), path)
		return m
	case yaml.SequenceNode:
		s := []any{}
		d.list(node, reflect.ValueOf(&s).Elem(), path)
		return s
	}

	into := func(p any) any {
		v := reflect.ValueOf(p).Elem()
		d.scalar(node, v, path)
		return v.Interface()
	}

	switch node.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return into(new(bool))
	case "!!int":
		return into(new(int))
	case "!!float":
		return into(new(float64))
	}
	return node.Value
}

// scalar decodes a node into a string, a number or a truth value.
func (d *decoder) scalar(node *yaml.Node, v reflect.Value, path Path) {
	plain := node.Kind == yaml.ScalarNode && !isNull(node)
	tag := node.ShortTag()

	switch v.Kind() {
	case reflect.String:
		if !plain {
			d.expect(node, path, "a text")
			return
		}
		v.SetString(node.Value)
	case reflect.Bool:
		if !plain || tag != "!!bool" {
			d.expect(node, path, "true or false")
			return
		}
		v.SetBool(strings.EqualFold(node.Value, "true"))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(wholeNumber(node.Value), 0, 64)
		whole, isWhole := wholeFloat(node)
		if isWhole {
			n, err = int64(whole), nil
		}
		switch {
		case !plain || tag != "!!int" && !isWhole || err != nil && !errors.Is(err, strconv.ErrRange):
			d.expect(node, path, "a whole number")
		case err != nil || v.OverflowInt(n):
			d.fail(node, path,
				"expected a whole number of %d bits, got %s: it is too large", v.Type().Bits(), node.Value)
		default:
			v.SetInt(n)
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		n, err := strconv.ParseUint(wholeNumber(node.Value), 0, 64)
		whole, isWhole := wholeFloat(node)
		isWhole = isWhole && whole >= 0
		if isWhole {
			n, err = uint64(whole), nil
		}
		switch {
		case !plain || tag != "!!int" && !isWhole || err != nil && !errors.Is(err, strconv.ErrRange):
			d.expect(node, path, "a whole number that is not negative")
		case err != nil || v.OverflowUint(n):
			d.fail(node, path,
				"expected a whole number of %d bits, got %s: it is too large", v.Type().Bits(), node.Value)
		default:
			v.SetUint(n)
		}
	case reflect.Float32, reflect.Float64:
		x, err := strconv.ParseFloat(strings.ReplaceAll(node.Value, "_", ""), 64)
		if !plain || tag != "!!int" && tag != "!!float" || err != nil ||
			math.IsInf(x, 0) || math.IsNaN(x) || v.OverflowFloat(x) {
			d.expect(node, path, "a number")
			return
		}
		v.SetFloat(x)
	default:
		d.fail(node, path, "cannot decode into type %s", v.Type())
	}
}

var leadingZero = regexp.MustCompile(`^[-+]?0[0-9]`)

// wholeNumber returns the digits of an integer in Go's notation, or nothing for
// 010, which YAML versions read differently.
func wholeNumber(s string) string {
	if leadingZero.MatchString(s) {
		return ""
	}
	return strings.ReplaceAll(s, "_", "")
}

// wholeFloat returns the value of a number like 1e6 or 100.0 where it is whole and
// small enough to be exact.
func wholeFloat(node *yaml.Node) (float64, bool) {
	if node.ShortTag() != "!!float" {
		return 0, false
	}
	x, err := strconv.ParseFloat(strings.ReplaceAll(node.Value, "_", ""), 64)
	return x, err == nil && x == math.Trunc(x) && math.Abs(x) < 1<<53
}

// duration decodes "10 ms" or "10ms".
func (d *decoder) duration(node *yaml.Node, v reflect.Value, path Path) {
	const what = "a duration such as 10 ms"
	if node.Kind != yaml.ScalarNode || isNull(node) {
		d.expect(node, path, what)
		return
	}
	t, err := units.ParseDuration(node.Value)
	if err != nil {
		d.fail(node, path, "expected %s, got %s: %w", what, describe(node), err)
		return
	}
	v.SetInt(int64(t))
}
