package cli

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"edgebed/harness/job"
	"edgebed/harness/record"
	"edgebed/harness/scenario"
	"edgebed/harness/shell"
	"edgebed/harness/topology/catalog"
	"edgebed/harness/topology/preset"
	"edgebed/nodes/yamlfile"
	"edgebed/scenarios"
)

// isScenario reports whether what a user names is a scenario, and no topology: a file
// with a section topology, or a built-in scenario whose name no topology has.
func isScenario(name string) bool {
	data, err := yamlfile.ReadFile(name)
	if err == nil {
		return scenario.Recognize(data)
	}
	if preset.IsReference(name) || slices.Contains(catalog.Names(), name) {
		return false
	}
	_, _, err = builtin(name, "scenario", scenarios.Files, scenarios.Examples(), scenarios.Programs())
	return err == nil
}

// spawnOnScenario starts the nodes of one cell of a scenario, and does there what the
// config says.
func spawnOnScenario(cmd *cobra.Command, flags *selectionFlags, name string, consent consent, c shell.Config) error {
	plan, prepared, err := flags.prepare(name, nil)
	if err != nil {
		return usage(err)
	}
	remark(cmd, prepared.Remarks)
	if plan.Network == record.Virtual && flags.network != "" {
		return usage(errors.New("shell: a network in virtual time stands still while nobody sends; " +
			"choose --network emulated"))
	}
	if err := prepared.Allow(bool(consent)); err != nil {
		return usage(err)
	}

	c.Job = &prepared.Jobs[0]
	if err := job.Startable(prepared.Jobs[:1]); err != nil {
		return err
	}
	note := ""
	if n := len(prepared.Jobs); n > 1 {
		note = fmt.Sprintf(" (the first of %d; choose another one with --where or --filter)", n)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "cell %s%s\n", c.Job.Cell.ID, note)
	return spawn(cmd, c, c.Job.Topology())
}

// consent is whether the user allows a scenario's programs.
type consent bool
