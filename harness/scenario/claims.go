package scenario

import (
	"fmt"
	"slices"
	"strings"

	"edgebed/harness/record"
	"edgebed/nodes/yamlfile"
)

// CheckClaims holds the claims against the matrix, and their keys against what
// their kind needs. Expand does so too.
func (s *Scenario) CheckClaims() error {
	var errs []error
	names := map[string]bool{}
	for i, c := range s.Claims {
		fail := func(key, format string, args ...any) {
			path := yamlfile.Path{"claims", i}
			if key != "" {
				path = append(path, key)
			}
			errs = append(errs, s.doc.Errorf(path, format, args...))
		}

		if names[c.Name] {
			fail("name", "claim %s stands twice", c.Name)
		}
		names[c.Name] = true

		if names := s.metrics(); !slices.Contains(names, c.Metric) {
			fail("metric", "unknown metric %s%s", c.Metric, yamlfile.Suggest(c.Metric, names))
		}
		if _, ok := record.Quantiles[c.Metric]; ok {
			fail("metric", "claims are about means, and %s is a quantile; use %s", c.Metric, record.Delay)
		}

		needs, ok := claimKeys[c.Kind]
		if !ok {
			fail("kind", "unknown kind of claim %s%s", c.Kind, yamlfile.Suggest(c.Kind, record.ClaimKinds))
			continue
		}

		for key, set := range claimSet(c) {
			needed := slices.Contains(needs, key+"!")
			switch {
			case set && !needed && !slices.Contains(needs, key):
				fail(key, "a claim of kind %s takes no %s", c.Kind, key)
			case !set && needed:
				fail("", "a claim of kind %s needs %q", c.Kind, key)
			}
		}

		if slices.Contains(needs, "at-least") && c.AtLeast == 0 && c.AtMost == 0 {
			fail("", "a claim of kind %s needs at-least or at-most", c.Kind)
		}
		if c.Within < 0 || c.AtLeast < 0 || c.AtMost < 0 || c.AtMost > 0 && c.AtLeast > c.AtMost {
			fail("", "bounds must be positive, and at-least not above at-most")
		}

		for axis, values := range c.Where {
			if axis == c.Series {
				fail("where", "%s is the series; name its values in of or order", axis)
			}
			if len(values) == 0 {
				fail("where", "axis %s has no values", axis)
			}
			for _, v := range values {
				if err := s.checkValue(axis, v); err != nil {
					fail("where", "%w", err)
				}
			}
		}

		series := s.axis(c.Series)
		if series == nil {
			fail("series", "%w", s.unknownAxis(c.Series))
			continue
		}

		if len(c.Order) == 1 {
			fail("order", "an order needs two series at least")
		}
		for _, v := range c.Order {
			if err := s.checkValue(c.Series, v); err != nil {
				fail("order", "%w", err)
			}
		}

		for _, v := range c.Of {
			parts := strings.Split(v, " / ")
			if len(parts) > 2 || len(parts) == 1 && slices.Contains(needs, "ratios") {
				fail("of", "expected a ratio of two series such as %q, got %q", ratioExample(series), v)
				continue
			}
			for _, part := range parts {
				if err := s.checkValue(c.Series, part); err != nil {
					fail("of", "%w", err)
				}
			}
		}

		if c.Along == "" {
			continue
		}
		along := s.axis(c.Along)
		if along == nil || c.Along == c.Series {
			others := slices.DeleteFunc(s.axisNames(), func(name string) bool { return name == c.Series })
			fail("along", "%w", &unknownError{c.Along, fmt.Errorf("expected an axis other than the series, got %s%s",
				c.Along, yamlfile.Suggest(c.Along, others))})
			continue
		}

		for key, value := range map[string]string{"from": c.From, "to": c.To, "at": c.At} {
			if value == "" {
				continue
			}
			if err := s.checkValue(c.Along, value); err != nil {
				fail(key, "%w", err)
			}
		}

		from, to := slices.Index(along.names(), c.From), slices.Index(along.names(), c.To)
		if from >= to && to >= 0 {
			fail("from", "%q does not come before %q on axis %s", c.From, c.To, c.Along)
		}
	}
	return yamlfile.Join(errs...)
}

// claimKeys lists the keys that each kind of claim takes; those with ! it needs.
// The word ratios means that elements of "of" must be ratios.
var claimKeys = map[string][]string{
	record.ClaimOrder:     {"order!"},
	record.ClaimRatio:     {"of!", "ratios", "at-least", "at-most"},
	record.ClaimNear:      {"of!", "ratios", "within!"},
	record.ClaimCrossover: {"of!", "ratios", "along!", "from!", "to!"},
	record.ClaimRises:     {"of!", "along!"},
	record.ClaimFalls:     {"of!", "along!"},
	record.ClaimFlat:      {"of!", "along!", "within!"},
	record.ClaimGrowth:    {"of!", "along!", "from!", "to!", "at-least", "at-most"},
	record.ClaimHighest:   {"of!", "along!", "at!"},
}

// claimSet says which of the keys that depend on the kind are set.
func claimSet(c record.Claim) map[string]bool {
	return map[string]bool{
		"of": len(c.Of) > 0, "order": len(c.Order) > 0, "along": c.Along != "", "from": c.From != "", "to": c.To != "",
		"at": c.At != "", "within": c.Within != 0, "at-least": c.AtLeast != 0, "at-most": c.AtMost != 0,
	}
}

func ratioExample(a *Axis) string {
	names := append(a.names(), "a", "b")
	return fmt.Sprintf("%s / %s", names[0], names[1])
}
