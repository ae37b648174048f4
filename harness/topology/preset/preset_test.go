package preset

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"edgebed/harness/topology"
	"edgebed/nodes/fuzztest"
	"edgebed/topologies"
)

// same compares what a topology says, without where it was read.
var same = cmpopts.IgnoreUnexported(topology.Topology{})

// TestPaper checks that two presets with their defaults are the shipped files.
func TestPaper(t *testing.T) {
	data, err := topologies.Files.ReadFile("ring6.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want, err := topology.Parse("ring6.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Build("ring")
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(want.Links, got.Links); diff != "" {
		t.Errorf("links (-file +preset):\n%s", diff)
	}
	if diff := cmp.Diff(want.Hosts, got.Hosts, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("hosts (-file +preset):\n%s", diff)
	}
	for _, l := range want.Links {
		a, _ := want.Params(l.Between[0], l.Between[1])
		b, err := got.Params(l.Between[0], l.Between[1])
		if err != nil || a != b {
			t.Errorf("link %v has %v, want %v (%v)", l.Between, b, a, err)
		}
	}
}

// TestShapes counts what each preset makes: hosts, switches, links, and the
// largest number of links between two hosts.
func TestShapes(t *testing.T) {
	for _, tc := range []struct {
		reference                    string
		hosts, switches, links, hops int
	}{
		{"single", 3, 1, 0, 0},
		{"single,7", 7, 1, 0, 0},
		{"linear,5,2", 10, 5, 4, 4},
		{"ring,switches=7", 7, 7, 7, 3},
		{"ring,5,outer=1", 10, 10, 15, 3},
		{"star,leaves=4", 4, 5, 4, 2},
		{"tree,depth=3,fanout=2", 8, 7, 6, 4},
		{"grid,3,4", 12, 12, 17, 5},
		{"torus,3,4", 12, 12, 24, 3},
		{"mesh,5", 5, 5, 10, 1},
		{"fattree,4", 16, 20, 32, 4},
		{"twotier,2,3,4", 12, 5, 6, 2},
		{"threetier", 8, 10, 17, 4},
		{"hourglass,2,3", 5, 7, 6, 3},
		{"edge-cloud,4", 6, 7, 6, 2},
		{"pods,3,4", 12, 12, 21, 3},
	} {
		t.Run(tc.reference, func(t *testing.T) {
			n, err := Build(tc.reference)
			if err != nil {
				t.Fatal(err)
			}

			hops := 0
			for _, a := range n.Hosts {
				for _, b := range n.Hosts {
					hops = max(hops, n.Hops(a.Name, b.Name))
				}
			}
			got := []int{len(n.Hosts), len(n.Switches), len(n.Links), hops}
			if want := []int{tc.hosts, tc.switches, tc.links, tc.hops}; !slices.Equal(got, want) {
				t.Errorf("hosts, switches, links, hops are %v, want %v", got, want)
			}
		})
	}
}

// TestRandom checks that a seed decides a random network, and that another seed
// gives another one.
func TestRandom(t *testing.T) {
	for _, name := range []string{"waxman", "barabasi-albert"} {
		first, err := Build(name + ",seed=5")
		if err != nil {
			t.Fatal(err)
		}
		again, err := Build(name + ",seed=5")
		if err != nil {
			t.Fatal(err)
		}
		other, err := Build(name + ",seed=6")
		if err != nil {
			t.Fatal(err)
		}

		if diff := cmp.Diff(first.Links, again.Links); diff != "" {
			t.Errorf("%s: the same seed gives another network:\n%s", name, diff)
		}
		if cmp.Equal(first.Links, other.Links) {
			t.Errorf("%s: another seed gives the same network", name)
		}
	}
}

// TestAnyReference draws parameters within their limits: every preset gives a
// valid network, which is the same after it was written and read.
func TestAnyReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(List()).Draw(t, "preset")
		reference := p.Name
		for _, param := range p.Params {
			least, largest := int(param.Min), int(min(param.Max, param.Min+2))
			value := fmt.Sprint(rapid.IntRange(least, largest).Draw(t, param.Name))
			switch {
			case param.Fraction:
				value = fmt.Sprint(max(param.Min, float64(rapid.IntRange(0, 100).Draw(t, param.Name))/100))
			case param.Even:
				value = fmt.Sprint(2 * rapid.IntRange(1, 3).Draw(t, param.Name))
			}
			reference += "," + param.Name + "=" + value
		}

		n, err := Build(reference)
		if err != nil {
			t.Fatalf("%s: %v", reference, err)
		}
		for _, h := range n.Hosts {
			if n.Hops(n.Hosts[0].Name, h.Name) < 0 {
				t.Fatalf("%s: %s cannot be reached", reference, h.Name)
			}
		}

		text, err := n.YAML()
		if err != nil {
			t.Fatal(err)
		}
		again, err := topology.Parse("written.yaml", text)
		if err != nil {
			t.Fatalf("%s: what was written cannot be read: %v\n%s", reference, err, text)
		}
		if diff := cmp.Diff(n, again, same, cmpopts.EquateEmpty(), cmpopts.EquateComparable(n.Subnet, n.Hosts[0].Address)); diff != "" {
			t.Errorf("%s: read back (-want +got):\n%s", reference, diff)
		}
	})
}

func TestErrors(t *testing.T) {
	for reference, want := range map[string]string{
		"rnig":                         `did you mean ring?`,
		"":                             `unknown preset ""`,
		"ring,switchs=4":               `did you mean switches?`,
		"ring,2":                       "switches=2: expected a number from 3",
		"ring,6.5":                     "expected a whole number",
		"ring,6,1,0,9":                 "one value too many",
		"ring,6,switches=6":            "switches is given twice",
		"ring,rate=fast":               "rate",
		"ring,delay=soon":              "expected a duration",
		"ring,mode=router":             "expected switched or routed",
		"fattree,k=5":                  "expected an even number",
		"tree,depth=10,fanout=100":     "more than 10000",
		"linear,switches=2000,hosts=9": "more than 10000",
		"waxman,alpha=NaN":             "expected a number from 0 to 1",
	} {
		_, err := Build(reference)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, want an error that says %q", reference, err, want)
		}
	}
}

func TestRateAndDelay(t *testing.T) {
	n, err := Build("waxman,switches=5,rate=3 Mb/s,delay=7ms,mode=routed")
	if err != nil {
		t.Fatal(err)
	}
	if !n.IsRouted() {
		t.Errorf("the mode is %q", n.Mode)
	}
	for _, l := range n.Links {
		for _, p := range n.Directions(l) {
			if p.Rate.Mbps() != 3 || p.Delay.Milliseconds() != 7 {
				t.Errorf("link %v has %v", l.Between, p)
			}
		}
	}
}

// FuzzBuild checks that no reference crashes or hangs.
func FuzzBuild(f *testing.F) {
	for _, p := range List() {
		f.Add(p.Name)
	}
	f.Add("tree,depth=3,fanout=2,rate=5 Mb/s")
	f.Fuzz(func(t *testing.T, reference string) {
		fuzztest.Watch(t, time.Second)
		if n, err := Build(reference); err == nil && n.Validate() != nil {
			t.Errorf("%q gives a network that is not valid", reference)
		}
	})
}
