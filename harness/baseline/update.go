package baseline

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"edgebed/harness/record"
)

// MostBytes bounds the packed records of a result: a repository keeps every version.
const MostBytes = 5_000_000

// Names of the files in the folder of baselines.
const (
	logFile   = "log.md"
	tableFile = "README.md"
)

// Options say where a result goes, and why.
type Options struct {
	// Root is the folder of the baselines, Name the result's there: by default the
	// result folder's.
	Root, Name string
	// Reason says why the baseline changes; it must not be empty.
	Reason string
	// Table is the kind of table that the result is to be in, for instance "claims";
	// empty leaves the tables' results as they are.
	Table string
}

// InputError says that a result cannot be a baseline: nothing was changed.
type InputError struct{ Err error }

func (e *InputError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *InputError) Unwrap() error { return e.Err }

// Update copies a complete result's records (packed, without the traffic of single
// ports where they would be larger than MostBytes), report and figures to Root/Name,
// in place of what is there, and appends the reason to Root/log.md. Then it writes
// the tables anew. It returns the line of the log; the error is an InputError where
// the result cannot be a baseline.
func Update(dir string, o Options) (entry string, err error) {
	if strings.TrimSpace(o.Reason) == "" {
		return "", &InputError{errors.New("baseline update: say why with --reason")}
	}
	dir = filepath.Clean(dir)
	if o.Name == "" {
		o.Name = filepath.Base(dir)
	}
	results, err := record.Read(dir)
	if err != nil {
		return "", &InputError{err}
	}
	if done := len(results.Complete()); done < results.Campaign.Cells {
		return "", &InputError{fmt.Errorf("baseline update: %s has %d of its %d cells; go on with it first",
			dir, done, results.Campaign.Cells)}
	}

	target := filepath.Join(o.Root, o.Name)
	if err := replace(dir, target); err != nil {
		return "", fmt.Errorf("update baseline %s: %w", target, err)
	}
	c := results.Campaign
	entry = fmt.Sprintf("- %s, %s: %s (%s, profile %s, commit %s)\n", time.Now().UTC().Format(time.DateOnly), o.Name,
		strings.Join(strings.Fields(o.Reason), " "), c.Scenario, c.Profile, c.Tool.Commit)
	if err := appendText(filepath.Join(o.Root, logFile), entry); err != nil {
		return "", fmt.Errorf("log the new baseline: %w", err)
	}

	if o.Table != "" {
		if err := enter(o.Root, o.Table, o.Name); err != nil {
			return entry, err
		}
	}
	_, err = Tables(o.Root)
	return entry, err
}

// replace puts what a baseline needs of a result folder in place of target. The old
// one goes only when the new one is complete.
func replace(dir, target string) error {
	fresh := target + ".new"
	if err := errors.Join(os.RemoveAll(fresh), os.MkdirAll(fresh, 0o777)); err != nil {
		return err
	}
	defer os.RemoveAll(fresh)

	packed, err := pack(dir)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(fresh, record.FileName+".gz"), packed, 0o666); err != nil {
		return err
	}
	for _, pattern := range []string{"report.md", "*.svg", "*.png"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		for _, f := range files {
			if err := copyFile(f, filepath.Join(fresh, filepath.Base(f))); err != nil {
				return err
			}
		}
	}

	if err := os.RemoveAll(target); err != nil {
		return err
	}
	return os.Rename(fresh, target)
}

// pack packs records, without the traffic of ports where they are too large with it.
func pack(dir string) ([]byte, error) {
	for _, withoutPorts := range []bool{false, true} {
		var packed bytes.Buffer
		if err := record.Pack(&packed, dir, withoutPorts); err != nil {
			return nil, err
		}
		if packed.Len() <= MostBytes {
			return packed.Bytes(), nil
		}
	}
	return nil, fmt.Errorf("the records take more than %d bytes packed, even without ports "+
		"(publish a part, with --where, or a smaller profile)", MostBytes)
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o666)
}

func appendText(name, text string) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
