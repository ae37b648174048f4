package scenario

import (
	"strings"
	"testing"
)

// TestClaims: of each kind there is a claim that can be checked, and a key too many or too
// few, or a name that the matrix does not have, is told where it stands.
func TestClaims(t *testing.T) {
	const head = `name: c
topology: {preset: "ring,switches=4,rate=$rate"}
matrix: [{axis: rate, values: [1 Mb/s, 10 Mb/s, 100 Mb/s]}, {axis: size, values: [1 kB, 2 kB]}]
workload: {argument: $size}
claims:
`
	const ratio, along = `of: [state-prop / pure-faas], `, `of: [state-prop], along: rate, `
	for _, tc := range []struct {
		kind, keys string
		want       string // nothing where the claim is good
	}{
		{"order", "order: [state-prop, pure-faas]", ""},
		{"order", "order: [state-prop]", "claims[0].order: an order needs two series at least"},
		{"order", "order: [state-prop, pure-fass]", "claims[0].order: unknown value: axis model has no value \"pure-fass\""},
		{"order", "", "claims[0]: a claim of kind order needs \"order\""},
		{"order", "order: [state-prop, pure-faas], within: 0.1", "claims[0].within: a claim of kind order takes no within"},
		{"order", "order: [state-prop, pure-faas], any: true, where: {rate: [1 Mb/s], size: [1 kB]}", ""},
		{"order", "order: [state-prop, pure-faas], where: {rate: []}", "claims[0].where: axis rate has no values"},
		{"order", "order: [state-prop, pure-faas], where: {rate: [2 Mb/s]}", "claims[0].where: unknown value: axis rate"},
		{"order", "order: [state-prop, pure-faas], where: {rat: [1 Mb/s]}", "claims[0].where: unknown axis rat; did you mean rate?"},
		{"order", "order: [state-prop, pure-faas], where: {model: [state-prop]}", "claims[0].where: model is the series"},

		{"ratio", ratio + "at-least: 2", ""},
		{"ratio", ratio + "at-most: 2", ""},
		{"ratio", ratio + "at-least: 2, at-most: 2", ""},
		{"ratio", ratio + "at-least: 2.1, at-most: 2", "claims[0]: bounds must be positive, and at-least not above at-most"},
		{"ratio", ratio + "at-least: -1", "claims[0]: bounds must be positive"},
		{"ratio", ratio + "at-most: -1", "claims[0]: bounds must be positive"},
		{"ratio", ratio, "claims[0]: a claim of kind ratio needs at-least or at-most"},
		{"ratio", "of: [state-prop], at-least: 2", `claims[0].of: expected a ratio of two series such as "pure-faas / state-prop"`},
		{"ratio", "of: [a / b / c], at-least: 2", `claims[0].of: expected a ratio of two series`},
		{"ratio", "of: [state-prop / pure-fass], at-least: 2", `claims[0].of: unknown value: axis model has no value "pure-fass"`},
		{"ratio", "at-least: 2", `claims[0]: a claim of kind ratio needs "of"`},

		{"near", ratio + "within: 0.1", ""},
		{"near", ratio + "within: -0.1", "claims[0]: bounds must be positive"},
		{"near", ratio, `claims[0]: a claim of kind near needs "within"`},
		{"crossover", ratio + "along: rate, from: 1 Mb/s, to: 100 Mb/s", ""},
		{"crossover", ratio + "along: rate, from: 10 Mb/s, to: 10 Mb/s", `claims[0].from: "10 Mb/s" does not come before "10 Mb/s"`},
		{"crossover", ratio + "along: rate, from: 10 Mb/s, to: 1 Mb/s", `does not come before "1 Mb/s" on axis rate`},
		{"crossover", ratio + "along: rate, from: 1 Mb/s", `claims[0]: a claim of kind crossover needs "to"`},
		{"crossover", ratio + "along: rate, to: 1 Mb/s", `claims[0]: a claim of kind crossover needs "from"`},
		{"crossover", ratio + "along: rate, from: 1 Mb/s, to: 2 Mb/s", `claims[0].to: unknown value: axis rate has no value "2 Mb/s"`},

		{"rises", along, ""},
		{"rises", "of: [state-prop / pure-faas], along: rate", ""},
		{"falls", along + "where: {size: [1 kB]}", ""},
		{"falls", "of: [state-prop], along: rat", "claims[0].along: expected an axis other than the series, got rat; did you mean rate?"},
		{"falls", "of: [state-prop], along: model", "claims[0].along: expected an axis other than the series, got model"},
		{"falls", "of: [state-prop]", `claims[0]: a claim of kind falls needs "along"`},
		{"flat", along + "within: 0.2", ""},
		{"flat", along + "within: 0.2, at: 1 Mb/s", "claims[0].at: a claim of kind flat takes no at"},
		{"growth", along + "from: 1 Mb/s, to: 10 Mb/s, at-most: 3", ""},
		{"growth", along + "from: 1 Mb/s, to: 10 Mb/s", "needs at-least or at-most"},
		{"highest", along + "at: 10 Mb/s", ""},
		{"highest", along + "at: 11 Mb/s", `claims[0].at: unknown value: axis rate has no value "11 Mb/s"`},
		{"highest", along, `claims[0]: a claim of kind highest needs "at"`},

		{"rise", along, "claims[0].kind: unknown kind of claim rise; did you mean rises?"},
	} {
		claim := "{name: n, place: p, quote: q, metric: delay, series: model, kind: " + tc.kind + ", " + tc.keys + "}"
		err := mistakesIn(head + "  - " + claim + "\n")
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%s %s: %v", tc.kind, tc.keys, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "b.yaml:6:")):
			t.Errorf("%s %s: %v, want %q", tc.kind, tc.keys, err, tc.want)
		case tc.want != "" && strings.Contains(err.Error(), "\n"):
			t.Errorf("%s %s: one mistake is told as %v", tc.kind, tc.keys, err)
		}
	}

	const good = "place: p, quote: q, kind: rises, of: [state-prop], along: rate"
	for claims, want := range map[string]string{
		"[{name: n, metric: delay, series: model, " + good + "}, {name: m, metric: delay, series: model, " + good + "}]": "",
		"[{name: n, metric: delay, series: model, " + good + "}, {name: n, metric: delay, series: model, " + good + "}]": "claims[1].name: claim n stands twice",
		"[{name: n, metric: dela, series: model, " + good + "}]":                                                         "claims[0].metric: unknown metric dela; did you mean delay?",
		"[{name: n, metric: delay-p95, series: model, " + good + "}]":                                                    "claims are about means, and delay-p95 is a quantile; use delay",
		"[{name: n, metric: delay, series: mode, " + good + "}]":                                                         "claims[0].series: unknown axis mode; did you mean model?",
	} {
		err := mistakesIn(strings.TrimSuffix(head, "\n") + " " + claims + "\n")
		if !says(err, want) {
			t.Errorf("%s: %v, want %q", claims, err, want)
		}
	}
}

// TestClaimsOfMissingValues: where a value is wrong, a claim that names it says nothing
// more, but one with another mistake does.
func TestClaimsOfMissingValues(t *testing.T) {
	err := mistakesIn(`name: c
topology: {preset: "ring,switches=4,rate=$rate"}
matrix: [{axis: rate, values: [1 Mb/s, 10 MB/s], unit: Mb/s}]
claims:
  - {name: n, place: p, quote: q, metric: delay, series: model, kind: highest, of: [state-prop], along: rate, at: 11 Mb/s}
  - {name: m, place: p, quote: q, metric: dela, series: model, kind: rises, of: [state-prop], along: rate}
`)
	if err == nil || strings.Contains(err.Error(), "11 Mb/s") || !strings.Contains(err.Error(), "unknown metric dela") ||
		!strings.Contains(err.Error(), "b.yaml:3:40") {
		t.Errorf("got %v", err)
	}
}
