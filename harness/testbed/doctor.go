package testbed

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"edgebed/harness/emu"
	"edgebed/harness/sandbox"
	"edgebed/harness/tail"
	"edgebed/harness/topology"
)

// DoctorArg is the argument with which Doctor starts the calling program: its
// main must pass control to Examine.
const DoctorArg = "examine"

// Doctor finds out, in a sandbox, what the machine offers to the emulation, and
// returns one line for each fact.
func Doctor(ctx context.Context) ([]string, error) {
	cmd := sandbox.Command(ctx, sandbox.Options{}, DoctorArg)
	log := tail.Writer{Max: logShown}
	cmd.Stderr = &log
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("examine this machine: %w%s", err, log.After("\n"))
	}
	var facts []string
	if err := json.Unmarshal(out, &facts); err != nil {
		return nil, fmt.Errorf("examine this machine: %w", err)
	}
	return facts, nil
}

// Examine is the sandboxed side of Doctor: it builds a small network with a
// delayed link and writes what that took.
func Examine(ctx context.Context, w io.Writer) error {
	netem, err := emu.ProbeNetem()
	if err != nil {
		return err
	}
	facts := []string{fmt.Sprintf("netem: %v%s", netem, map[bool]string{
		true: "", false: "; link delay is made in user space",
	}[netem == emu.Available])}
	t, err := topology.Parse("examination", []byte(strings.TrimSpace(`
version: 1
name: examination
subnet: 10.9.0.0/16
switches: [s0, s1]
hosts:
  - {name: a, address: 10.9.0.1, switch: s0}
  - {name: b, address: 10.9.0.2, switch: s1}
link-classes:
  trunk: {rate: 10 Mb/s, delay: 1 ms}
links:
  - {between: [s0, s1], class: trunk}
`)))
	if err != nil {
		return err
	}
	n, err := emu.Build(ctx, t, emu.Options{})
	if err != nil {
		return err
	}
	for _, name := range []string{"backend", "congestion-control"} {
		if v, ok := n.Settings()[name]; ok {
			facts = append(facts, name+": "+v)
		}
	}
	if err := n.Close(); err != nil {
		return err
	}
	facts = append(facts, "network: a shaped, delayed link was built and taken down")
	return json.NewEncoder(w).Encode(facts)
}
