package computer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"edgebed/harness/units"
)

// Spec is what a computer emulates: processors, and the containers that run
// functions on them (prototype, Edge/composer.cpp).
type Spec struct {
	Processors []Processor
	Containers []Container
}

// Processor types of the prototype. They are names only: both compute alike.
const (
	GenericCPU = "GenericCpu"
	GenericGPU = "GenericGpu"
)

// Processor is an emulated processor, shared by all tasks that run on it.
type Processor struct {
	Name string
	// Type is GenericCPU or GenericGPU.
	Type string
	// Speed of one core in operations per second.
	Speed float64
	Cores int
	// Memory that the running tasks share.
	Memory units.Size
}

// Container runs one function on one processor. A computer has at most one
// container per function.
type Container struct {
	Name string
	// Processor is the name of the processor that the container runs on.
	Processor string
	// Workers is the number of tasks that may run at a time.
	Workers int
	Lambda  Lambda
}

// Output says what a function returns.
type Output string

const (
	// CopyInput returns the text input.
	CopyInput Output = "copy-input"
	// Fixed returns Lambda.Value.
	Fixed Output = "fixed"
)

// Lambda is a function's name, result and requirements. The requirements are
// proportional to the length of the text input: a task needs
//
//	max(0, floor(0.5 + offset + coefficient * len(input)))
//
// operations, and likewise bytes of memory.
type Lambda struct {
	Name   string
	Output Output
	// Value is the result where Output is Fixed.
	Value     string
	OpCoeff   float64 // operations per byte of input
	OpOffset  float64 // operations
	MemCoeff  float64 // bytes per byte of input
	MemOffset float64 // bytes
}

// operations returns the operations of a task with an input of n bytes.
func (l *Lambda) operations(n int) float64 { return requirement(l.OpCoeff, l.OpOffset, n) }

// memory returns the bytes of memory of a task with an input of n bytes.
func (l *Lambda) memory(n int) float64 { return requirement(l.MemCoeff, l.MemOffset, n) }

func requirement(coeff, offset float64, n int) float64 {
	return max(0, math.Floor(0.5+offset+coeff*float64(n)))
}

// Validate returns every mistake in the specification, joined.
func (s Spec) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(s.Processors) == 0 {
		bad("processors: none given (want at least one)")
	}
	if len(s.Containers) == 0 {
		bad("containers: none given (want at least one)")
	}
	processors := make(map[string]bool)
	for i, p := range s.Processors {
		at := fmt.Sprintf("processors[%d]", i)
		switch {
		case p.Name == "":
			bad("%s: empty name", at)
		case processors[p.Name]:
			bad("%s: name %q is taken by another processor", at, p.Name)
		}
		processors[p.Name] = true
		if p.Type != GenericCPU && p.Type != GenericGPU {
			bad("%s: unknown type %q (want %s or %s)", at, p.Type, GenericCPU, GenericGPU)
		}
		if !(p.Speed > 0) || math.IsInf(p.Speed, 0) {
			bad("%s: speed is %v (want operations per second above 0)", at, p.Speed)
		}
		if p.Cores < 1 {
			bad("%s: cores is %d (want at least 1)", at, p.Cores)
		}
		if p.Memory < 1 {
			bad("%s: memory is %d (want bytes above 0)", at, p.Memory)
		}
	}
	names, lambdas := make(map[string]bool), make(map[string]bool)
	for i, c := range s.Containers {
		at := fmt.Sprintf("containers[%d]", i)
		switch {
		case c.Name == "":
			bad("%s: empty name", at)
		case names[c.Name]:
			bad("%s: name %q is taken by another container", at, c.Name)
		}
		names[c.Name] = true
		if !processors[c.Processor] {
			known := slices.Sorted(maps.Keys(processors))
			bad("%s: unknown processor %q (want one of %q)", at, c.Processor, known)
		}
		if c.Workers < 1 {
			bad("%s: num-workers is %d (want at least 1)", at, c.Workers)
		}
		switch {
		case c.Lambda.Name == "":
			bad("%s.lambda: empty name", at)
		case lambdas[c.Lambda.Name]:
			bad("%s.lambda: %q already has a container (want one per function)", at, c.Lambda.Name)
		}
		lambdas[c.Lambda.Name] = true
		if c.Lambda.Output != CopyInput && c.Lambda.Output != Fixed {
			bad("%s.lambda: unknown output-type %q (want %s or %s)", at, c.Lambda.Output, CopyInput, Fixed)
		}
		for _, v := range []struct {
			key   string
			value float64
		}{
			{"op-coeff", c.Lambda.OpCoeff}, {"op-offset", c.Lambda.OpOffset},
			{"mem-coeff", c.Lambda.MemCoeff}, {"mem-offset", c.Lambda.MemOffset},
		} {
			if math.IsNaN(v.value) || math.IsInf(v.value, 0) {
				bad("%s.lambda: %s is %v (want a finite number)", at, v.key, v.value)
			}
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("check computer specification: %w", errors.Join(errs...))
	}
	return nil
}

// The version and the only kind of requirements of the prototype's format.
const (
	specVersion      = "1.0"
	specRequirements = "proportional"
)

// ParseSpec reads the prototype's JSON format (Edge/composer.cpp, type "file").
// Every key that the prototype needs must be there; others are ignored, as it
// does. Errors name the place in the document, and for bad JSON the line and
// column.
func ParseSpec(data []byte) (Spec, error) {
	s, err := parseSpec(data)
	if err != nil {
		return Spec{}, fmt.Errorf("parse computer specification: %w", err)
	}
	if err := s.Validate(); err != nil {
		return Spec{}, err
	}
	return s, nil
}

func parseSpec(data []byte) (Spec, error) {
	var raw json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			line, column := position(data, int(syntax.Offset)-1)
			return Spec{}, fmt.Errorf("line %d, column %d: %w", line, column, err)
		}
		return Spec{}, err
	}

	root := newObject("", raw)
	if v := root.text("version"); root.err() == nil && v != specVersion {
		return Spec{}, fmt.Errorf("version is %q (want %q)", v, specVersion)
	}
	var s Spec
	for _, o := range root.list("processors") {
		s.Processors = append(s.Processors, Processor{
			Name:   o.text("name"),
			Type:   o.text("type"),
			Speed:  o.number("speed"),
			Cores:  int(o.whole("cores")),
			Memory: units.Size(o.whole("memory")),
		})
	}
	for _, o := range root.list("containers") {
		l := o.object("lambda")
		c := Container{
			Name:      o.text("name"),
			Processor: o.text("processor"),
			Workers:   int(o.whole("num-workers")),
			Lambda: Lambda{
				Name:      l.text("name"),
				Output:    Output(l.text("output-type")),
				OpCoeff:   l.number("op-coeff"),
				OpOffset:  l.number("op-offset"),
				MemCoeff:  l.number("mem-coeff"),
				MemOffset: l.number("mem-offset"),
			},
		}
		if c.Lambda.Output == Fixed {
			c.Lambda.Value = l.text("output-value")
		}
		if r := l.text("requirements"); r != specRequirements && root.err() == nil {
			l.fail("requirements", fmt.Sprintf("is %q (want %q)", r, specRequirements))
		}
		s.Containers = append(s.Containers, c)
	}
	return s, root.err()
}

// position turns an offset into a line and a column, both from 1.
func position(data []byte, offset int) (line, column int) {
	before := data[:max(0, min(offset, len(data)))]
	return 1 + bytes.Count(before, []byte("\n")), len(before) - bytes.LastIndexByte(before, '\n')
}

// object is a JSON object whose accessors note what they miss, so that one
// pass tells all mistakes.
type object struct {
	path   string
	fields map[string]json.RawMessage
	errs   *[]error
}

func newObject(path string, raw json.RawMessage) object {
	o := object{path: path, errs: new([]error)}
	return o.child(path, raw)
}

func (o object) child(path string, raw json.RawMessage) object {
	c := object{path: path, errs: o.errs}
	if err := json.Unmarshal(raw, &c.fields); err != nil || c.fields == nil {
		*o.errs = append(*o.errs, fmt.Errorf("%s: want a JSON object", cmp.Or(path, "document")))
		c.fields = nil
	}
	return c
}

func (o object) err() error { return errors.Join(*o.errs...) }

func (o object) at(key string) string {
	if o.path == "" {
		return key
	}
	return o.path + "." + key
}

func (o object) fail(key, what string) {
	*o.errs = append(*o.errs, fmt.Errorf("%s: %s", o.at(key), what))
}

// get decodes a field into v and notes an error where it is missing or of
// another type. Objects that were none have reported that already.
func (o object) get(key string, v any, want string) bool {
	if o.fields == nil {
		return false
	}
	raw, ok := o.fields[key]
	switch {
	case !ok:
		o.fail(key, fmt.Sprintf("missing (want %s; found only %q)", want, slices.Sorted(maps.Keys(o.fields))))
	case bytes.Equal(raw, []byte("null")) || json.Unmarshal(raw, v) != nil:
		o.fail(key, "want "+want)
	default:
		return true
	}
	return false
}

func (o object) text(key string) (v string) {
	o.get(key, &v, "a string")
	return v
}

func (o object) number(key string) (v float64) {
	o.get(key, &v, "a number")
	return v
}

// whole reads a number such as 512 or 500e6.
func (o object) whole(key string) int64 {
	var v float64
	const want = "a whole number below 2^53"
	if o.get(key, &v, want) && (v != math.Trunc(v) || math.Abs(v) >= 1<<53) {
		o.fail(key, "want "+want)
		return 0
	}
	return int64(v)
}

func (o object) object(key string) object {
	var raw json.RawMessage
	if !o.get(key, &raw, "a JSON object") {
		return object{path: o.at(key), errs: o.errs}
	}
	return o.child(o.at(key), raw)
}

func (o object) list(key string) []object {
	var raws []json.RawMessage
	o.get(key, &raws, "a list")
	var out []object
	for i, raw := range raws {
		out = append(out, o.child(fmt.Sprintf("%s[%d]", o.at(key), i), raw))
	}
	return out
}

// MarshalJSON writes the format that ParseSpec and the prototype's e-computer
// read.
func (s Spec) MarshalJSON() ([]byte, error) {
	type processor struct {
		Name   string  `json:"name"`
		Type   string  `json:"type"`
		Speed  float64 `json:"speed"`
		Cores  int     `json:"cores"`
		Memory int64   `json:"memory"`
	}
	type lambda struct {
		Name         string  `json:"name"`
		Output       Output  `json:"output-type"`
		Value        *string `json:"output-value,omitempty"`
		Requirements string  `json:"requirements"`
		OpCoeff      float64 `json:"op-coeff"`
		OpOffset     float64 `json:"op-offset"`
		MemCoeff     float64 `json:"mem-coeff"`
		MemOffset    float64 `json:"mem-offset"`
	}
	type container struct {
		Name      string `json:"name"`
		Processor string `json:"processor"`
		Lambda    lambda `json:"lambda"`
		Workers   int    `json:"num-workers"`
	}
	doc := struct {
		Version    string      `json:"version"`
		Processors []processor `json:"processors"`
		Containers []container `json:"containers"`
	}{Version: specVersion, Processors: []processor{}, Containers: []container{}}
	for _, p := range s.Processors {
		doc.Processors = append(doc.Processors, processor{p.Name, p.Type, p.Speed, p.Cores, int64(p.Memory)})
	}
	for _, c := range s.Containers {
		l := lambda{
			Name: c.Lambda.Name, Output: c.Lambda.Output, Requirements: specRequirements,
			OpCoeff: c.Lambda.OpCoeff, OpOffset: c.Lambda.OpOffset,
			MemCoeff: c.Lambda.MemCoeff, MemOffset: c.Lambda.MemOffset,
		}
		if c.Lambda.Output == Fixed {
			l.Value = &c.Lambda.Value
		}
		doc.Containers = append(doc.Containers, container{c.Name, c.Processor, l, c.Workers})
	}
	return json.Marshal(doc)
}
