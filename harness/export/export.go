// Package export writes a campaign's records in formats of other programs. It
// needs the record file only.
package export

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"edgebed/harness/escape"
	"edgebed/harness/record"
)

// Bench writes the Go benchmark format (golang.org/design/14313-benchmark-format),
// which benchstat and its relatives read: one line per execution, its cell in the
// name, so that executions of one cell are the samples of one benchmark.
// Warm-ups and failed executions are left out.
func Bench(w io.Writer, r *record.Results) error {
	out := bufio.NewWriter(w)
	c := r.Campaign

	// What differs between the results that one compares is no configuration:
	// benchstat makes a table for each.
	fmt.Fprintf(out, "# %s\n", line(fmt.Sprintf("edgebed %s, commit %s, %s, started %s, scenario %s", c.Tool.Version,
		c.Tool.Commit, c.Machine.Kernel, c.Started.UTC().Format(time.RFC3339), c.ScenarioSHA256)))

	config := map[string]string{"scenario": c.Scenario, "profile": c.Profile, "cpu": c.Machine.CPU}
	if c.Network != "" {
		config["network"] = string(c.Network)
	}
	for name, value := range c.Parameters {
		config["parameter-"+strings.ToLower(name)] = value
	}

	for _, key := range slices.Sorted(maps.Keys(config)) {
		if value := line(config[key]); value != "" {
			fmt.Fprintf(out, "%s: %s\n", strings.ReplaceAll(line(key), " ", ""), value)
		}
	}

	for _, unit := range []string{"delay-ns", "switch-B", "trunk-B"} {
		fmt.Fprintf(out, "Unit %s better=lower\n", unit)
	}

	for _, cell := range r.Cells {
		name := benchName(c.Scenario, cell.Cell)
		for _, e := range cell.Counted() {
			fmt.Fprintf(out, "%s 1 %d delay-ns %d switch-B %d trunk-B\n", name, e.DelayNS, e.SwitchBytes, e.TrunkBytes)
		}
	}

	return out.Flush()
}

// line makes one line of a text of records, which may be somebody else's: the format has
// neither line ends nor control characters in a value.
func line(text string) string { return escape.Terminal(strings.Join(strings.Fields(text), " ")) }

// benchName is a name of the format: a word that begins with a capital letter,
// and axis=value after slashes, without blanks.
func benchName(scenario string, c record.Cell) string {
	word := []rune(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, scenario))
	if len(word) > 0 {
		word[0] = unicode.ToUpper(word[0])
	}
	name := "Benchmark" + string(word)
	for _, p := range c.Point {
		name += "/" + line(datWord(p.Axis)+"="+datWord(p.Value))
	}
	return name
}
