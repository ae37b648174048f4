package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"edgebed/harness/record"
)

// ownOutput are the commands that hand the standard output to a program on a host, whose
// own matter it then is, and those that print nothing.
var ownOutput = []string{"edgebed exec", "edgebed topo draw"}

// TestFullOutput runs every command on a full disk, as it were: none takes an output for
// written that is not there.
func TestFullOutput(t *testing.T) {
	t.Parallel()
	needSandbox(t)
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join("..", "record", "testdata", record.FileName))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, record.FileName), text, 0o666); err != nil {
		t.Fatal(err)
	}
	scenario, out := small(t, "10 Mb/s", "1 kB", "1"), filepath.Join(t.TempDir(), "out")

	args := map[string][]string{
		"baseline update": nil, "baseline tables": nil, // they print after they have changed the repository
		"check":    {dir, "--claims", "exp400"},
		"compare":  {dir, dir},
		"export":   {dir, "--format", "csv"},
		"fsck":     {dir},
		"init":     {"mine"},
		"merge":    {filepath.Join(dir, "merged"), dir},
		"plan":     {scenario},
		"report":   {dir},
		"run":      {scenario, "--reruns", "0", "--out", out},
		"shell":    {"star,2", "-c", "pingall", "-c", "hosts"},
		"show":     {"exp400"},
		"trace":    {scenario, "--where", "model=pure-faas", "--out", filepath.Join(dir, "trace")},
		"validate": {scenario}, "workload": {scenario, "--out", filepath.Join(dir, "workload")},
		"topo check": {"ring6"}, "topo convert": {"ring6"}, "topo show": {"ring6"},
		"list": {}, "doctor": {}, "schema": {}, "topo list": {}, "version": {}, "help": {},
		"completion bash": {}, "completion fish": {}, "completion powershell": {}, "completion zsh": {},
	}
	root := rootCommand()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, name := range printing(root) {
		more, known := args[name]
		if !known {
			t.Errorf("this test does not know how to run edgebed %s", name)
		}
		if more == nil {
			continue
		}
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer full.Close()

		var log bytes.Buffer
		cmd := command(t, &log, append(strings.Fields(name), more...)...)
		cmd.Stdout, cmd.Dir = full, dir
		_ = cmd.Run()
		const want = "edgebed: writing to standard output: no space left on device\n"
		if code := cmd.ProcessState.ExitCode(); code == exitOK || strings.Count(log.String(), want) != 1 {
			t.Errorf("edgebed %s > /dev/full exits with %d, and says\n%s", name, code, log.String())
		}
	}
}

// printing returns the names of the commands below one that print by themselves.
func printing(cmd *cobra.Command) []string {
	var names []string
	for _, c := range cmd.Commands() {
		switch {
		case c.Hidden || slices.Contains(ownOutput, c.CommandPath()):
		case c.HasSubCommands():
			names = append(names, printing(c)...)
		default:
			names = append(names, strings.TrimPrefix(c.CommandPath(), "edgebed "))
		}
	}
	return names
}

// TestReaderHasEnough: whoever reads the first lines only is told nothing, and what is
// written to files is whole.
func TestReaderHasEnough(t *testing.T) {
	dir := t.TempDir()
	drawn := filepath.Join(dir, "ring.yaml")
	for _, args := range [][]string{
		{"list"}, {"show", "exp400"}, {"version"}, {"topo", "convert", "ring", "--out", drawn},
		{"plan", "exp400", "--profile", "quick", "--filter", "rate=10 Mb/s"}, {"schema", "scenario"},
		{"workload", small(t, "10 Mb/s", "1 kB", "1"), "--out", filepath.Join(dir, "workload")},
	} {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		read.Close()

		var log bytes.Buffer
		cmd := command(t, &log, args...)
		cmd.Stdout = write
		err = cmd.Run()
		write.Close()
		if err != nil || log.Len() > 0 {
			t.Errorf("edgebed %s into a closed pipe: %v, and says %s", strings.Join(args, " "), err, log.String())
		}
	}
	for _, file := range []string{drawn, filepath.Join(dir, "workload")} {
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
}
