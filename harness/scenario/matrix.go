package scenario

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"gopkg.in/yaml.v3"

	"edgebed/nodes/yamlfile"
)

// zippedValues returns the values of an axis that sets several variables from lists.
func zippedValues(doc *yamlfile.Document, zip *yaml.Node, at yamlfile.Path) ([]Value, error) {
	if zip.Kind != yaml.MappingNode || len(zip.Content) < 2 {
		return nil, doc.Errorf(at, "expected variables with lists, such as "+
			"{rate: [1 Mb/s, 10 Mb/s], delay: [10 ms, 1 ms]}")
	}

	var values []Value
	var errs []error
	for i := 0; i+1 < len(zip.Content); i += 2 {
		variable, node := zip.Content[i].Value, alias(zip.Content[i+1])
		path := append(slices.Clip(at), variable)
		list, err := zippedList(doc, node, variable, path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if values == nil {
			values = list
			continue
		}
		if len(list) != len(values) {
			errs = append(errs, doc.Errorf(path, "expected %d values as of %s, got %d",
				len(values), zip.Content[0].Value, len(list)))
			continue
		}
		for k := range values {
			values[k].Set[variable] = list[k].Name
		}
	}
	return values, yamlfile.Join(errs...)
}

// zippedList returns the values of one variable.
func zippedList(doc *yamlfile.Document, node *yaml.Node, variable string, at yamlfile.Path) ([]Value, error) {
	nodes := []*yaml.Node{node}
	if node.Kind == yaml.SequenceNode {
		nodes = node.Content
	}
	var list []Value
	for _, part := range nodes {
		part = alias(part)
		if part.Kind != yaml.ScalarNode {
			return nil, doc.Errorf(at, "expected a list of plain values, or a range such as 1..100 Mb/s log 7")
		}
		more, err := axisValues(doc, part, variable, at)
		if err != nil {
			return nil, err
		}
		if list = append(list, more...); len(list) > MaxCells {
			return nil, doc.Errorf(at, "expected at most %d values, got more", MaxCells)
		}
	}
	return list, nil
}

// addIncluded gives axes the values that only Include has.
func (s *Scenario) addIncluded() error {
	var errs []error
	for i, points := range s.Include {
		for _, name := range slices.Sorted(maps.Keys(points)) {
			a := s.axis(name)
			if a == nil {
				continue // check says so
			}
			for _, v := range points[name] {
				if a.value(v) != nil {
					continue
				}

				one := Value{Name: v, Set: map[string]string{name: v}, extra: true}
				err := one.read(a.Unit)
				if !a.plain() {
					err = errors.New("values of this axis set other variables; list it there")
				}
				if err != nil {
					errs = append(errs, s.doc.Errorf(yamlfile.Path{"include", i, name},
						"axis %s has no value %q: %w%s", name, v, err, yamlfile.Suggest(v, a.names())))
					continue
				}
				a.Values = append(a.Values, one)
			}
		}
	}
	return yamlfile.Join(errs...)
}

// plain reports whether each value of the axis sets the axis's own variable to its name.
func (a *Axis) plain() bool {
	return !slices.ContainsFunc(a.Values, func(v Value) bool { return len(v.Set) != 1 || v.Set[a.Name] != v.Name })
}

// points are the combinations of the axes' values: all of those that the axes have, and
// then those of each element of included, which says which values count on an axis.
type points struct {
	axes     []Axis
	included []map[string][]string
}

func (s *Scenario) points(axes []Axis) points { return points{axes, s.Include} }

// parts returns the axes of each product of values.
func (p points) parts() [][]Axis {
	keep := func(wanted func(a Axis, v Value) bool) []Axis {
		axes := slices.Clone(p.axes)
		for i, a := range axes {
			axes[i].Values = slices.DeleteFunc(slices.Clone(a.Values), func(v Value) bool { return !wanted(a, v) })
		}
		return axes
	}

	parts := [][]Axis{keep(func(_ Axis, v Value) bool { return !v.extra })}
	for _, values := range p.included {
		parts = append(parts, keep(func(a Axis, v Value) bool {
			if list, ok := values[a.Name]; ok {
				return slices.Contains(list, v.Name)
			}
			return !v.extra
		}))
	}
	return parts
}

// number returns how many there are, those that stand twice counted twice, or more than
// MaxCells where there are more.
func (p points) number() int {
	sum := 0
	for _, axes := range p.parts() {
		n := 1
		for _, a := range axes {
			n = min(n*len(a.Values), MaxCells+1)
		}
		sum = min(sum+n, MaxCells+1)
	}
	return sum
}

// all yields every combination once, the last axis fastest.
func (p points) all() func(yield func([]Value) bool) {
	return func(yield func([]Value) bool) {
		seen := map[string]bool{}
		for _, axes := range p.parts() {
			point := make([]Value, len(axes))

			var walk func(i int) bool
			walk = func(i int) bool {
				if i == len(axes) {
					if len(p.included) > 0 {
						key := fmt.Sprintf("%q", namesOf(point))
						if seen[key] {
							return true
						}
						seen[key] = true
					}
					return yield(point)
				}
				for _, v := range axes[i].Values {
					point[i] = v
					if !walk(i + 1) {
						return false
					}
				}
				return true
			}
			if !walk(0) {
				return
			}
		}
	}
}

// namesOf returns the values' names.
func namesOf(point []Value) []string {
	var names []string
	for _, v := range point {
		names = append(names, v.Name)
	}
	return names
}
