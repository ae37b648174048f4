package preset

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"edgebed/harness/topology"
	"edgebed/nodes/yamlfile"
)

// MaxHosts is the largest number of hosts, and of switches, that a preset makes.
const MaxHosts = 10_000

// Preset is a shape of networks.
type Preset struct {
	Name string `json:"name"`
	// Description in one line.
	Description string `json:"description"`
	// Params in the order in which a reference may give them without names.
	Params []Param `json:"params"`

	build func(b *builder, v values)
}

// Param is a number that a preset takes.
type Param struct {
	Name    string
	Default float64
	// Min and Max are the smallest and the largest value allowed.
	Min, Max float64
	// Fraction says that the value need not be whole.
	Fraction bool
	// Even says that the value must be even.
	Even bool
	Doc  string
}

// values are the parameters of one network by name.
type values map[string]float64

func (v values) int(name string) int { return int(v[name]) }

// List returns all presets in the order of their names.
func List() []Preset {
	list := shapes()
	slices.SortFunc(list, func(a, b Preset) int { return strings.Compare(a.Name, b.Name) })

	return list
}

// Build makes the network that a reference names: a preset's name, then its
// parameters, separated by commas, each as name=value or, as mininet writes them,
// as a value alone in the order of Params. Three more parameters belong to every
// preset: rate and delay, which replace those of all its links, and mode, which is
// switched or routed.
//
// Errors name the parameter, what was expected and the nearest valid name.
func Build(reference string) (*topology.Topology, error) {
	words := strings.Split(reference, ",")
	name := strings.TrimSpace(words[0])

	p, err := find(name)
	if err != nil {
		return nil, err
	}

	v, change, err := p.read(words[1:])
	if err != nil {
		return nil, fmt.Errorf("preset %s: %w", name, err)
	}

	b := newBuilder(p, strings.Join(words, ","))
	p.build(b, v)

	return b.finish(change)
}

// IsReference reports whether the text is a reference to a preset, with or
// without parameters.
func IsReference(text string) bool {
	name, _, _ := strings.Cut(text, ",")
	_, err := find(strings.TrimSpace(name))

	return err == nil
}

func find(name string) (Preset, error) {
	list := List()

	i := slices.IndexFunc(list, func(p Preset) bool { return p.Name == name })
	if i >= 0 {
		return list[i], nil
	}

	var names []string
	for _, p := range list {
		names = append(names, p.Name)
	}

	return Preset{}, fmt.Errorf("unknown preset %q%s (presets: %s)",
		name, yamlfile.Suggest(name, names), strings.Join(names, ", "))
}

// changes are what every preset takes beside its own parameters.
type changes struct {
	topology.Override // of all links
	mode              topology.Mode
}

// read takes the parameters from the words after the preset's name.
func (p Preset) read(words []string) (values, changes, error) {
	v := values{}
	for _, param := range p.Params {
		v[param.Name] = param.Default
	}

	var change changes
	given := map[string]bool{}
	for i, word := range words {
		name, text, named := strings.Cut(word, "=")
		name, text = strings.TrimSpace(name), strings.TrimSpace(text)

		if !named {
			if i >= len(p.Params) {
				return nil, change, fmt.Errorf("%q is one value too many; it takes %s", word, p.signature())
			}
			name, text = p.Params[i].Name, name
		}
		if given[name] {
			return nil, change, fmt.Errorf("%s is given twice", name)
		}
		given[name] = true

		if err := p.set(v, &change, name, text); err != nil {
			return nil, change, err
		}
	}

	return v, change, nil
}

// set reads one parameter.
func (p Preset) set(v values, change *changes, name, text string) error {
	switch name {
	case "rate", "delay":
		return change.Set(name, text)
	case "mode":
		return change.mode.UnmarshalText([]byte(text))
	}

	i := slices.IndexFunc(p.Params, func(param Param) bool { return param.Name == name })
	if i < 0 {
		known := append(slices.Collect(maps.Keys(v)), "rate", "delay", "mode")

		return fmt.Errorf("unknown parameter %q%s; it takes %s", name, yamlfile.Suggest(name, known), p.signature())
	}

	param := p.Params[i]
	value, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || !(value >= param.Min && value <= param.Max):
		return fmt.Errorf("%s=%s: expected a number from %g to %g", name, text, param.Min, param.Max)
	case !param.Fraction && value != float64(int(value)):
		return fmt.Errorf("%s=%s: expected a whole number from %g to %g", name, text, param.Min, param.Max)
	case param.Even && int(value)%2 != 0:
		return fmt.Errorf("%s=%s: expected an even number from %g to %g", name, text, param.Min, param.Max)
	}
	v[name] = value

	return nil
}

// signature lists the parameters with their defaults.
func (p Preset) signature() string {
	var parts []string
	for _, param := range p.Params {
		parts = append(parts, fmt.Sprintf("%s=%g", param.Name, param.Default))
	}

	return strings.Join(append(parts, "rate", "delay", "mode"), ", ")
}
