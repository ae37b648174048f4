package computer

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"edgebed/harness/units"
)

// prototypeExample is the prototype's own example (Edge/composer.cpp,
// jsonExample).
const prototypeExample = `{
	"version": "1.0",
	"processors": [{
		"name": "arm",
		"type": "GenericCpu",
		"speed": 4e9,
		"memory": 500e6,
		"cores": 1
	}],

	"containers": [{
		"name": "ccontainer0",
		"processor": "arm",
		"lambda": {
			"name": "clambda@1",
			"output-type": "copy-input",
			"requirements": "proportional",
			"op-coeff": 1e6,
			"op-offset": 4e6,
			"mem-coeff": 100,
			"mem-offset": 0
		},
		"num-workers": 1
	}]
}`

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

func TestParseSpecPrototypeExample(t *testing.T) {
	got, err := ParseSpec([]byte(prototypeExample))
	if err != nil {
		t.Fatal(err)
	}
	want := Spec{
		Processors: []Processor{{Name: "arm", Type: GenericCPU, Speed: 4e9, Cores: 1, Memory: 500 * units.MB}},
		Containers: []Container{{
			Name: "ccontainer0", Processor: "arm", Workers: 1,
			Lambda: Lambda{Name: "clambda@1", Output: CopyInput, OpCoeff: 1e6, OpOffset: 4e6, MemCoeff: 100},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseSpecErrors(t *testing.T) {
	for _, test := range []struct {
		name, old, new string
		want           []string
	}{
		{"syntax", `"cores": 1`, `"cores": 1,`, []string{"line 9, column 2"}},
		{"cut", `"num-workers": 1
	}]
}`, ``, []string{"line 23", "unexpected end of JSON input"}},
		{"trailing", `	}]
}`, `	}]
} {}`, []string{"line 25, column 3", "after top-level value"}},
		{"no version", `"version": "1.0",`, ``, []string{"version: missing", "want a string"}},
		{"version", `"1.0"`, `"2.0"`, []string{`version is "2.0" (want "1.0")`}},
		{"version type", `"1.0"`, `1.0`, []string{"version: want a string"}},
		{"misspelt key", `"num-workers"`, `"workers"`, []string{`containers[0].num-workers: missing`, `"workers"`}},
		{"two mistakes", `"speed": 4e9,
		"memory": 500e6,`, `"memory": "500e6",`, []string{"processors[0].speed: missing", "processors[0].memory: want a whole number"}},
		{"list", `"processors": [{`, `"processors": {"p": [{`, []string{"line"}},
		{"not a list", `"containers": [`, `"containers": 7, "x": [`, []string{"containers: want a list"}},
		{"not an object", `"containers": [`, `"containers": [3,`, []string{"containers[0]: want a JSON object"}},
		{"null", `"name": "arm"`, `"name": null`, []string{"processors[0].name: want a string"}},
		{"half a core", `"cores": 1`, `"cores": 1.5`, []string{"processors[0].cores: want a whole number"}},
		{"no cores", `"cores": 1`, `"cores": 0`, []string{"processors[0]: cores is 0"}},
		{"speed", `4e9`, `-1`, []string{"processors[0]: speed is -1"}},
		{"memory", `500e6`, `0`, []string{"processors[0]: memory is 0"}},
		{"type", `GenericCpu`, `Cpu`, []string{`unknown type "Cpu" (want GenericCpu or GenericGpu)`}},
		{"processor", `"processor": "arm"`, `"processor": "amr"`, []string{`containers[0]: unknown processor "amr" (want one of ["arm"])`}},
		{"workers", `"num-workers": 1`, `"num-workers": 0`, []string{"num-workers is 0"}},
		{"requirements", `proportional`, `fixed`, []string{`containers[0].lambda.requirements: is "fixed" (want "proportional")`}},
		{"output", `copy-input`, `copy`, []string{`unknown output-type "copy" (want copy-input or fixed)`}},
		{"fixed without value", `copy-input`, `fixed`, []string{"containers[0].lambda.output-value: missing"}},
		{"empty names", `"name": "arm"`, `"name": ""`, []string{"processors[0]: empty name", "unknown processor"}},
		{"lambda name", `clambda@1`, ``, []string{"containers[0].lambda: empty name"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := strings.Replace(prototypeExample, test.old, test.new, 1)
			if text == prototypeExample {
				t.Fatalf("%q is not in the example", test.old)
			}
			_, err := ParseSpec([]byte(text))
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
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

// What ParseSpec accepts is valid, and is the same after writing and reading.
func FuzzParseSpec(f *testing.F) {
	f.Add([]byte(prototypeExample))
	f.Add([]byte(strings.Replace(prototypeExample, `"copy-input"`, `"fixed", "output-value": "x"`, 1)))
	f.Add([]byte(`{"version":"1.0","processors":[],"containers":[]}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseSpec(data)
		if err != nil {
			return
		}
		if err := s.Validate(); err != nil {
			t.Fatalf("accepted an invalid specification: %v", err)
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseSpec(text)
		if err != nil {
			t.Fatalf("read what was written: %v\n%s", err, text)
		}
		if diff := cmp.Diff(s, again); diff != "" {
			t.Error(diff)
		}
	})
}
