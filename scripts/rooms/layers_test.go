package main

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// module is the path of this module.
const module = "edgebed/"

// readers are the rooms that read records, with the rooms inside them.
var readers = []string{"harness/report", "harness/gate", "harness/export", "harness/stats", "harness/matrix"}

// rule forbids imports, direct or not.
type rule struct {
	why string
	// of are the rooms that the rule is about, save those in except; never are
	// those that they must not need, save those in but. Each stands for the rooms
	// inside it, too.
	of, except, never, but []string
	// direct makes the rule one about what a package imports itself.
	direct bool
}

var rules = []rule{
	{
		why: "nodes run without the harness",
		of:  []string{"nodes"}, never: []string{"harness", "scenarios", "topologies", "scripts"},
	},
	{
		why: "results are read on any machine, from the records alone",
		of:  readers,
		never: []string{"harness/testbed", "harness/emu", "harness/simnet", "harness/campaign", "harness/sandbox",
			"harness/job", "github.com/vishvananda/netlink"},
	},
	{
		why: "the emulated network knows nothing of functions",
		of:  []string{"harness/emu"}, never: []string{"nodes", "google.golang.org/grpc"},
		but: []string{"nodes/units", "nodes/yamlfile"},
	},
	{
		why: "the model of a network needs no kernel",
		of:  []string{"harness/topology"}, never: []string{"github.com/vishvananda/netlink", "golang.org/x/sys/unix", "harness/emu"},
	},
	{
		why: "records and statistics are the ground that others stand on",
		of:  []string{"harness/record", "harness/stats"}, never: []string{"harness", "nodes", "scripts"},
		but: []string{"harness/record", "harness/stats", "harness/escape"},
	},
	{
		why: "the command line is the top floor",
		of:  everything, except: []string{"harness/cli", "harness/cmd/edgebed"}, never: []string{"harness/cli"},
	},
	{
		why: "the command line calls rooms, and works nothing out itself",
		of:  []string{"harness/cli"}, direct: true,
		never: []string{"math", "gonum.org", "google.golang.org/grpc", "github.com/vishvananda/netlink", "harness/emu", "harness/stats",
			"nodes"},
		but: []string{"nodes/trace", "nodes/units", "nodes/yamlfile", "nodes/workflow"},
	},
	{
		why: "that room is for tests",
		of:  everything, except: forTests, never: forTests,
	},
}

// everything is all of this module.
var everything = []string{"harness", "nodes", "scenarios", "topologies", "scripts"}

// forTests are the rooms that product code must not import.
var forTests = []string{
	"harness/golden", "harness/scenario/scenariotest", "harness/report/reporttest", "harness/sandbox/sandboxtest",
	"nodes/memnet", "nodes/nodetest", "nodes/clock/clocktest", "nodes/fuzztest",
}

// within tells whether a path is one of the rooms, or inside one. Paths of
// other modules count as they are.
func within(p string, rooms []string) bool {
	return slices.ContainsFunc(rooms, func(r string) bool { return p == r || strings.HasPrefix(p, r+"/") })
}

// broken returns the packages that a rule forbids to one that it is about.
func (r rule) broken(p pkg) []string {
	if !within(p.room, r.of) || within(p.room, r.except) {
		return nil
	}
	needs := p.deps
	if r.direct {
		needs = p.imports
	}
	var found []string
	for _, need := range needs {
		need = strings.TrimPrefix(need, module)
		if within(need, r.never) && !within(need, r.but) && need != p.room {
			found = append(found, need)
		}
	}
	return found
}

// TestLayers holds every package against the rules.
func TestLayers(t *testing.T) {
	all, err := packages("../..")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 30 {
		t.Fatalf("go list knows %d packages only", len(all))
	}
	for _, p := range all {
		for _, r := range rules {
			if found := r.broken(p); len(found) > 0 {
				t.Errorf("%s needs %s, but %s", p.room, strings.Join(found, ", "), r.why)
			}
		}
	}
}

// TestRules shows that each rule finds what it forbids, and lets pass what it
// does not: a rule that never says no would not be missed.
func TestRules(t *testing.T) {
	for _, c := range []struct {
		room, needs string
		broken      bool
	}{
		{"nodes/router", module + "harness/record", true},
		{"nodes/router", module + "nodes/wire", false},
		{"harness/report/figure", module + "harness/emu/delayline", true},
		{"harness/gate", module + "harness/simnet", true},
		{"harness/export", "github.com/vishvananda/netlink/nl", true},
		{"harness/report", module + "harness/gate", false},
		{"harness/emu", module + "nodes/workflow", true},
		{"harness/emu", module + "nodes/units", false},
		{"harness/topology", "github.com/vishvananda/netlink", true},
		{"harness/record", module + "harness/stats", false},
		{"harness/stats", module + "nodes/units", true},
		{"harness/campaign", module + "harness/cli", true},
		{"harness/cmd/edgebed", module + "harness/cli", false},
		{"nodes/deploy", module + "nodes/memnet", true},
		{"harness/cli", "math/rand/v2", true},
		{"harness/cli", module + "nodes/deploy", true},
		{"harness/cli", module + "harness/testbed", false},
		{"harness/testbed", module + "harness/emu", false},
	} {
		p := pkg{room: c.room, imports: []string{c.needs}, deps: []string{"fmt", c.needs}}
		broken := slices.ContainsFunc(rules, func(r rule) bool { return len(r.broken(p)) > 0 })
		if broken != c.broken {
			t.Errorf("%s with %s breaks a rule: %v, want %v", c.room, path.Base(c.needs), broken, c.broken)
		}
	}
}
