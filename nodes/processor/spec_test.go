package processor

import (
	"math"
	"strings"
	"testing"

	"edgebed/nodes/units"
)

// paperSpec is a computer of the paper's experiments with the given functions:
// 2 cores of 1e12 ops/s, 512 MiB, two workers per function, 10 ms per call
// with an input of a bytes.
func paperSpec(a int, functions ...string) Spec {
	s := Spec{Processors: []Processor{{
		Name: "cpu", Type: GenericCPU, Speed: 1e12, Cores: 2, Memory: 512 * units.MiB,
	}}}
	for _, f := range functions {
		s.Containers = append(s.Containers, Container{
			Name: "container-" + f, Processor: "cpu", Workers: 2,
			Lambda: Lambda{Name: f, Output: CopyInput, OpCoeff: 0.01 * 1e12 / float64(a), MemCoeff: 100},
		})
	}
	return s
}

func TestValidate(t *testing.T) {
	if err := paperSpec(10000, "f0", "f1").Validate(); err != nil {
		t.Errorf("a good specification: %v", err)
	}
	for _, test := range []struct {
		name string
		edit func(*Spec)
		want string
	}{
		{"empty", func(s *Spec) { *s = Spec{} }, "processors: none given"},
		{"no containers", func(s *Spec) { s.Containers = nil }, "containers: none given"},
		{"processor twice", func(s *Spec) { s.Processors = append(s.Processors, s.Processors[0]) }, `processors[1]: name "cpu" is taken`},
		{"container twice", func(s *Spec) { s.Containers[1].Name = s.Containers[0].Name }, `containers[1]: name "container-f0" is taken`},
		{"function twice", func(s *Spec) { s.Containers[1].Lambda.Name = "f0" }, `containers[1].lambda: "f0" already has a container`},
		{"infinite speed", func(s *Spec) { s.Processors[0].Speed = math.Inf(1) }, "speed is +Inf"},
		{"no number", func(s *Spec) { s.Processors[0].Speed = math.NaN() }, "speed is NaN"},
		{"coefficient", func(s *Spec) { s.Containers[0].Lambda.MemCoeff = math.Inf(-1) }, "mem-coeff is -Inf"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := paperSpec(10000, "f0", "f1")
			test.edit(&s)
			if err := s.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Validate() = %v, want an error that says %q", err, test.want)
			}
		})
	}
}

func TestRequirements(t *testing.T) {
	for _, test := range []struct {
		coeff, offset float64
		input         int
		want          float64
	}{
		{0, 0, 10, 0},
		{1e6, 4e6, 10, 14e6},
		{0.3, 0, 1, 0},
		{0.3, 0, 2, 1},
		{0.5, 0, 1, 1},
		{-1, 5, 100, 0},
		{100, 0, 10000, 1e6},
	} {
		if got := requirement(test.coeff, test.offset, test.input); got != test.want {
			t.Errorf("requirement(%v, %v, %d) = %v, want %v", test.coeff, test.offset, test.input, got, test.want)
		}
	}
}
