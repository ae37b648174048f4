package baseline

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
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
	// packedFile holds a baseline's records.
	packedFile = record.FileName + ".gz"
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
	if o.Name == "" {
		whole, err := filepath.Abs(dir) // the name of "." is the folder's, too
		if err != nil {
			return "", &InputError{fmt.Errorf("baseline update: find %s: %w", dir, err)}
		}
		o.Name = filepath.Base(whole)
	}
	if err := record.CheckFileName(o.Name); err != nil {
		return "", &InputError{fmt.Errorf("baseline update: the baseline's name: %w (choose one with --name)", err)}
	}
	results, err := record.Read(dir)
	if err != nil {
		return "", &InputError{err}
	}
	if len(results.Altered) > 0 {
		return "", &InputError{fmt.Errorf("baseline update: %s: %s", dir, strings.Join(results.Warnings, "; "))}
	}
	if done := len(results.Complete()); done < results.Campaign.Cells {
		return "", &InputError{fmt.Errorf("baseline update: %s has %d of its %d cells; go on with it first",
			dir, done, results.Campaign.Cells)}
	}

	target := filepath.Join(o.Root, o.Name)
	if err := replaceable(target); err != nil {
		return "", &InputError{fmt.Errorf("baseline update: %w", err)}
	}
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

// replaceable returns an error where target is not what an earlier update wrote: a folder
// with packed records. A result as it was run is none, be it the one that is copied.
func replaceable(target string) error {
	_, err := os.Stat(target)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(target, packedFile)); err != nil {
		return fmt.Errorf("%s is there, and no baseline: it has no %s; choose another --name or --root, "+
			"or move it away", target, packedFile)
	}
	return nil
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
	if err := os.WriteFile(filepath.Join(fresh, packedFile), packed, 0o666); err != nil {
		return err
	}
	for _, pattern := range []string{"report.md", "*.svg", "*.png"} {
		files, err := fs.Glob(os.DirFS(dir), pattern) // the folder's own name is no pattern
		if err != nil {
			return err
		}
		for _, f := range files {
			if err := copyFile(filepath.Join(dir, f), filepath.Join(fresh, f)); err != nil {
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

// copyFile copies a file. A symbolic link may point to what is nobody else's business, and a
// pipe has no end: they are refused.
func copyFile(from, to string) error {
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("copy %s: it is no regular file; remove it, or make it anew with edgebed report", from)
	}
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
