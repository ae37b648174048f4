package scenario

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"edgebed/harness/record"
	"edgebed/nodes/yamlfile"
)

// TestPlaceNodes: what the file puts nowhere is put on the topology's hosts, around those
// of clients, and what it puts somewhere stays there.
func TestPlaceNodes(t *testing.T) {
	group := func(hosts ...string) ComputerGroup { return ComputerGroup{Hosts: hosts} }
	for name, tc := range map[string]struct {
		nodes   Nodes
		clients []string
		want    string // client, controller, hosts of groups
	}{
		"nothing is said":       {Nodes{Computers: []ComputerGroup{{}}}, nil, "x x [y z]"},
		"the client":            {Nodes{Client: "y", Computers: []ComputerGroup{{}}}, nil, "y y [x z]"},
		"the controller":        {Nodes{Controller: "z", Computers: []ComputerGroup{{}}}, nil, "x z [y z]"},
		"a group of hosts":      {Nodes{Computers: []ComputerGroup{group("x"), {}}}, nil, "x x [x] [y z]"},
		"clients":               {Nodes{Computers: []ComputerGroup{{}}}, []string{"z", "y"}, "z z [x]"},
		"clients and client":    {Nodes{Client: "x", Computers: []ComputerGroup{{}}}, []string{"z"}, "x x [y]"},
		"a group of all others": {Nodes{Computers: []ComputerGroup{group("z"), group("y")}}, nil, "x x [z] [y]"},
	} {
		if err := tc.nodes.Place([]string{"x", "y", "z"}, tc.clients...); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := tc.nodes.Client + " " + tc.nodes.Controller
		for _, g := range tc.nodes.Computers {
			got += fmt.Sprint(" ", g.Hosts)
		}
		if got != tc.want {
			t.Errorf("%s: placed as %s, want %s", name, got, tc.want)
		}
	}

	// The groups of other cells are not placed with those of one.
	shared := []ComputerGroup{{}}
	n := Nodes{Computers: shared}
	if err := n.Place([]string{"x", "y"}); err != nil || shared[0].Hosts != nil {
		t.Errorf("another cell has the hosts %v: %v", shared[0].Hosts, err)
	}
	n = Nodes{Computers: []ComputerGroup{{}}}
	if err := n.Place(nil); err == nil {
		t.Errorf("without hosts nodes are placed as %+v", n)
	}
	n = Nodes{Computers: []ComputerGroup{{}}}
	err := n.Place([]string{"x", "y"}, "x", "y")
	if err == nil || !strings.Contains(err.Error(), "no host but the client's, x") {
		t.Errorf("with clients on all hosts: %v", err)
	}
}

// TestKeepers: states are kept on a host whose computer keeps its own.
func TestKeepers(t *testing.T) {
	for nodes, want := range map[string]string{
		"[{hosts: [a, b]}]":                                                   "",
		"[{hosts: [a, b], state-host: \"{host}\"}]":                           "",
		"[{hosts: [a]}, {hosts: [b, c], state-host: a}]":                      "",
		"[{hosts: [a, b], state-host: a}]":                                    "",
		"[{hosts: [a]}, {hosts: [b], state-host: aa}]":                        "state-host aa: there is no computer on it, and so no state server",
		"[{hosts: [a], state-host: b}, {hosts: [b], state-host: a}]":          "state-host b: its computer keeps its states on a",
		"[{hosts: [a]}, {hosts: [b], state-host: a, state-mode: read-write}]": "",
		"[{hosts: [a]}, {hosts: [b], state-host: a, state-mode: artifact}]":   "",
		"[{hosts: [a, b], state-host: a, state-mode: read-write}]":            "",
		"[{hosts: [a], state-mode: read-write}]":                              "state-mode read-write: it is for states that are kept on another host",
		"[{hosts: [a], state-mode: readwrite}]":                               "unknown state-mode \"readwrite\"; did you mean read-write?",
		"[{hosts: [a]}, {}]":                                                  "",
	} {
		err := mistakesIn("name: k\ntopology: {preset: ring}\nexecution: {model: state-local}\nnodes: {client: z, computers: " + nodes + "}\n")
		if !says(err, want) || err != nil && !strings.HasPrefix(err.Error(), "b.yaml:4:") {
			t.Errorf("%s: %v, want %q", nodes, err, want)
		}
	}
}

// TestNames writes out ranges in functions' names.
func TestNames(t *testing.T) {
	for names, want := range map[string]string{
		"[f]": "[f]", "[\"f{8..11}\"]": "[f8 f9 f10 f11]", "[\"f{0..1}x\", g]": "[f0x f1x g]", "[\"f{7..7}\"]": "[f7]",
	} {
		plan, err := underLoad(t, "nodes: {computers: [{functions: [{names: "+names+"}]}]}")
		if err != nil {
			t.Errorf("%s: %v", names, yamlfile.Explain(err))
			continue
		}
		if got := fmt.Sprint(plan.Cells[0].Nodes.Computers[0].Functions[0].Names); got != want {
			t.Errorf("%s stands for %s, want %s", names, got, want)
		}
	}
}

// TestClientsPlaces: clients are numbered through their groups, and are on their group's
// hosts in turn.
func TestClientsPlaces(t *testing.T) {
	for name, tc := range map[string]struct {
		clients Clients
		hosts   string // of clients
		groups  string
		all     string
	}{
		"one":   {Clients{}, "[o]", "[-1]", "[]"},
		"three": {Clients{Count: 3}, "[o o o]", "[-1 -1 -1]", "[]"},
		"hosts": {Clients{Hosts: []string{"a", "b"}}, "[a b]", "[-1 -1]", "[a b]"},
		"turns": {Clients{Count: 5, Hosts: []string{"a", "b"}}, "[a b a b a]", "[-1 -1 -1 -1 -1]", "[a b]"},
		"groups": {Clients{Groups: []ClientGroup{{Count: 3, Hosts: []string{"a", "b"}}, {}, {Hosts: []string{"c", "d"}}, {Count: 2}}},
			"[a b a o c d o o]", "[0 0 0 1 2 2 3 3]", "[a b c d]"},
	} {
		var hosts []string
		var groups []int
		for k := range tc.clients.Number() {
			hosts, groups = append(hosts, tc.clients.Host(k, "o")), append(groups, tc.clients.Group(k))
		}
		all, places := tc.clients.AllHosts()
		if fmt.Sprint(hosts) != tc.hosts || fmt.Sprint(groups) != tc.groups || fmt.Sprint(all) != tc.all || len(places) != len(all) {
			t.Errorf("%s: on %v of groups %v, all of %v at %d places", name, hosts, groups, all, len(places))
		}
	}
}

// TestCosts: a fit is taken up to so many times, and a machine's moment to wake up only
// where there is no machine.
func TestCosts(t *testing.T) {
	for text, want := range map[string]string{
		"100x fit": "", "0.01x fit": "", "100.5x fit": "expected a factor above 0 and up to 100", "0x fit": "expected a factor above 0",
		"{}": "", "{call: 1 ms}": "", "[fit]": "expected none, fit",
	} {
		_, err := underLoad(t, "nodes: {software-cost: "+text+"}")
		if !says(err, want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	plan, err := underLoad(t, "nodes: {software-cost: {call: 1 ms, wake-up: 2 ms}}")
	if err != nil {
		t.Fatal(err)
	}
	for network, want := range map[record.NetworkKind]time.Duration{record.Virtual: 2 * time.Millisecond, record.Emulated: 0} {
		m, origin, err := plan.Cells[0].Nodes.SoftwareCost.Model(string(network))
		if err != nil || m.WakeUp != want || m.Call != time.Millisecond || origin != "own" {
			t.Errorf("on %s links the cost is %+v, %s: %v", network, m, origin, err)
		}
	}
}

// TestPlaceOfAll: what is said of no hosts is of all but the clients', and of none it cannot be.
func TestPlaceOfAll(t *testing.T) {
	some := []string{"x"}
	for _, tt := range []struct {
		name           string
		hosts, clients []string
		client         string // as the file says it
		limits, groups []string
		// wants: of limits and computers, the client; or the error.
		wantHosts, wantClient, err string
	}{
		{"the first is the client", []string{"a", "b", "c"}, nil, "", nil, nil, "[b c] [b c]", "a", ""},
		{"the file's client", []string{"a", "b", "c"}, nil, "b", nil, nil, "[a c] [a c]", "b", ""},
		{"several clients", []string{"a", "b", "c", "d"}, []string{"c", "b"}, "", nil, nil, "[a d] [a d]", "c", ""},
		{"hosts of its own", []string{"a", "b"}, nil, "", some, some, "[x] [x]", "a", ""},
		{"no other host, and none needed", []string{"a"}, nil, "", some, some, "[x] [x]", "a", ""},
		{"no other host for limits", []string{"a"}, nil, "", nil, some, "", "", "the topology has no host but the client's, a; say hosts: [a]"},
		{"no other host for computers", []string{"a"}, nil, "", some, nil, "", "", "the topology has no host but the client's, a; add one"},
	} {
		n := Nodes{Client: tt.client, Limits: []HostLimits{{Hosts: tt.limits}}, Computers: []ComputerGroup{{Hosts: tt.groups}}}
		err := n.Place(tt.hosts, tt.clients...)
		if !says(err, tt.err) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.err)
		}
		if err != nil || tt.err != "" {
			continue
		}
		got := fmt.Sprint(n.Limits[0].Hosts, " ", n.Computers[0].Hosts)
		if got != tt.wantHosts || n.Client != tt.wantClient || n.Controller != tt.wantClient {
			t.Errorf("%s: limits and computers on %s, client %s, controller %s; want %s and %s twice",
				tt.name, got, n.Client, n.Controller, tt.wantHosts, tt.wantClient)
		}
	}
}

// TestRangesOfNames: a range in a name stands for its numbers, up to 1000 names in all, and each
// that is none is told by itself.
func TestRangesOfNames(t *testing.T) {
	const range1000 = "expected a range from the smaller number to the larger, and at most 1000 names"
	const braces = "braces hold one range of numbers"
	for _, tt := range []struct {
		names       []string
		count       int
		last, wrong string
	}{
		{[]string{"f"}, 1, "f", ""}, {[]string{"f{0..2}"}, 3, "f2", ""}, {[]string{"f{7..7}x"}, 1, "f7x", ""},
		{[]string{"f{0..999}"}, 1000, "f999", ""}, {[]string{"f{0..1000}"}, 1, "f{0..1000}", range1000},
		{[]string{"a", "f{1..999}"}, 1000, "f999", ""}, {[]string{"a", "f{1..1000}"}, 2, "f{1..1000}", range1000},
		{[]string{"f{2..1}"}, 1, "f{2..1}", range1000}, {[]string{"f{0..99999999999999999999}"}, 1, "f{0..99999999999999999999}", range1000},
		{[]string{"f{99999999999999999999..0}"}, 1, "f{99999999999999999999..0}", range1000},
		{[]string{"f{a}"}, 1, "f{a}", braces}, {[]string{"f{1..2}{3..4}"}, 1, "f{1..2}{3..4}", braces},
		{[]string{"{host}-{address}"}, 1, "{host}-{address}", ""}, {[]string{"{host}{1..2}"}, 2, "{host}2", ""},
	} {
		n := Nodes{Computers: []ComputerGroup{{Functions: []Function{{Names: tt.names}}}}}
		err := n.expandNames()
		if got := n.Computers[0].Functions[0].Names; !says(err, tt.wrong) || len(got) != tt.count || got[len(got)-1] != tt.last {
			t.Errorf("%q are %d names, the last one %q, %v; want %d, %q, %q", tt.names, len(got), got[len(got)-1], err,
				tt.count, tt.last, tt.wrong)
		}
	}
}
