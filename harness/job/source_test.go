package job

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"edgebed/harness/scenario"
	"edgebed/nodes/yamlfile"
)

// prepare returns the jobs of a scenario that names its network in the given way.
func prepare(t *testing.T, topology string) (*Prepared, error) {
	t.Helper()
	s, err := scenario.Parse("f.yaml", []byte("name: net\n"+topology))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := s.Expand(scenario.Selection{Profile: "quick"})
	if err != nil {
		t.Fatal(err)
	}

	return Prepare(plan, func(name string) ([]byte, string, error) {
		if name != "net.dot" {
			return nil, "", errors.New("no such file")
		}
		return []byte("digraph n { a -> b; b -> a; b -> c }"), name, nil
	}, nil)
}

// TestSources opens, as a worker does, networks from a preset, in place, and of
// another program: the text that travels is the network that was checked.
func TestSources(t *testing.T) {
	for _, tc := range []struct {
		topology               string
		jobs, hosts, computers int
		remarks                int
	}{
		{"topology: {preset: \"ring,switches=$n\"}\nmatrix: [{axis: n, values: [4]}]\n", 3, 4, 3, 0},
		{"topology: {switches: [a, b], hosts: [{name: x, switch: a}, {name: y, switch: b}], links: [{between: [a, b]}]}\n", 3, 2, 1, 0},
		{"topology: {file: net.dot}\n", 3, 3, 2, 1},
	} {
		p, err := prepare(t, tc.topology)
		if err != nil {
			t.Fatal(yamlfile.Explain(err))
		}
		if len(p.Jobs) != tc.jobs || len(p.Remarks) != tc.remarks {
			t.Errorf("%d jobs, remarks %q, of %s", len(p.Jobs), p.Remarks, tc.topology)
		}
		sent := Job{Cell: p.Jobs[0].Cell, TopologyFile: p.Jobs[0].TopologyFile, TopologyText: p.Jobs[0].TopologyText}
		if err := sent.Open(); err != nil {
			t.Fatal(err)
		}
		if got, want := sent.Topology().Digest(), p.Jobs[0].Topology().Digest(); got != want {
			t.Errorf("a worker reads another network of %s", tc.topology)
		}
		computers, err := sent.Computers()
		if err != nil || len(computers) != tc.computers || len(sent.Topology().Hosts) != tc.hosts {
			t.Errorf("%d hosts, %d computers, %v; want %d and %d", len(sent.Topology().Hosts), len(computers), err, tc.hosts, tc.computers)
		}
	}
}

// TestSelectionDecidesNothing: a campaign over networks of several sizes can be
// resumed after a part of it.
func TestSelectionDecidesNothing(t *testing.T) {
	s, err := scenario.Parse("f.yaml", []byte("name: net\ntopology: {preset: \"ring,switches=$n\"}\nmatrix: [{axis: n, values: [4, 5]}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	hashes := map[string]bool{}
	for _, where := range []map[string][]string{nil, {"n": {"5"}}} {
		plan, err := s.Expand(scenario.Selection{Profile: "quick", Where: where})
		if err != nil {
			t.Fatal(err)
		}
		p, err := Prepare(plan, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		hashes[p.Hash] = true
	}
	if len(hashes) != 1 {
		t.Error("the selection of cells changes what decides the results")
	}
}

// TestWrongSource: a mistake in a network is told once, where it stands.
func TestWrongSource(t *testing.T) {
	for topology, want := range map[string]string{
		"topology: {preset: \"ring,switches=2\"}\n":                     "f.yaml:2:20: topology.preset: preset ring: switches=2: expected a number from 3 to 2000",
		"topology: {switches: [a, b], hosts: [{name: x, switch: a}]}\n": "f.yaml:2:26: topology.switches[1]: switch b has no path to switch a",
		"topology: {switches: [a], hosts: [{name: x, switch: a}]}\n":    "no host but the client's, x",
		"topology: {file: other.dot}\n":                                 "f.yaml:2:18: topology.file: no such file",
	} {
		_, err := prepare(t, topology)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Count(fmt.Sprint(err), "\n") > 0 {
			t.Errorf("%s: %v, want %s", topology, err, want)
		}
	}
}
