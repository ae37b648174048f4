package page

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"edgebed/harness/record"
)

// repeat is how to run the campaign again: as it was started, or as its
// parameters say where that is not recorded.
func repeat(c record.Campaign) string {
	var b strings.Builder
	commit, dirty := strings.CutSuffix(c.Tool.Commit, "+dirty")
	if commit != "" && commit != "unknown" {
		fmt.Fprintf(&b, "git checkout %s", commit)
		if dirty {
			b.WriteString("   # the tree had changes that were not committed")
		}
		b.WriteByte('\n')
	}
	b.WriteString("make\n")

	args := []string{"bin/edgebed", "run", c.Scenario, "--profile", c.Profile}
	for _, name := range slices.Sorted(maps.Keys(c.Parameters)) {
		args = append(args, "--set", name+"="+c.Parameters[name])
	}
	if len(c.Command) > 1 {
		args = append([]string{"bin/edgebed"}, c.Command[1:]...)
	}
	b.WriteString(commandLine(args))
	return b.String()
}

// plain are the characters that a shell takes as they are.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=./,:@%+"

// commandLine quotes arguments for a shell.
func commandLine(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = a
		if a == "" || strings.ContainsFunc(a, func(r rune) bool { return !strings.ContainsRune(plain, r) }) {
			quoted[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}
