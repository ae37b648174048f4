package processor

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"edgebed/nodes/units"
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
	// ColdStart is how long an instance of the container takes to start, one for each
	// task that finds none idle; meanwhile its task has a worker and memory, and no
	// processor. KeepWarm is how long an idle one stays. The prototype has neither.
	ColdStart, KeepWarm time.Duration
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
	Value string
	// Parts is how many bytes of the result, the first ones, go on to the tasks that are
	// named; others get all of it.
	Parts     map[string]int
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
		p.validate(func(format string, args ...any) { bad(at+": "+format, args...) })
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
		if c.ColdStart < 0 || c.KeepWarm < 0 {
			bad("%s: cold start and keep warm are %v and %v (want 0 or more)", at, c.ColdStart, c.KeepWarm)
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
		c.Lambda.validate(func(format string, args ...any) { bad(at+".lambda: "+format, args...) })
	}

	if len(errs) > 0 {
		return fmt.Errorf("check computer specification: %w", errors.Join(errs...))
	}
	return nil
}

// validate tells what is wrong with a processor, but for its name.
func (p Processor) validate(bad func(format string, args ...any)) {
	if p.Type != GenericCPU && p.Type != GenericGPU {
		bad("unknown type %q (want %s or %s)", p.Type, GenericCPU, GenericGPU)
	}
	if !(p.Speed > 0) || math.IsInf(p.Speed, 0) {
		bad("speed is %v (want operations per second above 0)", p.Speed)
	}
	if p.Cores < 1 {
		bad("cores is %d (want at least 1)", p.Cores)
	}
	if p.Memory < 1 {
		bad("memory is %d (want bytes above 0)", p.Memory)
	}
}

// validate tells what is wrong with a function, but for its name.
func (l Lambda) validate(bad func(format string, args ...any)) {
	if l.Output != CopyInput && l.Output != Fixed {
		bad("unknown output-type %q (want %s or %s)", l.Output, CopyInput, Fixed)
	}
	for _, v := range []struct {
		key   string
		value float64
	}{
		{"op-coeff", l.OpCoeff}, {"op-offset", l.OpOffset},
		{"mem-coeff", l.MemCoeff}, {"mem-offset", l.MemOffset},
	} {
		if math.IsNaN(v.value) || math.IsInf(v.value, 0) {
			bad("%s is %v (want a finite number)", v.key, v.value)
		}
	}
}
