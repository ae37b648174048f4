package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"edgebed/harness/escape"
	"edgebed/harness/network"
	"edgebed/harness/record"
	"edgebed/harness/report"
	"edgebed/harness/report/figure"
	"edgebed/harness/scenario"
	"edgebed/harness/testbed"
	"edgebed/harness/topology"
	"edgebed/harness/topology/catalog"
	"edgebed/harness/topology/foreign"
	"edgebed/harness/topology/preset"
	"edgebed/nodes/yamlfile"
	"edgebed/scenarios"
	"edgebed/topologies"
)

func reportCommand() *cobra.Command {
	var out, figures string
	cmd := &cobra.Command{
		Use:   "report DIR [OTHER]",
		Short: "Make CSV files, figures and report again from a folder's records, or compare two",
		Long: `Make executions.csv, the figures, report.html and report.md again from
DIR/records.jsonl. It needs no privilege and no network, and works on any machine.

With two folders, write the figures of the first with the curves of both, each with
the name of its folder, and a report.html that shows both side by side, with the ratios
of the second to the first. Each curve goes through the values of its own result;
captions say what bars, boxes and heat maps lack of one.

With --figures the figures are those of a YAML file instead, which has the key figures
of a scenario. Over two results they may use the axis result like any other:

  figures:
    - {name: tail, title: "Slowest executions", kind: lines, metric: delay-p95,
       x: rate, series: model, log-x: true}
    - {name: spread, title: "All executions", kind: box, metric: delay,
       x: result, series: model, where: {rate: 10 Mb/s}}

Kinds are lines, bars, box, ecdf, timeline and heat-map; docs/scenarios.md has their
keys, and report.html the axes of a result with their values. A figure of the file that
has nothing to show is said with the reason, and the exit code is 1; one of the
scenario is only said, since a small profile may lack what it shows.`,
		Example: `  edgebed report results/exp400
  edgebed report results/exp400 results/exp400-text --out results/compared
  edgebed report results/exp400 --figures mine.yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0 || len(args) > 2:
				return usage(fmt.Errorf("report: name a result folder, or two to compare, got %d", len(args)))
			case len(args) == 1 && out != "":
				return usage(errors.New("report: --out is for comparisons; " +
					"the report of one folder is written into it"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var all []*record.Results
			for _, dir := range args {
				results, err := readResults(cmd, dir)
				if err != nil {
					return usage(err)
				}
				all = append(all, results)
			}
			if err := otherFigures(figures, all); err != nil {
				return usage(err)
			}

			if len(args) == 1 {
				missing, err := writeReport(cmd, args[0], all[0], cmd.OutOrStdout())
				if err != nil {
					return err
				}
				return missingFigures(cmd, missing, figures)
			}
			missing, err := writeComparison(cmd, args, all, out)
			if err != nil {
				return err
			}
			return missingFigures(cmd, missing, figures)
		},
	}
	cmd.Flags().StringVar(&figures, "figures", "", "YAML file of the figures to draw (default those of the scenario)")
	cmd.Flags().StringVar(&out, "out", "", "folder for the comparison (default DIR-vs-OTHER beside the second folder)")
	return cmd
}

// missingFigures says which figures show nothing, and why. It is an error where the user
// asked for them by a file: a scenario's own may need more than the profile runs.
func missingFigures(cmd *cobra.Command, missing []error, file string) error {
	if file != "" && len(missing) > 0 {
		return fmt.Errorf("figures of %s could not be drawn (the rest is written): %w", file, errors.Join(missing...))
	}
	for _, err := range missing {
		fmt.Fprintln(cmd.ErrOrStderr(), "not drawn:", escape.Terminal(err.Error()))
	}
	return nil
}

// otherFigures gives one or two results the figures of a file, where there is one.
func otherFigures(file string, results []*record.Results) error {
	if file == "" {
		return nil
	}
	text, err := yamlfile.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read figures: %w", err)
	}
	campaign := results[0].Campaign
	if len(results) == 2 {
		campaign.Axes = figure.NewTwo(results[0], results[1]).Axes()
	}
	figures, err := scenario.ReadFigures(file, text, campaign)
	if err != nil {
		return err
	}
	if len(figures) == 0 {
		return fmt.Errorf("%s: figures is empty: name at least one (edgebed schema scenario has their keys)", file)
	}
	results[0].Campaign.Figures = figures
	return nil
}

// writeComparison shows two result folders side by side. It returns why figures show nothing.
func writeComparison(cmd *cobra.Command, dirs []string, both []*record.Results, out string) ([]error, error) {
	if out == "" {
		other := filepath.Clean(dirs[1])
		out = filepath.Join(filepath.Dir(other), filepath.Base(filepath.Clean(dirs[0]))+"-vs-"+filepath.Base(other))
	}
	there, noneErr := os.Stat(out)
	for _, dir := range dirs {
		if of, err := os.Stat(dir); err == nil && noneErr == nil && os.SameFile(of, there) {
			return nil, usage(fmt.Errorf("report: --out %s is one of the folders that are compared, and has a report "+
				"of its own; choose another", out))
		}
	}
	files, missing, err := report.WriteComparison(out, both[0], both[1])
	for _, f := range files {
		fmt.Fprintln(cmd.OutOrStdout(), f)
	}
	return missing, err
}

func validateCommand() *cobra.Command {
	var flags selectionFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "validate SCENARIO|TOPOLOGY",
		Short: "Check a scenario with its files, or a topology, without running anything",
		Long: `Check a scenario with the files that it names, or a topology alone, without running
anything: a file with switches is a topology, and so is what no scenario is called. What
the network cannot do, which the scenario or --network names, is a mistake, too, and so
are limits of programs and hosts that this machine has no control groups for.

` + topologyHelp,
		Args: exactly(1, "a scenario or a topology"),
		RunE: func(cmd *cobra.Command, args []string) error {
			v := validated{File: args[0], Kind: "topology"}
			if isTopology(args[0]) {
				t, err := openTopology(cmd, args[0])
				if err != nil {
					return err
				}
				if err := errors.Join(onlyOfScenarios(cmd, args[0]), flags.checkTopology(t)); err != nil {
					return usage(err)
				}
				v.Hosts, v.Links = len(t.Hosts), len(t.Links)
			} else {
				plan, p, err := flags.prepare(args[0], nil)
				if err != nil {
					return usage(err)
				}
				if err := testbed.LimitsReady(p.Jobs); err != nil {
					return usage(err)
				}
				remark(cmd, p.Remarks)
				v = validated{File: plan.Scenario.File, Kind: "scenario", Cells: len(p.Jobs), Profile: plan.Profile}
			}

			if asJSON {
				return writeJSON(cmd.OutOrStdout(), v)
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), v)
			return err
		},
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "the same as JSON")
	return cmd
}

// onlyOfScenarios refuses flags that choose among a scenario's cells where a topology is
// named.
func onlyOfScenarios(cmd *cobra.Command, topology string) error {
	var given []string
	for _, name := range []string{"filter", "profile", "set", "where"} {
		if cmd.Flags().Changed(name) {
			given = append(given, "--"+name)
		}
	}
	if given == nil {
		return nil
	}
	return fmt.Errorf("%s is a topology, and %s chooses among a scenario's cells; leave it out",
		topology, strings.Join(given, ", "))
}

// checkTopology checks that the network can be as a topology says, where the flags name
// one.
func (f *selectionFlags) checkTopology(t *topology.Topology) error {
	kind := network.Emulated()
	if asked := record.NetworkKind(f.network); asked == record.Virtual {
		kind = network.Virtual()
	} else if err := scenario.CheckNetwork(cmp.Or(asked, record.Emulated)); err != nil {
		return fmt.Errorf("--network: %w", err)
	}
	return t.CanBe(kind)
}

// validated is a file that was found right.
type validated struct {
	File    string `json:"file"`
	Kind    string `json:"kind"`
	Profile string `json:"profile,omitempty"`
	Cells   int    `json:"cells,omitempty"`
	Hosts   int    `json:"hosts,omitempty"`
	Links   int    `json:"links,omitempty"`
}

// String says so.
func (v validated) String() string {
	if v.Kind == "scenario" {
		return fmt.Sprintf("%s: fine, %d cells in profile %s", v.File, v.Cells, v.Profile)
	}
	return fmt.Sprintf("%s: fine, a topology of %d hosts and %d links", v.File, v.Hosts, v.Links)
}

// isTopology tells a topology from a scenario: by the keys of a file, and by name.
func isTopology(name string) bool {
	data, err := yamlfile.ReadFile(name)
	if err != nil {
		_, _, err := builtinScenario(name)
		return err != nil && (preset.IsReference(name) || slices.Contains(catalog.Builtin(), name))
	}
	if foreign.Known(name) {
		return true
	}
	var keys map[string]yaml.Node
	if yamlfile.Decode(name, data, &keys) != nil {
		return false
	}
	_, switches := keys["switches"]
	_, topology := keys["topology"]
	return switches && !topology
}

func listCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the built-in scenarios and topologies",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := listed()
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			if asJSON {
				return writeJSON(w, all)
			}

			kind := ""
			for _, b := range all {
				if b.Kind != kind {
					fmt.Fprintln(w, listTitles[b.Kind])
					kind = b.Kind
				}
				fmt.Fprintf(w, "  %-16s %s\n", b.Name, b.Description)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "the same as JSON")
	return cmd
}

// listTitles are the headings of the kinds of built-in files.
var listTitles = map[string]string{
	"scenario": "scenarios:",
	"example":  "examples (scenarios of a few lines, to copy and change):",
	"programs": "with programs of others (they need --allow-exec):",
	"topology": "topologies:",
}

// builtIn is a file that comes with edgebed.
type builtIn struct {
	Kind        string `json:"kind"`
	Name        string `json:"name"`
	Description string `json:"description"`
}

// listed returns the built-in files, kind by kind.
func listed() ([]builtIn, error) {
	var all []builtIn
	for _, set := range []struct {
		kind  string
		files fs.FS
	}{{"scenario", scenarios.Files}, {"example", scenarios.Examples()}, {"programs", scenarios.Programs()}} {
		for _, name := range builtinNames(set.files) {
			s, _, err := loadScenario(name)
			if err != nil {
				return nil, err
			}
			all = append(all, builtIn{set.kind, name, s.Description})
		}
	}

	for _, name := range builtinNames(topologies.Files) {
		data, err := topologies.Files.ReadFile(name + ".yaml")
		if err != nil {
			return nil, err
		}
		t, err := topology.Parse(name+".yaml", data)
		if err != nil {
			return nil, err
		}
		all = append(all, builtIn{"topology", name, t.Description})
	}
	return all, nil
}

func showCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Print a built-in scenario or topology, to copy and change, or the defaults",
		Long: `Print a built-in scenario or topology, to copy and change. "edgebed show defaults"
prints what a scenario has where its file says nothing.`,
		Args: exactly(1, "a scenario or topology"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] == "defaults" {
				_, err := cmd.OutOrStdout().Write(scenario.DefaultsText)
				return err
			}
			data, _, err := builtinScenario(args[0])
			if err != nil {
				var topologyErr error
				if data, _, topologyErr = builtinTopology(args[0]); topologyErr != nil {
					return usage(errors.Join(err, topologyErr))
				}
			}
			_, err = cmd.OutOrStdout().Write(data)
			return err
		},
	}
}

func workloadCommand() *cobra.Command {
	var flags selectionFlags
	var out string
	cmd := &cobra.Command{
		Use:   "workload SCENARIO",
		Short: "Export the workflows that a scenario's cells execute",
		Long: `Write the workflows of the selected cells as JSON files in the prototype's chain
or DAG format, one per workflow. "edgebed run --workload" executes such files,
and so does the prototype's client. The same workflow is in the cells of every
model and rate, and is written once.`,
		Args: exactly(1, "a scenario"),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, p, err := flags.prepare(args[0], nil)
			if err != nil {
				return usage(err)
			}

			if err := os.MkdirAll(out, 0o755); err != nil {
				return fmt.Errorf("create folder for workflows: %w", err)
			}

			written := map[string]bool{}
			for _, job := range p.Jobs {
				for k := range job.Left() {
					w, err := job.Workflow(k)
					if err != nil {
						return err
					}
					if written[w.Name] {
						continue
					}
					written[w.Name] = true
					data, err := w.Workflow.MarshalJSON()
					if err != nil {
						return err
					}
					file := filepath.Join(out, w.Name+".json")
					if err := os.WriteFile(file, append(data, '\n'), 0o644); err != nil {
						return fmt.Errorf("write workflow: %w", err)
					}
				}
			}

			fmt.Fprintf(cmd.OutOrStdout(), "%d workflows in %s\n", len(written), out)
			return nil
		},
	}

	flags.add(cmd)
	cmd.Flags().StringVar(&out, "out", "workload", "folder for the files")
	return cmd
}

func doctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine offers to the emulation, and what is missing",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := cmd.OutOrStdout()
			m := record.MachineInfo()
			defer hold(cmd.Context())()
			facts, err := testbed.Doctor(cmd.Context())
			if cmd.Context().Err() != nil {
				return err // which says nothing of the machine
			}
			if asJSON {
				found := diagnosis{Machine: m, Facts: facts}
				if err != nil {
					found.Missing = err.Error()
				}
				if err := writeJSON(w, found); err != nil {
					return err
				}
			} else {
				fmt.Fprintf(w, "machine: %s, %d cores, kernel %s\n", m.CPU, m.Cores, m.Kernel)
				for _, f := range facts {
					fmt.Fprintln(w, f)
				}
			}

			if err != nil {
				return fmt.Errorf("this machine cannot run the emulation: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "the same as JSON")
	return cmd
}

// diagnosis is what doctor finds.
type diagnosis struct {
	Machine record.Machine `json:"machine"`
	Facts   []string       `json:"facts"`
	// Missing is why the machine cannot run the emulation; empty where it can.
	Missing string `json:"missing,omitempty"`
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, its commit and the commit's date",
		Args:  cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintln(cmd.OutOrStdout(), versionLine())
		},
	}
}

// versionLine is what "edgebed version" and "edgebed --version" print.
func versionLine() string {
	t := record.ToolInfo()
	return fmt.Sprintf("edgebed %s, commit %s of %s, %s", t.Version, t.Commit, record.CommitDate(), t.Go)
}

func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usage(fmt.Errorf("%s: name %s", cmd.Name(), what))
		}
		return nil
	}
}
