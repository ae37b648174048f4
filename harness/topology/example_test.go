package topology_test

import (
	"fmt"

	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// A network is read, changed and asked, without a kernel.
func Example() {
	t, err := topology.Parse("three.yaml", []byte(`
name: three
switches: [a, b, c]
hosts: [{name: left, switch: a}, {name: right, switch: c}]
link-classes: {trunk: {rate: 10 Mb/s, delay: 1 ms}}
links: [{between: [a, b], class: trunk}, {between: [b, c], class: trunk}]
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	rate := 2 * units.Mbps
	if err := t.SetClass("trunk", topology.Class{Override: topology.Override{Rate: &rate}}); err != nil {
		fmt.Println(err)
		return
	}
	p, err := t.Params("a", "b")
	fmt.Println(t.Path("left", "right"), t.Hops("left", "right"), p, err)
	// Output: [a b c] 2 2 Mb/s, 1ms, queue 1000, burst 1.514 kB <nil>
}
