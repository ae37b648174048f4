package workflow

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"edgebed/nodes/units"
	"edgebed/nodes/yamlfile"
)

// Keys of the prototype's chain and DAG files. Its readers take the keys they
// know and ignore those from keyOrder on, which are ours.
const (
	keyFunctions     = "functions"
	keySuccessors    = "successors"
	keyFunctionNames = "functionNames"
	keyDependencies  = "dependencies"
	keyStateSizes    = "state-sizes"
	keyOrder         = "state-order"
	keyVariant       = "variant"
	keyOutputs       = "output-sizes"
	keyTimes         = "service-times-ns"
	keyEdges         = "edge-sizes"
)

// anyOrder stands in the place of a state's access order that does not matter.
const anyOrder = "any"

var (
	chainKeys = []string{keyFunctions, keyDependencies, keyStateSizes, keyOrder, keyVariant, keyOutputs, keyTimes}
	dagKeys   = append([]string{keySuccessors, keyFunctionNames, keyEdges}, chainKeys[1:]...)
)

// ParseJSON reads a workflow in the prototype's JSON formats and validates it.
// A chain has the keys functions, dependencies (each null or a list of function
// names) and state-sizes (bytes); a DAG has successors and functionNames in the
// place of functions. Our own key state-order holds Workflow.Order, a list of
// indices for each state, and the word any for the states of AnyOrder; our own key
// variant holds Workflow.Variant, artifact by default; output-sizes and
// service-times-ns are lists of Workflow.Outputs and Workflow.Times, and edge-sizes of a
// DAG are the lists of Workflow.Sent. Unknown and
// duplicate keys are errors; name is only used in errors, which give line and
// column where they are about the text.
func ParseJSON(name string, data []byte) (*Workflow, error) {
	data, err := yamlfile.Text(name, data)
	if err != nil {
		return nil, err
	}
	r := &jsonReader{doc: yamlfile.Plain(name, data), data: data, states: map[string]int{}}
	w, err := r.workflow()
	if err != nil {
		return nil, err
	}
	if err := w.Validate(); err != nil {
		return nil, r.locate(err)
	}
	return w, nil
}

// UnmarshalJSON is ParseJSON for a part of a larger document.
func (w *Workflow) UnmarshalJSON(data []byte) error {
	read, err := ParseJSON("workflow", data)
	if err != nil {
		return err
	}
	*w = *read
	return nil
}

// MarshalJSON writes the format that ParseJSON and the prototype read. The text
// is the same for equal workflows.
func (w *Workflow) MarshalJSON() ([]byte, error) {
	// The prototype's readers want lists and objects where Go would write null
	// for an empty one.
	dependencies := map[string][]string{}
	for state, names := range w.Dependencies {
		dependencies[state] = notNil(names)
	}

	sizes := map[string]int64{}
	for state, size := range w.StateSizes {
		sizes[state] = int64(size)
	}

	orders := map[string]any{}
	for state, order := range w.Order {
		orders[state] = notNil(order)
	}
	for _, state := range w.AnyOrder {
		orders[state] = anyOrder
	}

	variant := w.Variant
	if variant == Artifact {
		variant = "" // the default
	}

	// A size would write itself as text.
	var outputs []int64
	for _, size := range w.Outputs {
		outputs = append(outputs, int64(size))
	}

	if w.IsChain() {
		return json.Marshal(struct {
			Functions    []string            `json:"functions"`
			Dependencies map[string][]string `json:"dependencies"`
			StateSizes   map[string]int64    `json:"state-sizes"`
			Order        map[string]any      `json:"state-order,omitempty"`
			Variant      Variant             `json:"variant,omitempty"`
			Outputs      []int64             `json:"output-sizes,omitempty"`
			Times        []time.Duration     `json:"service-times-ns,omitempty"`
		}{notNil(w.Functions), dependencies, sizes, orders, variant, outputs, w.Times})
	}

	successors := make([][]int, len(w.Successors))
	for i, list := range w.Successors {
		successors[i] = notNil(list)
	}
	var edges [][]int64
	for _, list := range w.Sent {
		row := []int64{}
		for _, size := range list {
			row = append(row, int64(size))
		}
		edges = append(edges, row)
	}
	return json.Marshal(struct {
		Successors    [][]int             `json:"successors"`
		FunctionNames []string            `json:"functionNames"`
		Dependencies  map[string][]string `json:"dependencies"`
		StateSizes    map[string]int64    `json:"state-sizes"`
		Order         map[string]any      `json:"state-order,omitempty"`
		Variant       Variant             `json:"variant,omitempty"`
		Outputs       []int64             `json:"output-sizes,omitempty"`
		Times         []time.Duration     `json:"service-times-ns,omitempty"`
		Edges         [][]int64           `json:"edge-sizes,omitempty"`
	}{successors, notNil(w.Functions), dependencies, sizes, orders, variant, outputs, w.Times, edges})
}

func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// Hash returns 16 hexadecimal digits that depend on the workflow's content
// alone: executions of the same workflow in different models pair on it.
func (w *Workflow) Hash() string {
	// Strings, numbers, lists and maps of them always marshal.
	text, _ := w.MarshalJSON()
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// jsonReader reads a workflow and knows where in the text it is.
type jsonReader struct {
	doc    *yamlfile.Document
	data   []byte
	states map[string]int // where the last entry of a state is
}

// locate gives what is wrong with a workflow as a whole its place: the state that the
// message names, else the whole text.
func (r *jsonReader) locate(err error) error {
	var errs []error
	for _, err := range yamlfile.Each(err) {
		at := r.start()
		for state, offset := range r.states {
			if words := "state " + state + ":"; strings.HasPrefix(err.Error(), "validate workflow: "+words) ||
				strings.HasPrefix(err.Error(), "validate workflow: order of "+words) {
				at = offset
			}
		}
		errs = append(errs, r.doc.Offset(at).Wrap(err))
	}
	return yamlfile.Join(errs...)
}

// start returns where the text's value starts.
func (r *jsonReader) start() int { return len(r.data) - len(bytes.TrimLeft(r.data, " \t\r\n")) }

// errorf makes an error at a byte offset of the text.
func (r *jsonReader) errorf(offset int, path yamlfile.Path, format string, args ...any) error {
	at := r.doc.Offset(offset)
	at.Path = path.String()
	return at.Errorf(format, args...)
}

// member is one key of an object and its value, which starts at offset.
type member struct {
	key    string
	value  json.RawMessage
	offset int
}

// object takes the object that starts at offset apart and refuses duplicate
// keys. Null is an empty object.
func (r *jsonReader) object(value json.RawMessage, offset int, path yamlfile.Path) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(value))
	start, err := dec.Token()
	if err != nil {
		return nil, r.errorf(offset, path, "expected an object: %w", err)
	}

	if start == nil {
		return nil, nil
	}
	if start != json.Delim('{') {
		return nil, r.errorf(offset, path, "expected an object, got %s", excerpt(value))
	}

	var members []member
	var errs []error
	seen := map[string]bool{}
	for dec.More() {
		// The text was read as JSON before, where keys are strings.
		token, err := dec.Token()
		if err != nil {
			return nil, r.errorf(offset, path, "read a key: %w", err)
		}
		var m member
		m.key, _ = token.(string)
		if err := dec.Decode(&m.value); err != nil {
			return nil, r.errorf(offset, append(path, m.key), "read the value: %w", err)
		}

		m.offset = offset + int(dec.InputOffset()) - len(m.value)
		if seen[m.key] {
			errs = append(errs, r.errorf(m.offset, path, "duplicate key %q", m.key))
			continue
		}
		seen[m.key] = true
		members = append(members, m)
	}
	return members, yamlfile.Join(errs...)
}

// excerpt shortens a value for a message.
func excerpt(value []byte) string {
	const long = 40
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(value), "?")), " ")
	if runes := []rune(text); len(runes) > long {
		return string(runes[:long]) + "..."
	}
	return text
}

// workflow reads the whole text.
func (r *jsonReader) workflow() (*Workflow, error) {
	var whole json.RawMessage
	dec := json.NewDecoder(bytes.NewReader(r.data))
	if err := dec.Decode(&whole); err != nil {
		offset := len(r.data)
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			offset = int(syntax.Offset) - 1
		}
		return nil, r.errorf(offset, nil, "parse JSON: %w", err)
	}

	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, r.errorf(int(dec.InputOffset()), nil, "expected one JSON object, got more text after it")
	}

	members, err := r.object(whole, r.start(), nil)
	if err != nil {
		return nil, err
	}

	byKey := map[string]member{}
	for _, m := range members {
		byKey[m.key] = m
	}

	_, chain := byKey[keyFunctions]
	_, names := byKey[keyFunctionNames]
	_, successors := byKey[keySuccessors]
	valid := chainKeys
	switch {
	case chain && (names || successors):
		return nil, r.errorf(0, nil, "expected a chain (%s) or a DAG (%s and %s), got keys of both",
			keyFunctions, keySuccessors, keyFunctionNames)
	case names && successors:
		valid = dagKeys
	case names:
		return nil, r.errorf(0, nil,
			"missing key %q: a DAG has %s and %s", keySuccessors, keySuccessors, keyFunctionNames)
	case successors:
		return nil, r.errorf(0, nil,
			"missing key %q: a DAG has %s and %s", keyFunctionNames, keySuccessors, keyFunctionNames)
	case !chain:
		return nil, r.errorf(0, nil,
			"missing keys: expected a chain (%s) or a DAG (%s and %s)", keyFunctions, keySuccessors, keyFunctionNames)
	}

	w := &Workflow{}
	var errs []error
	for _, m := range members {
		if !slices.Contains(valid, m.key) {
			errs = append(errs, r.errorf(m.offset, nil, "unknown key %q%s", m.key, yamlfile.Suggest(m.key, valid)))
			continue
		}
		errs = append(errs, r.member(w, m))
	}

	if err := yamlfile.Join(errs...); err != nil {
		return nil, err
	}

	if successors && w.Successors == nil {
		w.Successors = [][]int{}
	}
	return w, nil
}

// member reads one key of the workflow.
func (r *jsonReader) member(w *Workflow, m member) error {
	switch m.key {
	case keyFunctions, keyFunctionNames:
		return readJSON(r, m, nil, "a list of function names", &w.Functions)
	case keySuccessors:
		return readJSON(r, m, nil, "a list of lists of indices", &w.Successors)
	case keyDependencies:
		return readMap(r, m, "a list of function names", &w.Dependencies)
	case keyStateSizes:
		members, err := r.object(m.value, m.offset, yamlfile.Path{m.key})
		errs := []error{err}
		w.StateSizes = make(map[string]units.Size, len(members))
		for _, entry := range members {
			r.states[entry.key] = entry.offset
			size, ok := wholeBytes(entry.value)
			if !ok {
				errs = append(errs, r.errorf(entry.offset, yamlfile.Path{m.key, entry.key},
					"expected a whole number of bytes from 0 to %d, got %s", int64(maxStateSize), excerpt(entry.value)))
			}
			w.StateSizes[entry.key] = size
		}

		if len(members) == 0 {
			w.StateSizes = nil
		}
		return yamlfile.Join(errs...)
	case keyOrder:
		return r.orders(w, m)
	case keyOutputs:
		var outputs []int64
		err := readJSON(r, m, nil, "a list of bytes", &outputs)
		for _, size := range outputs {
			w.Outputs = append(w.Outputs, units.Size(size))
		}
		return err
	case keyEdges:
		var edges [][]int64
		err := readJSON(r, m, nil, "a list of bytes for each function", &edges)
		for _, list := range edges {
			row := []units.Size{}
			for _, size := range list {
				row = append(row, units.Size(size))
			}
			w.Sent = append(w.Sent, row)
		}
		return err
	case keyTimes:
		return readJSON(r, m, nil, "a list of nanoseconds", &w.Times)
	case keyVariant:
		if err := readJSON(r, m, nil, "a reading of the paper", &w.Variant); err != nil {
			return err
		}
		if w.Variant == Artifact {
			w.Variant = ""
		}
	}
	return nil
}

// accessOrder is one state's access order: indices, or any.
type accessOrder struct {
	any     bool
	indices []int
}

// UnmarshalJSON implements json.Unmarshaler.
func (o *accessOrder) UnmarshalJSON(data []byte) error {
	var word string
	if json.Unmarshal(data, &word) == nil && word == anyOrder {
		o.any = true
		return nil
	}
	return json.Unmarshal(data, &o.indices)
}

// orders reads the access orders.
func (r *jsonReader) orders(w *Workflow, m member) error {
	var orders map[string]accessOrder
	if err := readMap(r, m, "a list of function indices, or "+anyOrder, &orders); err != nil {
		return err
	}
	for _, state := range slices.Sorted(maps.Keys(orders)) {
		if orders[state].any {
			w.AnyOrder = append(w.AnyOrder, state)
			continue
		}
		if w.Order == nil {
			w.Order = map[string][]int{}
		}
		w.Order[state] = orders[state].indices
	}
	return nil
}

// maxStateSize is the largest size of a state that a file can give, in bytes. What a
// message carries is less: see package wire.
const maxStateSize = units.Size(1) << 40

// wholeBytes reads a number of bytes, also one written as 1e4 or 10000.0.
func wholeBytes(value json.RawMessage) (units.Size, bool) {
	var number json.Number
	if err := json.Unmarshal(value, &number); err != nil || bytes.HasPrefix(value, []byte{'"'}) {
		return 0, false
	}
	x, err := number.Float64()
	whole := err == nil && x == math.Trunc(x) && x >= 0 && x <= float64(maxStateSize)
	return units.Size(x), whole
}

// readJSON reads the value of a key. Null is accepted where into is a list or
// a map; a list must not hold null.
func readJSON[T any](r *jsonReader, m member, path yamlfile.Path, what string, into *T) error {
	if err := json.Unmarshal(m.value, into); err != nil {
		return r.errorf(m.offset, append(path, m.key), "expected %s, got %s", what, excerpt(m.value))
	}
	return nil
}

// readMap reads an object from states to values; null is an empty one.
func readMap[T any](r *jsonReader, m member, what string, into *map[string]T) error {
	members, err := r.object(m.value, m.offset, yamlfile.Path{m.key})
	if err != nil {
		return err
	}
	read := make(map[string]T, len(members))
	var errs []error
	for _, entry := range members {
		var value T
		r.states[entry.key] = entry.offset
		errs = append(errs, readJSON(r, entry, yamlfile.Path{m.key}, what, &value))
		read[entry.key] = value
	}
	*into = read
	return yamlfile.Join(errs...)
}
