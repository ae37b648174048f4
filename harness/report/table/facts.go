package table

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"edgebed/harness/record"
)

// mostValues bounds the values of a setting that a report names.
const mostValues = 8

// Provenance says what was run, where, by which program.
func Provenance(r *record.Results) []Fact {
	c := r.Campaign
	privilege := "inside a user namespace"
	if c.Machine.Privileged {
		privilege = "as root"
	}
	facts := []Fact{
		{"Scenario", fmt.Sprintf("%s, profile %s, SHA-256 %s",
			c.Scenario, OrUnknown(c.Profile), OrUnknown(c.ScenarioSHA256))},
		{"Started", c.Started.UTC().Format(time.RFC3339)},
	}
	if c.On() == record.Virtual {
		facts = append(facts, Fact{"Network", "computed in virtual time"})
	}
	if r.Runs > 1 {
		facts = append(facts, Fact{"Resumed", Count(r.Runs-1, "time")})
	}

	facts = append(facts,
		Fact{"Machine", fmt.Sprintf("%s; %s; %s; %.1f GiB of memory; %s",
			OrUnknown(c.Machine.Kernel), OrUnknown(c.Machine.CPU), Count(c.Machine.Cores, "core"),
			float64(c.Machine.MemoryBytes)/(1<<30), privilege)},
		Fact{"Program", fmt.Sprintf("edgebed %s, commit %s, %s",
			OrUnknown(c.Tool.Version), OrUnknown(c.Tool.Commit), OrUnknown(c.Tool.Go))},
	)
	for _, name := range slices.Sorted(maps.Keys(c.Parameters)) {
		facts = append(facts, Fact{"Parameter " + name, c.Parameters[name]})
	}
	return facts
}

// SettingsUsed lists the settings of the emulation with the values that they had.
func SettingsUsed(r *record.Results) []Fact {
	found := Settings(r.Cells)
	var facts []Fact
	for _, key := range slices.Sorted(maps.Keys(found)) {
		facts = append(facts, Fact{key, strings.Join(First(found[key], mostValues), ", ")})
	}
	return facts
}

// Settings returns the sorted values of each setting over the cells.
func Settings(cells []record.CellResult) map[string][]string {
	found := make(map[string][]string)
	for _, c := range cells {
		for key, v := range c.Cell.Settings {
			if !slices.Contains(found[key], v) {
				found[key] = append(found[key], v)
			}
		}
	}
	for _, v := range found {
		slices.Sort(v)
	}
	return found
}

// LinkDelay says what made the links' delay, for instance "link delay by netem".
func LinkDelay(cells []record.CellResult) string {
	backends := Settings(cells)[record.SettingDelayBackend]
	switch {
	case len(backends) == 0:
		return "link delay by an unknown back end"
	case slices.Equal(backends, []string{"none"}):
		return "no link delay"
	}

	names := make([]string, len(backends))
	for i, b := range backends {
		switch b {
		case "delayline":
			names[i] = "a user-space delay line"
		case string(record.Virtual):
			names[i] = "computation in virtual time"
		default:
			names[i] = b
		}
	}
	return "link delay by " + strings.Join(names, " and ")
}

// Totals count cells and executions.
type Totals struct {
	// Cells were started; Repeated ones more than once.
	Cells, Complete, Repeated int
	// OK and Failed leave out WarmUps.
	OK, Failed, WarmUps int
}

// Tally counts cells and their executions.
func Tally(cells []record.CellResult) Totals {
	t := Totals{Cells: len(cells)}
	for _, c := range cells {
		if c.Complete() {
			t.Complete++
		}
		if c.Attempts > 1 {
			t.Repeated++
		}
		for _, e := range c.Executions {
			switch {
			case e.WarmUp:
				t.WarmUps++
			case e.OK:
				t.OK++
			default:
				t.Failed++
			}
		}
	}
	return t
}

// Seeds returns the seeds of the cells, sorted.
func Seeds(cells []record.CellResult) []uint64 {
	seeds := make(map[uint64]bool)
	for _, c := range cells {
		seeds[c.Cell.Seed] = true
	}
	return slices.Sorted(maps.Keys(seeds))
}
