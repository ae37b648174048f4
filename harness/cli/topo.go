package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"edgebed/harness/topology"
	"edgebed/harness/topology/catalog"
	"edgebed/harness/topology/preset"
	"edgebed/harness/topology/view"
)

// topologyHelp says what a topology may be called on the command line.
const topologyHelp = `TOPOLOGY is one of
  a file            my.yaml
  a preset          ring   tree,depth=3,fanout=2   waxman,switches=30,seed=7,rate=5Mb/s
  a built-in one    ring6  edge-cloud              (see edgebed topo list)
  another program's .graphml (Topology Zoo), .dot, .gv, .clab.yml (containerlab),
                    .mn (MiniEdit), .txt, .edges, .csv (a link a line)`

func topoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "topo",
		Short: "List, show, check, draw and convert topologies",
		Long:  "List, show, check, draw and convert topologies. Nothing is built.\n\n" + topologyHelp,
		Example: `  edgebed topo list
  edgebed topo show tree,depth=2,fanout=3 --pairs
  edgebed topo draw ring,8 --out ring.svg
  edgebed topo convert Abilene.graphml --out abilene.yaml`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(topoListCommand(), topoShowCommand(), topoCheckCommand(), topoDrawCommand(), topoConvertCommand())

	return cmd
}

// openTopology opens what the user named, and passes on what could not be read.
func openTopology(cmd *cobra.Command, reference string) (*topology.Topology, error) {
	t, remarks, err := catalog.Open(reference)
	if err != nil {
		return nil, usage(err)
	}
	remark(cmd, remarks)

	return t, nil
}

func topoListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List presets with their parameters, and built-in topologies",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), map[string]any{
					"presets": preset.List(), "topologies": catalog.Builtin(),
				})
			}
			return listTopologies(cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "the same as JSON")

	return cmd
}

func listTopologies(w io.Writer) error {
	fmt.Fprintln(w, "presets (each also takes rate and delay, for all its links, and mode=routed):")
	for _, p := range preset.List() {
		fmt.Fprintf(w, "\n  %s: %s\n", p.Name, p.Description)

		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, param := range p.Params {
			fmt.Fprintf(table, "    %s=%g\t%g to %g\t%s\n", param.Name, param.Default, param.Min, param.Max, param.Doc)
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}

	fmt.Fprintln(w, "\nbuilt-in topologies:")
	for _, name := range catalog.Builtin() {
		t, _, err := catalog.Open(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "  %-12s %s\n", name, t.Description)
	}

	return nil
}

func topoShowCommand() *cobra.Command {
	var show shown
	cmd := &cobra.Command{
		Use:   "show TOPOLOGY",
		Short: "Show hosts and links, the ways between all hosts, or what switches know",
		Long: "Show hosts and links, the ways between all hosts, or where each switch or router sends\n" +
			"what is for a host. A link whose directions differ has a line for each.\n\n" + topologyHelp,
		Example: `  edgebed topo show ring
  edgebed topo show tree,depth=2,fanout=3 --pairs      hops, delay and slowest link from host to host
  edgebed topo show my.yaml --json | jq '.links[] | select(.rate_bps < 1e7)'`,
		Args: exactly(1, "a topology"),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := openTopology(cmd, args[0])
			if err != nil {
				return err
			}

			return show.write(cmd.OutOrStdout(), t)
		},
	}
	cmd.Flags().BoolVar(&show.pairs, "pairs", false, "hops, delay and slowest link between all pairs of hosts")
	cmd.Flags().BoolVar(&show.tables, "tables", false, "where each switch or router sends what is for a host")
	cmd.Flags().BoolVar(&show.asJSON, "json", false, "the same as JSON")
	cmd.MarkFlagsMutuallyExclusive("pairs", "tables")

	return cmd
}

// shown is what is shown of a topology, and how.
type shown struct{ pairs, tables, asJSON bool }

func (s shown) write(w io.Writer, t *topology.Topology) error {
	switch {
	case s.pairs && s.asJSON:
		return view.WritePairsJSON(w, t)
	case s.pairs:
		return view.WritePairs(w, t)
	case s.tables && s.asJSON:
		return writeJSON(w, t.Tables())
	case s.tables:
		return view.WriteTables(w, t)
	case s.asJSON:
		return writeJSON(w, view.JSON(t))
	}

	return view.WriteTable(w, t)
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")

	return e.Encode(v)
}

func topoCheckCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check TOPOLOGY...",
		Short: "Check topologies without building them",
		Long:  "Check topologies without building them.\n\n" + topologyHelp,
		Example: `  edgebed topo check my.yaml
  edgebed topo check networks/*.graphml`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var errs []error
			var fine []validated
			for _, reference := range args {
				t, err := openTopology(cmd, reference)
				if err != nil {
					errs = append(errs, err)
					continue
				}
				fine = append(fine, validated{
					File: reference, Kind: "topology", Hosts: len(t.Hosts), Links: len(t.Links),
				})
				if !asJSON {
					fmt.Fprintf(cmd.OutOrStdout(), "%s: fine, %d hosts, %d switches, %d links\n",
						reference, len(t.Hosts), len(t.Switches), len(t.Links))
				}
			}

			if asJSON {
				errs = append(errs, writeJSON(cmd.OutOrStdout(), fine))
			}
			return usage(errors.Join(errs...))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "those that are fine as JSON")

	return cmd
}

func topoDrawCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "draw TOPOLOGY --out FILE",
		Short: "Draw a topology as .svg, .png, .dot or .mmd (Mermaid)",
		Long: "Draw a topology; the file's ending says how. Hosts are boxes and switches circles; links are the\n" +
			"wider the faster, with rate and delay, and arrows where the directions differ. Where many links are\n" +
			"alike, a key below says what they are.\n\n" + topologyHelp,
		Example: `  edgebed topo draw ring,8 --out ring.svg
  edgebed topo draw fattree,k=4,rate=1Gb/s --out fattree.png
  edgebed topo draw Abilene.graphml --out abilene.svg
  edgebed topo draw my.yaml --out my.dot && dot -Tpdf my.dot > my.pdf`,
		Args: exactly(1, "a topology"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return usage(errors.New("topo draw: name a file with --out, ending in .svg, .png, .dot or .mmd"))
			}
			t, err := openTopology(cmd, args[0])
			if err != nil {
				return err
			}

			return writeTopology(cmd, t, out)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "`file` to write")

	return cmd
}

func topoConvertCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "convert TOPOLOGY [--out FILE]",
		Short: "Write a topology as an edgebed file, or as .dot or .mmd",
		Long: "Write a topology as an edgebed file (to stdout without --out), or as .dot or .mmd.\n" +
			"What another program's file holds and a topology cannot, or the reverse, is listed on\n" +
			"stderr as remarks. Directions of a link that differ stay different.\n\n" + topologyHelp,
		Example: `  edgebed topo convert Abilene.graphml --out abilene.yaml   from the Topology Zoo
  edgebed topo convert lab.clab.yml > lab.yaml
  edgebed topo convert edge-cloud --out edge-cloud.dot      for Graphviz, and back
  edgebed topo convert ring,8 --out ring.mmd                for Mermaid in Markdown`,
		Args: exactly(1, "a topology"),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := openTopology(cmd, args[0])
			if err != nil {
				return err
			}
			if out != "" {
				return writeTopology(cmd, t, out)
			}

			text, err := t.YAML()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)

			return err
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "`file` to write, ending in .yaml, .dot or .mmd (default: YAML to stdout)")

	return cmd
}

// writeTopology writes a topology in the form that the file's ending asks for, lists the
// file, and says what it does not hold.
func writeTopology(cmd *cobra.Command, t *topology.Topology, file string) error {
	var b bytes.Buffer
	var err error
	var leftOut []string
	switch ending := strings.ToLower(filepath.Ext(file)); ending {
	case ".svg", ".png":
		err = view.Draw(&b, t, ending[1:])
	case ".dot", ".gv":
		err = view.WriteDOT(&b, t)
		leftOut = view.LeftOut(t, ".dot")
	case ".mmd":
		err = view.WriteMermaid(&b, t)
		leftOut = view.LeftOut(t, ".mmd")
	case ".yaml", ".yml":
		var text []byte
		text, err = t.YAML()
		b.Write(text)
	default:
		return usage(fmt.Errorf("write %s: unknown ending %q; expected .svg, .png, .dot, .mmd or .yaml", file, ending))
	}
	if err != nil {
		return err
	}

	if err := os.WriteFile(file, b.Bytes(), 0o666); err != nil {
		return err
	}
	fmt.Fprintln(cmd.OutOrStdout(), file)
	remark(cmd, leftOut)

	return nil
}

// jsonFormat gives a command that has --format the flag --json, as other commands have
// it.
func jsonFormat(cmd *cobra.Command, format *string) {
	cmd.Flags().BoolFunc("json", "the same as --format json", func(string) error {
		*format = "json"
		return nil
	})
}
