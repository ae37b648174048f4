package shell

import (
	"strings"
	"testing"
	"time"

	"edgebed/harness/topology"
	"edgebed/nodes/fuzztest"
)

// FuzzLine divides lines into arguments, and reads them as parameters of a link.
func FuzzLine(f *testing.F) {
	for _, line := range []string{
		"s0 s1 rate 5Mbit/s delay 10ms", `"edge two" 's1' loss 0.1`, `"no end`, "rate bit loss 1e999 queue -1",
		"jitter-order reorder corrupt 2 loss-burst NaN duplicate x",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		fuzztest.Watch(t, time.Second)
		args, err := fields(line)
		if err != nil {
			return
		}
		if total := len(strings.Join(args, "")); total > len(line) {
			t.Errorf("%q has %d characters of arguments", line, total)
		}
		for _, name := range topology.Parameters() {
			for _, text := range args {
				var o topology.Override
				if err := o.Set(name, text); err == nil {
					_ = o.Apply(topology.Params{Queue: 10}).Validate()
				}
			}
		}
	})
}
