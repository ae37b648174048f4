package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"edgebed/harness/scenario"
	"edgebed/harness/topology"
	"edgebed/topologies"
)

// compiled returns a schema of the repository.
func compiled(t *testing.T, file string) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", file))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(file, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate holds a YAML text against a schema.
func validate(s *jsonschema.Schema, text []byte) error {
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		return err
	}
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return err
	}
	return s.Validate(doc)
}

// shipped are the scenarios and the topologies that come with edgebed.
func shipped(t *testing.T, patterns ...string) []string {
	t.Helper()
	var files []string
	for _, p := range patterns {
		found, err := filepath.Glob(filepath.Join("../..", p))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %d files, %v", p, len(found), err)
		}
		files = append(files, found...)
	}
	return files
}

// TestShippedFiles holds all files against their schema, which each of them names so
// that editors find it.
func TestShippedFiles(t *testing.T) {
	for schema, files := range map[string][]string{
		"scenarios/schema.json":  shipped(t, "scenarios/*.yaml", "scenarios/*/*.yaml"),
		"topologies/schema.json": shipped(t, "topologies/*.yaml"),
	} {
		s := compiled(t, schema)
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := validate(s, text); err != nil {
				t.Errorf("%s: %v", file, err)
			}

			first, _, _ := strings.Cut(string(text), "\n")
			name, ok := strings.CutPrefix(first, "# yaml-language-server: $schema=")
			named, err := filepath.Rel("../..", filepath.Join(filepath.Dir(file), name))
			if !ok || err != nil || filepath.ToSlash(named) != schema {
				t.Errorf("%s begins with %q, want a comment that names %s", file, first, schema)
			}
		}
	}
}

// readScenario is what the parser says of a scenario.
func readScenario(text string) error {
	s, err := scenario.Read("s.yaml", []byte(text), folder{})
	if err != nil {
		return err
	}
	_, err = s.Expand(scenario.Selection{Profile: "quick"})
	return err
}

// folder is beside a scenario: it has a topology and another scenario.
type folder struct{}

func (folder) Glob(string) ([]string, error) { return []string{"a.json", "b.json"}, nil }

func (folder) Scenario(name string) ([]byte, string, error) {
	if name != "base.yaml" {
		return nil, "", fs.ErrNotExist
	}
	return []byte(strings.Replace(right, "name: s", "name: base", 1)), name, nil
}

const right = `name: s
topology: {preset: "ring,switches=3,rate=$rate"}
matrix:
  - {axis: rate, values: [1 Mb/s, 2 Mb/s]}
`

// TestSchemaAndParser gives both the same texts: what the schema refuses the parser
// refuses, and what the parser takes the schema takes. These mistakes both find.
func TestSchemaAndParser(t *testing.T) {
	s := compiled(t, "scenarios/schema.json")
	for _, text := range []string{
		right,
		right + "workload: {generator: stages, branches: 6, argument: 10 kB}\n",
		right + "execution: {model: state-prop, form: direct, timeout: 10 s, warm-up: false, pause: 0}\n",
		right + "execution: {timeout: \"${5 * 2} s\"}\n",
		right + "nodes: {computers: [{hosts: [host1], processors: [{cores: 4, speed: 1e9}], functions: [{workers: 3}]}]}\n",
		right + "figures: [{name: f, kind: lines, metric: delay, x: rate, series: model, log-x: true}]\n",
		right + "figures: []\nprofiles: {quick: {executions: 3, seeds: [1, 2]}}\nexclude: [{rate: [2 Mb/s]}]\n",
		right + "include: [{rate: [9 Mb/s], model: [pure-faas]}]\n",
		right + "workload: {workflow: {tasks: [{name: a, output: 3 kB, time: 1 ms, uses: [s]}], states: {s: 1 kB}}}\n",
		right + "claims: [{name: c, place: here, quote: is so, kind: rises, metric: delay, series: model, of: [pure-faas], along: rate}]\n",
		"extends: base.yaml\nname: t\n",
		right + "clients: {count: 4, hosts: [host0, host1]}\nload: {arrivals: poisson, rate: 3/min, outstanding: 4}\n",
		right + "load: {arrivals: periodic, rate: 2, ramp: {to: 5/s, over: 10 s}, duration: 20 s, warm-up: 1 s}\n",
		right + "load: {arrivals: interrupted-poisson, rate: 2/s, on: 1 s, off: 500 ms, loop: closed}\n",
		right + "clients: {groups: [{name: a, count: 2, workload: {argument: 1 kB}}, {name: b, workload: {generator: stages}}]}\n",
		right + "load: {arrivals: {file: t.csv}}\n",
		right + "events: [{at: 1 s, for: 2 s, link: [s0, s1], down: true}, {at: 3 s, link-class: trunk, set: {loss: 1 %}}]\n",
		right + "events: [{at: 1 s, every: 5 s, random: true, for: 1 s, computer: host1, speed: 0.5}]\n",
		right + "programs: [{name: p, host: host1, command: [a, b], port: 80, ready: {port: true}, quantities: {q: {label: Q}}}]\n",
		right + "capture: [s0-s1, host2]\n",
		right + "capture: {of: [host2], executions: [0, -1], size: 1 MB, files: 3}\n",
		right + "figures: [{name: f, kind: heat-map, metric: delay, x: rate, y: model, log-z: true}]\n",
		right + "figures: [{name: f, kind: timeline, metric: port-queue, panels: [model], at: [s0-s1]}]\nload: {duration: 1 s}\n",
		strings.Replace(right, "values: [1 Mb/s, 2 Mb/s]", "values: 1..8 Mb/s log 3, unit: Mb/s, label: Rate", 1),
		strings.Replace(right, "values: [1 Mb/s, 2 Mb/s]", "values: [{name: a, label: A, set: {rate: 1 Mb/s}}, {name: b, set: {rate: 3 Mb/s}}]", 1),
		strings.Replace(right, "values: [1 Mb/s, 2 Mb/s]", "zip: {rate: [1 Mb/s, 2 Mb/s]}", 1),
		strings.Replace(right, "  - {", "  - &a {<<: {label: Rate}, ", 1) + "templates: [*a]\n",
		strings.Replace(right, "{preset: \"ring,switches=3,rate=$rate\"}",
			"{switches: [a, b], hosts: [{name: x, switch: a}, {name: y, switch: b}], links: [{between: [a, b], forward: {rate: $rate, loss: 1 %}}]}", 1),
	} {
		if err := readScenario(text); err != nil {
			t.Errorf("the parser refuses\n%s%v", text, err)
		}
		if err := validate(s, []byte(text)); err != nil {
			t.Errorf("the schema refuses\n%s%v", text, err)
		}
	}

	for _, text := range []string{
		"name: s\n",
		strings.Replace(right, "name: s\n", "", 1),
		right + "topolgy: {}\n",
		right + "network: wireless\n",
		right + "nodes: {client: [a]}\n",
		right + "nodes: {computers: {hosts: [host1]}}\n",
		right + "nodes: {computers: [{processors: [{cores: many}]}]}\n",
		right + "nodes: {computers: [{host: [host1]}]}\n",
		right + "workload: {generator: chains}\n",
		right + "workload: {argument: 10}\n",
		right + "workload: {workflow: {tasks: [{nam: a}]}}\n",
		right + "execution: {model: stateprop}\n",
		right + "execution: {warm-up: maybe}\n",
		right + "execution: 5\n",
		right + "figures: [{name: f, kind: pie, metric: delay, x: rate}]\n",
		right + "figures: [{name: f, kind: lines, metric: [delay], x: rate}]\n",
		right + "claims: [{name: c}]\n",
		right + "profiles: {quick: {seeds: [1]}}\n",
		right + "profiles: {quick: {executions: 3, seeds: [-1]}}\n",
		right + "exclude: {rate: [1 Mb/s]}\n",
		right + "parameters: [{name: p}]\n",
		right + "clients: 4\n",
		right + "clients: {number: 4}\n",
		right + "clients: {groups: [{count: 2}]}\n",
		right + "clients: {groups: [{name: a, workload: {arguments: 1 kB}}]}\n",
		right + "load: {arrivals: poison, rate: 1}\n",
		right + "load: {arrivals: {files: t.csv}}\n",
		right + "load: {arrivals: poisson, rate: 1, ramp: {to: 5}}\n",
		right + "load: {arrivals: poisson, rate: [1]}\n",
		right + "events: {at: 1 s}\n",
		right + "events: [{at: 1 s, link: [s0, s1], donw: true}]\n",
		right + "events: [{at: 1 s, link-class: trunk, set: {los: 1 %}}]\n",
		right + "programs: [{name: p, host: host1}]\n",
		right + "programs: [{name: p, host: host1, command: [a], runs: always}]\n",
		right + "programs: [{name: p, host: host1, command: [a], quantities: {q: {lable: Q}}}]\n",
		right + "capture: s0-s1\n",
		right + "capture: {ports: [s0-s1]}\n",
		strings.Replace(right, "axis:", "axes:", 1),
		strings.Replace(right, "values: [1 Mb/s, 2 Mb/s]", "zip: {}", 1),
		strings.Replace(right, "{preset:", "{presets:", 1),
		strings.Replace(right, "{preset: \"ring,switches=3,rate=$rate\"}",
			"{switches: [a, b], hosts: [{name: x, switch: a}], links: [{between: [a], forward: {rate: $rate}}]}", 1),
	} {
		if err := readScenario(text); err == nil {
			t.Errorf("the parser takes\n%s", text)
		}
		if err := validate(s, []byte(text)); err == nil {
			t.Errorf("the schema takes\n%s", text)
		}
	}
}

// TestSchemaIsComplete checks that the schema says of each part of a scenario what it
// holds: one that it left open an editor would not check.
func TestSchemaIsComplete(t *testing.T) {
	text, err := os.ReadFile("../../scenarios/schema.json")
	if err != nil {
		t.Fatal(err)
	}
	type property = map[string]any
	var schema struct {
		Properties map[string]property `json:"properties"`
		Defs       map[string]struct {
			Properties map[string]property `json:"properties"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}

	open := map[string]bool{"file.templates": true} // whatever other parts use
	check := func(of string, properties map[string]property) {
		for name, p := range properties {
			if place := of + "." + name; p["type"] == nil && p["$ref"] == nil && p["anyOf"] == nil && p["enum"] == nil && !open[place] {
				t.Errorf("the schema does not say what %s holds", place)
			}
		}
	}
	check("file", schema.Properties)
	for name, def := range schema.Defs {
		check(name, def.Properties)
	}
	for _, want := range []string{"Clients", "ClientGroup", "Load", "Ramp", "Event", "Program", "Quantity", "Capture"} {
		if len(schema.Defs[want].Properties) == 0 {
			t.Errorf("the schema does not describe %s", want)
		}
	}
}

// TestTopologySchema does so with topologies.
func TestTopologySchema(t *testing.T) {
	s := compiled(t, "topologies/schema.json")
	ring, err := topologies.Files.ReadFile("ring6.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, to string }{
		{"name:", "nam:"}, {"switches:", "switch:"}, {"link-classes:", "classes:"},
		{"name: ring6", "name: [ring6]"}, {"between: [", "between: [s0, "},
	} {
		if !strings.Contains(string(ring), c.from) {
			t.Fatalf("ring6 has no %q", c.from)
		}
		text := []byte(strings.Replace(string(ring), c.from, c.to, 1))
		if _, err := topology.Parse("t.yaml", text); err == nil {
			t.Errorf("the parser takes %q", c.to)
		}
		if err := validate(s, text); err == nil {
			t.Errorf("the schema takes %q", c.to)
		}
	}
}
