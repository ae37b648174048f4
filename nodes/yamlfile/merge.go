package yamlfile

import (
	"errors"
	"fmt"

	"gopkg.in/yaml.v3"
)

// merge writes out the merge keys of a node: a mapping with the key << has the keys of
// the mapping, or the list of mappings, that stands there, but for those that it has
// itself. What comes earlier in a list wins. Aliases are those that expand let through.
func merge(node *yaml.Node) *Error {
	for _, part := range node.Content {
		if err := merge(part); err != nil {
			return err
		}
	}
	if node.Kind != yaml.MappingNode {
		return nil
	}

	var own, merged []*yaml.Node
	has := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if key.ShortTag() != "!!merge" {
			own = append(own, key, value)
			has[key.Value] = true
			continue
		}
		sources := []*yaml.Node{value}
		if resolve(value).Kind == yaml.SequenceNode {
			sources = resolve(value).Content
		}
		for _, source := range sources {
			if resolve(source).Kind != yaml.MappingNode {
				return &Error{Line: source.Line, Column: source.Column,
					Err: fmt.Errorf("expected a mapping after <<, such as *name, got %s", describe(resolve(source)))}
			}
			merged = append(merged, resolve(source).Content...)
		}
	}
	if merged == nil {
		return nil
	}

	node.Content = own
	for i := 0; i+1 < len(merged); i += 2 {
		if key := merged[i]; !has[key.Value] {
			has[key.Value] = true
			node.Content = append(node.Content, key, merged[i+1])
		}
	}
	return nil
}

// maxLines is more lines than a file has. A node of a document that another one
// extends has this much added to its line, once for each step, so that copies of nodes
// know which file they are from.
const maxLines = 1 << 26

// Extend makes the document one that has all that base has, but for what it says
// itself: mappings are put together key by key, and of everything else the document's own
// counts. A key without a value takes away what base has there. Places of what is from
// base are in its file. Base must not be used any more.
func (d *Document) Extend(base *Document) error {
	for at := base; at != nil; at = at.base {
		if at.steps++; at.steps > maxSteps {
			return &Error{File: d.file, Err: fmt.Errorf("more than %d files extend one another", maxSteps)}
		}
	}
	if d.root.Kind != yaml.MappingNode || base.root.Kind != yaml.MappingNode {
		return &Error{File: d.file, Line: 1, Column: 1, Err: errors.New("expected a mapping on both sides")}
	}

	shift(base.root, map[*yaml.Node]bool{})
	d.base = base
	d.root = over(d.root, base.root)
	return nil
}

// maxSteps bounds how many documents extend one another.
const maxSteps = 8

// shift moves the lines of nodes out of the way of another file's.
func shift(node *yaml.Node, done map[*yaml.Node]bool) {
	if done[node] {
		return
	}
	done[node] = true
	node.Line += maxLines
	if node.Alias != nil {
		shift(node.Alias, done)
	}
	for _, part := range node.Content {
		shift(part, done)
	}
}

// over lays one mapping over another.
func over(own, base *yaml.Node) *yaml.Node {
	if own.Kind != yaml.MappingNode || base.Kind != yaml.MappingNode {
		return own
	}

	out := *own
	out.Content = nil
	has := map[string]bool{}
	for i := 0; i+1 < len(own.Content); i += 2 {
		key, value := own.Content[i], own.Content[i+1]
		has[key.Value] = true
		below := step(base, key.Value)
		switch {
		case below != nil && isNull(value):
			// taken away
		case below != nil:
			out.Content = append(out.Content, key, over(resolve(value), resolve(below)))
		default:
			out.Content = append(out.Content, key, value)
		}
	}
	for i := 0; i+1 < len(base.Content); i += 2 {
		if key := base.Content[i]; !has[key.Value] {
			out.Content = append(out.Content, key, base.Content[i+1])
		}
	}
	return &out
}

// origin returns the document that a line of a node is from, and its number there.
func (d *Document) origin(line int) (*Document, int) {
	for d.base != nil && line >= maxLines {
		d, line = d.base, line-maxLines
	}
	return d, line
}

// settle gives an error that points at a node the file which that is from.
func (e *Error) settle() *Error {
	if e.doc != nil && e.Line >= maxLines {
		e.doc, e.Line = e.doc.origin(e.Line)
		e.File = e.doc.file
	}
	return e
}
