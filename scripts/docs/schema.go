package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"edgebed/harness/record"
	"edgebed/harness/scenario"
)

// schemaFile is a JSON Schema of the files that a struct is read from. Editors complete
// and check with it; edgebed itself checks more.
type schemaFile struct {
	file, title string
	// folder and of name the struct.
	folder, of string
	// page holds the words of the comments.
	page page
}

// schemas returns the schemas in the repository.
func schemas() []schemaFile {
	return []schemaFile{
		{"scenarios/schema.json", "edgebed scenario", "harness/scenario", "file", scenarioPage()},
		{"topologies/schema.json", "edgebed topology", "harness/topology", "Topology", topologyPage()},
	}
}

// packageFolders are those of the packages whose types stand in files.
var packageFolders = map[string]string{
	"record": "harness/record", "topology": "harness/topology", "emu": "harness/emu",
	"workflow": "nodes/workflow", "foreign": "nodes/workflow/foreign", "program": "harness/program",
	"cgroup": "harness/cgroup",
}

// nodeTypes are what fields hold whose part of the file is read later, by struct and
// key; those that are not listed may hold anything.
var nodeTypes = map[string]string{
	"file.topology": "Topology", "file.nodes": "Nodes", "file.workload": "Workload", "file.execution": "Execution",
	"file.clients": "Clients", "file.load": "Load", "file.events": "[]Event", "file.programs": "[]program.Program",
	"ClientGroup.workload": "Workload",
}

// choices returns the values of keys that are plain texts in Go, by struct and key.
func choices() map[string][]string {
	return map[string][]string{
		"Figure.kind": record.FigureKinds, "Claim.kind": record.ClaimKinds,
		"Workload.generator": slices.Sorted(maps.Keys(scenario.Generators)),
	}
}

type object = map[string]any

// reference is a value that holds a variable or an expression.
var reference = object{"type": "string", "pattern": `\$`}

// schemaWriter makes the schema of one kind of file.
type schemaWriter struct {
	root     string
	page     page
	packages map[string]*source
	defs     object
}

// render returns the schema's text.
func (f schemaFile) render(root string) ([]byte, error) {
	w := &schemaWriter{root: root, page: f.page, packages: map[string]*source{}, defs: object{}}
	if _, err := w.structure(f.folder, f.of, false); err != nil {
		return nil, err
	}
	top, _ := w.defs[f.of].(object)
	delete(w.defs, f.of)
	if f.of == "file" {
		// What another scenario has need not be here.
		top["required"] = []string{"name"}
		top["anyOf"] = []any{object{"required": []string{"topology"}}, object{"required": []string{"extends"}}}
	}

	top["$schema"], top["title"], top["$defs"] = "https://json-schema.org/draft/2020-12/schema", f.title, w.defs
	text, err := json.MarshalIndent(top, "", " ")
	return append(text, '\n'), err
}

func (w *schemaWriter) source(folder string) (*source, error) {
	if src := w.packages[folder]; src != nil {
		return src, nil
	}
	src, err := readPackage(filepath.Join(w.root, folder))
	w.packages[folder] = src
	return src, err
}

// structure notes the definition of a struct and returns a reference to it. Where it
// is a template, its values may hold variables.
func (w *schemaWriter) structure(folder, name string, template bool) (object, error) {
	ref := object{"$ref": "#/$defs/" + name}
	if w.defs[name] != nil {
		return ref, nil
	}
	src, err := w.source(folder)
	if err != nil {
		return nil, err
	}
	t, ok := src.structs[name]
	if !ok {
		return nil, fmt.Errorf("there is no struct %s in %s", name, folder)
	}

	def, properties, required := object{"type": "object", "additionalProperties": false}, object{}, []string{}
	w.defs[name] = def // before the fields, which may lead back here
	for i, f := range t.fields {
		value, err := w.field(folder, name, f, template)
		if err != nil {
			return nil, fmt.Errorf("field %s.%s in %s: %w", name, f.name, folder, err)
		}
		comment := f.comment
		if with := commented(t.fields[:i]); comment == "" {
			comment = with.comment
		}
		if comment != "" {
			value = maps.Clone(value)
			value["description"] = strings.ReplaceAll(w.page.inFileWords(src, t, comment), "`", "")
		}
		properties[f.key] = value
		if f.required {
			required = append(required, f.key)
		}
	}
	def["properties"] = properties
	if len(required) > 0 {
		def["required"] = required
	}
	return ref, nil
}

// field returns the schema of a field's value.
func (w *schemaWriter) field(folder, of string, f field, template bool) (object, error) {
	place := of + "." + f.key
	if list, ok := choices()[place]; ok {
		return orReference(object{"enum": list}, template), nil
	}
	if name, ok := nodeTypes[place]; ok {
		e, err := parser.ParseExpr(name)
		if err != nil {
			return nil, err
		}
		return w.value(folder, e, true)
	}

	switch place {
	case "Figure.metric": // or what a program of the scenario measures
		names := slices.AppendSeq(slices.Collect(maps.Keys(record.Metrics)), maps.Keys(record.Sampled))
		return object{"type": "string", "examples": slices.Sorted(slices.Values(names))}, nil
	case "Claim.metric":
		return object{"type": "string", "examples": slices.Sorted(maps.Keys(record.Metrics))}, nil
	case "file.capture": // a list alone is what its key of says
		value, err := w.structure(folder, "Capture", true)
		return object{"anyOf": []any{object{"type": "array", "items": plain}, value}}, err
	case "axisFile.values":
		value, err := w.structure(folder, "valueFile", false)
		items := object{"anyOf": []any{plain, value}}
		return object{"anyOf": []any{plain, object{"type": "array", "items": items}}}, err
	case "axisFile.zip":
		list := object{"anyOf": []any{plain, object{"type": "array", "items": plain}}}
		return object{"type": "object", "additionalProperties": list, "minProperties": 1}, nil
	}
	return w.value(folder, f.kind, template)
}

// Schemas of values. A text may be written like a number, and sizes and times as 0.
var (
	plain    = object{"type": []string{"string", "number", "boolean"}}
	measured = object{"type": []string{"string", "number"}}
)

// scalars are the schemas of types that are written as one value.
var scalars = map[string]object{
	"string": plain, "int": {"type": "integer"}, "uint64": {"type": "integer", "minimum": 0},
	"float64": {"type": "number"}, "bool": {"type": "boolean"},
	"units.Rate": {"type": "string"}, "units.Size": {"type": "string"}, "time.Duration": measured,
	"netip.Prefix": {"type": "string"}, "netip.Addr": {"type": "string"}, "Loss": measured, "Burst": measured,
	"SoftwareCost": {"type": []string{"string", "object"}}, "Frequency": measured, "Arrivals": arrivals(),
}

// arrivals are the name of a process, or the file of a trace.
func arrivals() object {
	return object{"anyOf": []any{
		object{"enum": scenario.Processes},
		object{
			"type": "object", "properties": object{"file": plain},
			"required": []string{"file"}, "additionalProperties": false,
		},
	}}
}

func orReference(value object, template bool) object {
	if !template {
		return value
	}
	return object{"anyOf": []any{value, reference}}
}

// value returns the schema of a value of a Go type.
func (w *schemaWriter) value(folder string, e ast.Expr, template bool) (object, error) {
	switch e := e.(type) {
	case *ast.StarExpr:
		return w.value(folder, e.X, template)
	case *ast.ArrayType:
		items, err := w.value(folder, e.Elt, template)
		list := object{"type": []string{"array", "null"}, "items": items}
		if length, ok := e.Len.(*ast.BasicLit); ok {
			list["minItems"], list["maxItems"] = json.Number(length.Value), json.Number(length.Value)
		}
		return list, err
	case *ast.MapType:
		values, err := w.value(folder, e.Value, template)
		return object{"type": []string{"object", "null"}, "additionalProperties": values}, err
	}

	name := typeName(e)
	if scalar, ok := scalars[name]; ok {
		return orReference(scalar, template && name != "string"), nil
	}
	short := name
	if pack, of, ok := strings.Cut(name, "."); ok && packageFolders[pack] != "" {
		folder, short = packageFolders[pack], of
	}
	src, err := w.source(folder)
	if err != nil {
		return nil, err
	}
	if src.structs[short] != nil && len(src.structs[short].fields) > 0 {
		return w.structure(folder, short, template)
	}
	if values := src.values[short]; values != nil {
		var list []string
		for _, v := range values {
			list = append(list, v.value)
		}
		return orReference(object{"enum": list}, template), nil
	}
	return object{}, nil // anything
}
