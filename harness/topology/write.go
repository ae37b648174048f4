package topology

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

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
	if t.Mode != "" {
		add("mode", scalar(string(t.Mode)))
	}
	if t.MTU != 0 {
		add("mtu", number(t.MTU))
	}
	if t.IPv6 != nil {
		add("ipv6", boolean(*t.IPv6))
	}

	switches := flow(yaml.SequenceNode)
	for _, s := range t.Switches {
		switches.Content = append(switches.Content, scalar(s))
	}
	add("switches", switches)

	hosts := &yaml.Node{Kind: yaml.SequenceNode}
	for _, h := range t.Hosts {
		host := flow(yaml.MappingNode,
			scalar("name"), scalar(h.Name), scalar("address"), scalar(h.Address.String()),
			scalar("switch"), scalar(h.Switch))
		addMTU(host, h.MTU)
		if err := addParameters(host, h.Interface(0).link(h.Name), uplinks); err != nil {
			return nil, err
		}
		if err := addFurther(host, h); err != nil {
			return nil, err
		}
		hosts.Content = append(hosts.Content, host)
	}
	add("hosts", hosts)

	if len(t.Classes) > 0 {
		classes := &yaml.Node{Kind: yaml.MappingNode}
		for _, name := range slices.Sorted(maps.Keys(t.Classes)) {
			class := t.Classes[name]
			o, err := class.node()
			if err == nil {
				addMTU(o, class.MTU)
				err = addDirections(o, class.Forward, class.Reverse, [2]string{"forward", "reverse"})
			}
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

// uplinks are the keys of the directions of an access link.
var uplinks = [2]string{"uplink", "downlink"}

// addFurther adds the interfaces of a host beside its first.
func addFurther(host *yaml.Node, h HostSpec) error {
	if h.Also == nil {
		return nil
	}
	also := flow(yaml.SequenceNode)
	for _, spec := range h.Also {
		one := flow(yaml.MappingNode,
			scalar("address"), scalar(spec.Address.String()), scalar("switch"), scalar(spec.Switch))
		addMTU(one, spec.MTU)
		if err := addParameters(one, spec.link(h.Name), uplinks); err != nil {
			return err
		}
		also.Content = append(also.Content, one)
	}
	host.Content = append(host.Content, scalar("also"), also)
	return nil
}

// linkNodes returns the list of links.
func (t *Topology) linkNodes() (*yaml.Node, error) {
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, l := range t.Links {
		between := flow(yaml.SequenceNode, scalar(l.Between[0]), scalar(l.Between[1]))
		link := flow(yaml.MappingNode, scalar("between"), between)
		addMTU(link, l.MTU)
		if err := addParameters(link, l, [2]string{"forward", "reverse"}); err != nil {
			return nil, err
		}
		list.Content = append(list.Content, link)
	}

	return list, nil
}

// addMTU adds an MTU where there is one.
func addMTU(to *yaml.Node, mtu int) {
	if mtu != 0 {
		to.Content = append(to.Content, scalar("mtu"), number(mtu))
	}
}

// addParameters adds a link's class and what differs in its directions, under keys.
func addParameters(to *yaml.Node, l LinkSpec, keys [2]string) error {
	if l.Class != "" {
		to.Content = append(to.Content, scalar("class"), scalar(l.Class))
	}
	if err := addDirections(to, l.Forward, l.Reverse, keys); err != nil {
		return fmt.Errorf("write link %s-%s: %w", l.Between[0], l.Between[1], err)
	}
	return nil
}

// addDirections adds the parameters of two directions that have some, under keys.
func addDirections(to *yaml.Node, forward, reverse Override, keys [2]string) error {
	for dir, o := range [2]Override{forward, reverse} {
		if o == (Override{}) {
			continue
		}
		node, err := o.node()
		if err != nil {
			return err
		}
		to.Content = append(to.Content, scalar(keys[dir]), node)
	}
	return nil
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

func boolean(v bool) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v)}
}

// flow makes a node that is written in one line.
func flow(kind yaml.Kind, content ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: kind, Style: yaml.FlowStyle, Content: content}
}
