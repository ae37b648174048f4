package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// definition is what this test looks at in a schema.
type definition struct {
	Ref         string                 `json:"$ref"`
	Description string                 `json:"description"`
	Type        any                    `json:"type"`
	Format      string                 `json:"format"`
	Maximum     float64                `json:"maximum"`
	Enum        []string               `json:"enum"`
	AnyOf       []*definition          `json:"anyOf"`
	Required    []string               `json:"required"`
	Else        *definition            `json:"else"`
	Properties  map[string]*definition `json:"properties"`
	Items       *definition            `json:"items"`
	Values      *definition            `json:"additionalProperties"`
	Defs        map[string]*definition `json:"$defs"`
}

// schemaOf is the definition of a Go type, by the rules of encoding/json.
func schemaOf(t reflect.Type, omitted bool) definition {
	var d definition
	switch {
	case t == reflect.TypeFor[time.Time]():
		d.Type, d.Format = "string", "date-time"
	case t.Kind() == reflect.Pointer:
		return schemaOf(t.Elem(), omitted)
	case t.Kind() == reflect.Struct:
		d.Ref = "#/$defs/" + t.Name()
	case t.Kind() == reflect.Slice, t.Kind() == reflect.Map:
		kind := "array"
		if t.Kind() == reflect.Map {
			kind = "object"
		}
		elem := schemaOf(t.Elem(), false)
		if kind == "array" {
			d.Items = &elem
		} else {
			d.Values = &elem
		}
		d.Type = kind
		if !omitted {
			d.Type = []any{kind, "null"} // what is nil in Go
		}
	case t.Kind() == reflect.String:
		d.Type = "string"
	case t.Kind() == reflect.Bool:
		d.Type = "boolean"
	case t.Kind() == reflect.Float64:
		d.Type = "number"
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64:
		d.Type = "integer"
	default:
		panic(fmt.Sprintf("the test does not know how %v is encoded", t))
	}
	return d
}

// TestSchemaMatchesTypes holds the schema against the types of the records: the
// same fields, of the same types, required where they are always written, each
// with a description.
func TestSchemaMatchesTypes(t *testing.T) {
	var schema definition
	if err := json.Unmarshal(Schema, &schema); err != nil {
		t.Fatal(err)
	}
	left := maps.Clone(schema.Defs)
	var check func(reflect.Type)
	check = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			check(typ.Elem())
			return
		case reflect.Struct:
		default:
			return
		}
		def, isNew := left[typ.Name()]
		if schema.Defs[typ.Name()] == nil && typ != reflect.TypeFor[time.Time]() {
			t.Errorf("the schema does not define %s", typ.Name())
		}
		if !isNew {
			return
		}
		delete(left, typ.Name())
		if def.Description == "" {
			t.Errorf("%s has no description", typ.Name())
		}
		undocumented := maps.Clone(def.Properties)
		var required []string
		for i := range typ.NumField() {
			field := typ.Field(i)
			name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
			omitted := options == "omitempty"
			if !omitted {
				required = append(required, name)
			}
			got := def.Properties[name]
			if got == nil {
				t.Errorf("%s.%s: the schema has no property %q", typ.Name(), field.Name, name)
				continue
			}
			delete(undocumented, name)
			if got.Description == "" {
				t.Errorf("%s.%s has no description", typ.Name(), name)
			}
			for _, unit := range [][2]string{{"_ns", "nanoseconds"}, {"_ms", "milliseconds"}, {"_bytes", "ytes"}} {
				if strings.HasSuffix(name, unit[0]) && !strings.Contains(got.Description, unit[1]) {
					t.Errorf("%s.%s: its description does not name its unit", typ.Name(), name)
				}
			}
			shape := definition{Ref: got.Ref, Type: got.Type, Format: got.Format, Items: bare(got.Items), Values: bare(got.Values)}
			if want := schemaOf(field.Type, omitted); !reflect.DeepEqual(shape, want) {
				t.Errorf("%s.%s is %+v in the schema, the Go type means %+v", typ.Name(), name, shape, want)
			}
			check(field.Type)
		}
		for name := range undocumented {
			t.Errorf("%s: the schema has a property %q, the Go type has not", typ.Name(), name)
		}
		if typ == reflect.TypeFor[Execution]() {
			// What is not written under load is required otherwise.
			var alone []string
			for field := range reflect.TypeFor[withoutBytes]().Fields() {
				if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
					alone = append(alone, name)
				}
			}
			if !slices.Equal(def.Else.Required, alone) {
				t.Errorf("executions alone must have %q in the schema, want %q", def.Else.Required, alone)
			}
			required = slices.DeleteFunc(required, func(name string) bool { return slices.Contains(alone, name) })
		}
		if !slices.Equal(slices.Sorted(slices.Values(def.Required)), slices.Sorted(slices.Values(required))) {
			t.Errorf("%s: the schema requires %q, the Go type always writes %q", typ.Name(), def.Required, required)
		}
	}
	for _, record := range []any{Campaign{}, Cell{}, Execution{}, CellEnd{}} {
		check(reflect.TypeOf(record))
	}
	for name := range left {
		t.Errorf("the schema defines %s, which no record has", name)
	}

	metrics := slices.Sorted(maps.Keys(Metrics))
	for _, enum := range []struct {
		of, property string
		want         []string
	}{
		{"Figure", "kind", slices.Sorted(slices.Values(FigureKinds))},
		{"Figure", "metric", slices.Sorted(slices.Values(slices.AppendSeq(slices.Clone(metrics), maps.Keys(Sampled))))},
		{"Claim", "metric", metrics},
		{"Claim", "kind", ClaimKinds},
		{"Audit", "verdict", []string{string(Faithful), string(Disturbed), string(Exact)}},
		{"Campaign", "network", []string{string(Emulated), string(Virtual)}},
	} {
		property := schema.Defs[enum.of].Properties[enum.property]
		got := property.Enum
		if len(property.AnyOf) > 0 {
			got = property.AnyOf[0].Enum
		}
		if !slices.Equal(got, enum.want) {
			t.Errorf("%s.%s is one of %q in the schema, want %q", enum.of, enum.property, got, enum.want)
		}
	}
	if got := schema.Properties["type"].Enum; !slices.Equal(got, []string{typeCampaign, typeCell, typeExecution, typeCellEnd}) {
		t.Errorf("a line's types are %q in the schema", got)
	}
	if got := schema.Defs["Campaign"].Properties["version"].Maximum; got != Version {
		t.Errorf("the schema is of version %v, the package of %d", got, Version)
	}
}

// bare is a definition of elements without its description.
func bare(d *definition) *definition {
	if d == nil {
		return nil
	}
	return &definition{Ref: d.Ref, Type: d.Type, Format: d.Format, Items: bare(d.Items), Values: bare(d.Values)}
}

// compile compiles the schema: as it is, or so that it refuses fields that it
// does not describe.
func compile(t *testing.T, strict bool) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		t.Fatal(err)
	}
	if strict {
		root := doc.(map[string]any)
		root["unevaluatedProperties"] = false
		for name, def := range root["$defs"].(map[string]any) {
			if !slices.Contains([]string{"Campaign", "Cell", "Execution", "CellEnd"}, name) { // root adds their type
				def.(map[string]any)["additionalProperties"] = false
			}
		}
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// validate holds the lines of a folder's records against the schema, and returns their
// number; of a long file, whose lines are alike, a short test looks at some.
func validate(t *testing.T, schema *jsonschema.Schema, dir string) int {
	t.Helper()
	const all, every = 1000, 50
	lines := 0
	err := eachLine(dir, func(line []byte) error {
		if lines++; testing.Short() && lines > all && lines%every != 0 {
			return nil
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
		if err != nil {
			return err
		}
		return schema.Validate(doc)
	})
	if err != nil {
		t.Errorf("%s, line %d: %v", dir, lines, err)
	}
	return lines
}

// TestSchemaAcceptsRecords validates what the writer writes, with every field
// set and with none, the committed results, and records of the first edgebed.
func TestSchemaAcceptsRecords(t *testing.T) {
	schema := compile(t, true)
	for _, fill := range []func(reflect.Value){func(reflect.Value) {}, fillValue} {
		dir := t.TempDir()
		w, err := Create(dir)
		if err != nil {
			t.Fatal(err)
		}
		var campaign Campaign
		var cell Cell
		var execution Execution
		var end CellEnd
		for _, v := range []any{&campaign, &cell, &execution, &end} {
			fill(reflect.ValueOf(v).Elem())
		}
		// What the package itself refuses to be empty or anything.
		campaign.Version, cell.ID, execution.Cell, end.Cell = Version, "c", "c", "c"
		if campaign.Network != "" {
			campaign.Network = Virtual
		}
		for i := range campaign.Figures {
			campaign.Figures[i].Kind, campaign.Figures[i].Metric = KindBars, "delay"
		}
		for i := range campaign.Claims {
			campaign.Claims[i].Kind, campaign.Claims[i].Metric = ClaimOrder, "delay"
		}
		if campaign.Network != "" {
			campaign.Network = Virtual
		}
		if end.Audit != nil {
			end.Audit.Verdict = Disturbed
		}
		for _, err := range []error{w.Campaign(campaign), w.Cell(cell), w.Execution(execution), w.CellEnd(end), w.Close()} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if n := validate(t, schema, dir); n != 4 {
			t.Errorf("validated %d lines, want 4", n)
		}
	}
	committed, err := filepath.Glob("../../results/baseline/*/records.jsonl*")
	if err != nil || len(committed) == 0 {
		t.Fatalf("found no committed results: %v", err)
	}
	for _, file := range append(committed, "testdata/records.jsonl", "testdata/first/records.jsonl.gz") {
		if n := validate(t, schema, filepath.Dir(file)); n < 5 {
			t.Errorf("%s: validated %d lines", file, n)
		}
	}
}

// TestReadFirst reads records that the first edgebed wrote: what it did not know
// is zero.
func TestReadFirst(t *testing.T) {
	r, err := Read("testdata/first")
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Warnings) > 0 || len(r.Cells) != 1 || len(r.Cells[0].Counted()) != 8 || !r.Cells[0].Complete() {
		t.Fatalf("read %d cells, warnings %q", len(r.Cells), r.Warnings)
	}
	first := r.Cells[0].Executions[0]
	if first.DelayNS != 301631726 || len(first.Ports) == 0 || first.Table1Bytes != 0 || first.Bound != nil {
		t.Errorf("the first execution is %+v", first)
	}
	if r.Campaign.CalibrationNS != 0 || r.Campaign.Command != nil || r.Campaign.Claims != nil || r.Cells[0].End.Audit != nil {
		t.Errorf("the campaign is %+v", r.Campaign)
	}
}

// fillValue sets every field of a value to something that is not its zero value.
func fillValue(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(at(1)))
			return
		}
		for i := range v.NumField() {
			fillValue(v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillValue(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fillValue(v.Index(0))
	case reflect.Map:
		elem := reflect.New(v.Type().Elem()).Elem()
		fillValue(elem)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("key"), elem)
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(0.5)
	case reflect.Uint64:
		v.SetUint(1<<64 - 1)
	default:
		v.SetInt(1<<62 + 1)
	}
}

// TestSchemaRefuses shows that the schema says no: to damage always, to fields
// that it does not know only where told so.
func TestSchemaRefuses(t *testing.T) {
	good := `{"type":"cell_end","cell":"c","ended":"2026-11-22T12:00:00Z","ok":true,"busy_cpu":0.5}`
	for _, bad := range []string{
		strings.Replace(good, "cell_end", "cellend", 1),
		strings.Replace(good, `"type":"cell_end",`, "", 1),
		strings.Replace(good, `"ok":true,`, "", 1),
		strings.Replace(good, "true", `"yes"`, 1),
		strings.Replace(good, "2026-11-22T12:00:00Z", "yesterday", 1),
		strings.Replace(good, "0.5", "-1", 1),
		strings.Replace(good, "0.5", `0.5,"audit":{"verdict":"fine","neighbours":0}`, 1),
	} {
		if err := compile(t, false).Validate(parsed(t, bad)); err == nil {
			t.Errorf("the schema accepts %s", bad)
		}
	}
	later := parsed(t, strings.Replace(good, "0.5", `0.5,"later":1`, 1))
	if err := compile(t, false).Validate(later); err != nil {
		t.Errorf("the schema refuses a field of a later edgebed: %v", err)
	}
	if err := compile(t, true).Validate(later); err == nil {
		t.Error("the strict schema accepts a field that it does not describe")
	}
}

func parsed(t *testing.T, text string) any {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}
