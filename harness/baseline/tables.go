package baseline

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"edgebed/harness/record"
	"edgebed/harness/report/whole"
	"edgebed/nodes/yamlfile"
)

// A table stands between these comments.
var begin = regexp.MustCompile(`^<!-- table (\S+)((?: \S+)*) -->$`)

const end = "<!-- end -->"

// kinds write the tables, from the results that the comment names in the folder root.
func kinds(root string) map[string]func(*strings.Builder, []*record.Results) error {
	return map[string]func(*strings.Builder, []*record.Results) error{
		"prototype": func(b *strings.Builder, results []*record.Results) error {
			return writePrototype(b, filepath.Join(root, "../.."), results)
		},
		"results":      writeResults,
		"claims":       writeClaims,
		"side-by-side": writeSideBySide,
	}
}

// Kinds lists the kinds of tables: "results" says what ran where, "claims" judges the
// claims of each scenario under each reading, "side-by-side" compares the first
// result, of cells that ran one at a time, with others of the same cells, and
// "prototype" holds replays against the prototype's own runs, which are in the source
// tree two folders above the results.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds("."))) }

// Tables writes the tables in root/README.md anew from the records in root, and
// reports whether that changed it. Without such a file there is nothing to write.
func Tables(root string) (changed bool, err error) {
	file := filepath.Join(root, tableFile)
	old, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("write the tables: %w", err)
	}
	text, err := render(root, string(old))
	if err != nil || text == string(old) {
		return false, err
	}
	if err := writeText(file, text); err != nil {
		return false, fmt.Errorf("write the tables: %w", err)
	}
	return true, nil
}

// writeText writes a file anew: where the disk is full, the old one stays.
func writeText(file, text string) error {
	return whole.Write(file, func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
}

// Check returns an error where a table in root/README.md is not what the records in
// root give.
func Check(root string) error {
	file := filepath.Join(root, tableFile)
	old, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("check the tables: %w", err)
	}
	text, err := render(root, string(old))
	if err != nil {
		return err
	}
	if text == string(old) {
		return nil
	}

	was, is := strings.Split(string(old), "\n"), strings.Split(text, "\n")
	at := 0
	for at < min(len(was), len(is)) && was[at] == is[at] {
		at++
	}
	return fmt.Errorf("%s:%d: the table differs from the records (write it anew: edgebed baseline tables)", file, at+1)
}

// render returns the text with its tables written anew.
func render(root, text string) (string, error) {
	var b strings.Builder
	table := "" // the opening comment of the table that is being left out
	for number, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		at := fmt.Sprintf("%s:%d", filepath.Join(root, tableFile), number+1)
		match := begin.FindStringSubmatch(line)

		switch {
		case match != nil && table != "":
			return "", fmt.Errorf("%s: the table %q has no end (expected %s)", at, table, end)
		case match != nil:
			table = line
			b.WriteString(line + "\n")
			if err := write(&b, root, match[1], strings.Fields(match[2])); err != nil {
				return "", fmt.Errorf("%s: %w", at, err)
			}
		case line == end && table == "":
			return "", fmt.Errorf("%s: %s ends no table", at, end)
		case line == end:
			table = ""
			b.WriteString(line + "\n")
		case table == "":
			b.WriteString(line + "\n")
		}
	}

	if table != "" {
		return "", fmt.Errorf("%s: the table %q has no end (expected %s)", filepath.Join(root, tableFile), table, end)
	}
	return b.String(), nil
}

// write writes one table.
func write(b *strings.Builder, root, kind string, names []string) error {
	of, ok := kinds(root)[kind]
	if !ok {
		return fmt.Errorf("unknown table %q%s", kind, yamlfile.Suggest(kind, Kinds()))
	}

	var results []*record.Results
	for _, name := range names {
		if name != filepath.Base(name) {
			return fmt.Errorf("table %s: %q is no name of a folder beside it", kind, name)
		}
		r, err := record.Read(filepath.Join(root, name))
		if err != nil {
			return fmt.Errorf("table %s: %w", kind, err)
		}
		if len(r.Altered) > 0 {
			return fmt.Errorf("table %s: %s", kind, strings.Join(r.Warnings, "; "))
		}
		r.Name = name
		results = append(results, r)
	}
	if err := of(b, results); err != nil {
		return fmt.Errorf("table %s: %w", kind, err)
	}
	return nil
}

// enter adds a result to the first table of a kind.
func enter(root, kind, name string) error {
	file := filepath.Join(root, tableFile)
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("add %s to the table %s: %w", name, kind, err)
	}
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		match := begin.FindStringSubmatch(line)
		if match == nil || match[1] != kind {
			continue
		}
		names := strings.Fields(match[2])
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		lines[i] = fmt.Sprintf("<!-- table %s %s -->", kind, strings.Join(names, " "))
		return writeText(file, strings.Join(lines, "\n"))
	}
	return fmt.Errorf("add %s to the table %s: %s has no such table "+
		"(write <!-- table %s %s --> and %s where it is to be)",
		name, kind, file, kind, name, end)
}
