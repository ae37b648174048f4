package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"edgebed/harness/record"
	"edgebed/harness/topology"
	"edgebed/harness/topology/catalog"
	"edgebed/harness/topology/preset"
	"edgebed/scenarios"
)

// defaultStart is the network that edgebed init begins with.
const defaultStart = "ring,switches=6"

func initCommand() *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use:   "init [NAME] [--from SCENARIO|TOPOLOGY]",
		Short: "Write a scenario of a few lines to begin with",
		Long: `Write NAME.yaml, a scenario of a few lines with comments that runs as it is: a
network, a link rate that varies, and defaults for the rest. With --from it has
that topology; or it is a copy of a built-in scenario ("edgebed list").

` + topologyHelp,
		Example: `  edgebed init my-ring
  edgebed init campus --from fattree,k=4
  edgebed init zoo --from Abilene.graphml
  edgebed init mine --from exp400`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := "my-experiment"
			if len(args) > 0 {
				name = strings.TrimSuffix(args[0], ".yaml")
			}
			if err := record.CheckFileName(name); err != nil {
				return usage(fmt.Errorf("init: %w", err))
			}
			text, err := startFrom(cmd, name, from)
			if err != nil {
				return usage(err)
			}

			return writeStart(cmd, name+".yaml", text)
		},
	}
	cmd.Flags().StringVar(&from, "from", defaultStart, "a built-in `scenario` to copy, or a topology to begin with")

	return cmd
}

// writeStart writes a new file, and says how to go on.
func writeStart(cmd *cobra.Command, file string, text []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return usage(fmt.Errorf("init: %s is there already; choose another name or remove it", file))
	}
	if err != nil {
		return fmt.Errorf("init: %w", err)
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("init: write %s: %w", file, err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s: run it with edgebed run %s\n", file, file)

	return nil
}

var nameLine = regexp.MustCompile(`(?m)^name: .*$`)

// startFrom returns the text of a new scenario: a copy of a built-in one under the
// name, or a short one with the topology.
func startFrom(cmd *cobra.Command, name, from string) ([]byte, error) {
	names := slices.Concat(builtinNames(scenarios.Files), builtinNames(scenarios.Examples()),
		builtinNames(scenarios.Programs()))
	if base := strings.TrimSuffix(from, ".yaml"); slices.Contains(names, base) {
		data, _, err := builtinScenario(base)
		return nameLine.ReplaceAll(data, []byte("name: "+name)), err
	}
	t, err := openTopology(cmd, from)
	if err != nil {
		return nil, fmt.Errorf("init: %w (scenarios: %s)", err, strings.Join(names, ", "))
	}

	return shortScenario(name, from, t), nil
}

// shortScenario returns a scenario with the topology of a reference. What varies is
// the rate of the links where one word says it for all of them; else it is the size
// of the arguments.
func shortScenario(name, reference string, t *topology.Topology) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# What is not here has a default: edgebed show defaults prints all.\nname: %s\n", name)
	if len(t.Hosts) < 2 {
		b.WriteString("# The only host is the client's, and runs the functions too.\n")
	}
	b.WriteString("topology:\n")

	rate := "    # Each value times each model is one cell.\n    values: 1..100 Mb/s log 5\n"
	switch _, err := os.Stat(reference); {
	case err != nil && preset.IsReference(reference) && !strings.Contains(reference, "rate="):
		fmt.Fprintf(&b, "  # A shape and its parameters; $rate is the axis below. Others: edgebed topo list\n"+
			"  preset: \"%s,rate=$rate\"\n", reference)
		b.WriteString("matrix:\n  - axis: rate\n    label: Link rate\n" + rate)
	case err != nil && preset.IsReference(reference):
		fmt.Fprintf(&b, "  preset: %q\n", reference)
		varyArgument(&b)
	default:
		fmt.Fprintf(&b, "  file: %s\n", fileReference(reference))
		class := sharedClass(t)
		if class == "" {
			varyArgument(&b)
			break
		}
		fmt.Fprintf(&b,
			"  classes: {%s: {rate: $rate}}\nmatrix:\n  - axis: rate\n    label: Link rate\n%s", class, rate)
	}
	if len(t.Hosts) < 2 {
		fmt.Fprintf(&b, "nodes: {computers: [{hosts: [%s]}]}\n", t.Hosts[0].Name)
	}
	if !bytes.Contains(b.Bytes(), []byte("workload:")) {
		b.WriteString("# Chains of three functions that use three states of 10, 20 and 30 kB.\n" +
			"workload: {length: 3, states: 3, argument: 10 kB}\n")
	}

	return b.Bytes()
}

func varyArgument(b *bytes.Buffer) {
	b.WriteString("matrix:\n  - axis: argument\n    label: Argument size\n" +
		"    # Each value times each model is one cell.\n    values: 1..1000 kB log 4\n" +
		"# Chains of three functions that use three states of 10, 20 and 30 kB.\n" +
		"workload: {length: 3, states: 3, argument: $argument}\n")
}

// fileReference returns how a scenario in this folder names the file, or the
// built-in topology.
func fileReference(reference string) string {
	if slices.Contains(catalog.Builtin(), reference) {
		return reference
	}

	return fmt.Sprintf("%q", filepath.ToSlash(reference))
}

// sharedClass is the class that all links are of, empty where there is no such one.
func sharedClass(t *topology.Topology) string {
	used := map[string]bool{}
	for _, l := range t.Links {
		used[l.Class] = true
	}
	if len(used) != 1 {
		return ""
	}

	return slices.Collect(maps.Keys(used))[0]
}
