package topology

import (
	"fmt"
	"maps"
	"slices"

	"gopkg.in/yaml.v3"
)

// YAML returns the topology as the text of a file that Parse reads back to the
// same network: one line for each host and link, parameters only where they are
// set.
func (t *Topology) YAML() ([]byte, error) {
	doc := &yaml.Node{Kind: yaml.MappingNode}
	add := func(key string, value *yaml.Node) {
		doc.Content = append(doc.Content, scalar(key), value)
	}

	add("version", number(t.Version))
	add("name", scalar(t.Name))
	if t.Description != "" {
		add("description", scalar(t.Description))
	}
	add("subnet", scalar(t.Subnet.String()))

	switches := flow(yaml.SequenceNode)
	for _, s := range t.Switches {
		switches.Content = append(switches.Content, scalar(s))
	}
	add("switches", switches)

	hosts := &yaml.Node{Kind: yaml.SequenceNode}
	for _, h := range t.Hosts {
		hosts.Content = append(hosts.Content, flow(yaml.MappingNode,
			scalar("name"), scalar(h.Name), scalar("address"), scalar(h.Address.String()),
			scalar("switch"), scalar(h.Switch)))
	}
	add("hosts", hosts)

	if len(t.Classes) > 0 {
		classes := &yaml.Node{Kind: yaml.MappingNode}
		for _, name := range slices.Sorted(maps.Keys(t.Classes)) {
			o, err := t.Classes[name].node()
			if err != nil {
				return nil, fmt.Errorf("write link class %s: %w", name, err)
			}
			classes.Content = append(classes.Content, scalar(name), o)
		}
		add("link-classes", classes)
	}

	if len(t.Links) > 0 {
		links, err := t.linkNodes()
		if err != nil {
			return nil, err
		}
		add("links", links)
	}

	return yaml.Marshal(doc)
}

// linkNodes returns the list of links.
func (t *Topology) linkNodes() (*yaml.Node, error) {
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, l := range t.Links {
		between := flow(yaml.SequenceNode, scalar(l.Between[0]), scalar(l.Between[1]))
		link := flow(yaml.MappingNode, scalar("between"), between)
		if l.Class != "" {
			link.Content = append(link.Content, scalar("class"), scalar(l.Class))
		}

		for dir, o := range [2]Override{l.Forward, l.Reverse} {
			if o == (Override{}) {
				continue
			}
			node, err := o.node()
			if err != nil {
				return nil, fmt.Errorf("write link %s-%s: %w", l.Between[0], l.Between[1], err)
			}
			link.Content = append(link.Content, scalar([2]string{"forward", "reverse"}[dir]), node)
		}
		list.Content = append(list.Content, link)
	}

	return list, nil
}

// node returns the parameters that o has.
func (o Override) node() (*yaml.Node, error) {
	var full yaml.Node
	if err := full.Encode(o); err != nil {
		return nil, err
	}

	set := flow(yaml.MappingNode)
	for i := 0; i < len(full.Content); i += 2 {
		if full.Content[i+1].Tag != "!!null" {
			set.Content = append(set.Content, full.Content[i], full.Content[i+1])
		}
	}

	return set, nil
}

func scalar(text string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(text)

	return n
}

func number(v int) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: fmt.Sprint(v)}
}

// flow makes a node that is written in one line.
func flow(kind yaml.Kind, content ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: kind, Style: yaml.FlowStyle, Content: content}
}
