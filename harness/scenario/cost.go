package scenario

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"edgebed/harness/record"
	"edgebed/nodes/cost"
	"edgebed/nodes/yamlfile"
)

// maxFactor bounds how often a fit may be taken.
const maxFactor = 100

// SoftwareCost says what the nodes' software costs beyond our own: none, which
// is network and service time only; fit, what was fitted to the prototype's
// runs; a multiple of it, such as "2x fit"; or terms of one's own, such as
// {call: 1 ms, state-move: 2 ms}. The zero value is none.
type SoftwareCost struct {
	// Factor multiplies the fit; 0 means that the fit is not taken.
	Factor float64
	// Own is a model of the user's, to which the fit's multiple is not added.
	Own *cost.Model
}

var multiple = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?x fit$`)

// UnmarshalYAML implements yaml.Unmarshaler.
func (s *SoftwareCost) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.MappingNode {
		return s.own(yamlfile.DecodeNode("", node, &s.Own))
	}
	if text := strings.TrimSpace(node.Value); strings.HasPrefix(text, "{") { // given as a parameter
		return s.own(yamlfile.Decode("", []byte(text), &s.Own))
	}

	switch m := multiple.FindStringSubmatch(node.Value); {
	case node.Value == "none":
		*s = SoftwareCost{}
		return nil
	case node.Value == "fit":
		*s = SoftwareCost{Factor: 1}
		return nil
	case m != nil:
		factor, err := strconv.ParseFloat(m[1], 64)
		if err != nil || factor == 0 || factor > maxFactor {
			return fmt.Errorf("expected a factor above 0 and up to %d, got %s", maxFactor, m[1])
		}
		*s = SoftwareCost{Factor: factor}
		return nil
	}
	return fmt.Errorf("expected none, fit, a multiple such as 2x fit, "+
		"or terms such as {call: 1 ms, state-move: 2 ms}, got %q%s",
		node.Value, yamlfile.Suggest(node.Value, []string{"none", "fit"}))
}

func (s *SoftwareCost) own(err error) error {
	if err == nil && s.Own == nil {
		err = errors.New("expected terms such as {call: 1 ms}, got nothing")
	}
	if err == nil {
		err = s.Own.Validate()
	}
	return err
}

// Model returns the cost of nodes on a kind of network (see cost.Fitted), and in
// words where it is from.
func (s SoftwareCost) Model(network string) (m cost.Model, origin string, err error) {
	switch {
	case s.Own != nil:
		m = *s.Own
		if network != string(record.Virtual) {
			m.WakeUp = 0 // a real machine takes its own
		}
		return m, "own", nil
	case s.Factor == 0:
		return m, "none", nil
	}
	fit, err := cost.Fitted(network)
	if err != nil {
		return m, "", err
	}
	origin = "fit"
	if s.Factor != 1 {
		origin = fmt.Sprintf("%gx fit", s.Factor)
	}
	return fit.Model.Times(s.Factor), origin + " of " + fit.Date, nil
}
