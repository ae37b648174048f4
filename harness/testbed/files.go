package testbed

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"edgebed/harness/job"
)

// filesFolder is the folder of a result folder with what cells leave beside the
// records.
const filesFolder = "files"

// filesPath is the worker's way to its folder: the first descriptor after the
// standard streams. The folder itself may not be in the sandbox's file system, where
// /tmp is another one.
const filesPath = "/proc/self/fd/3"

// notInName is what a folder's name does not have of a cell's identifier.
var notInName = regexp.MustCompile(`[^A-Za-z0-9]+`)

// attemptFolder makes a folder of its own for an attempt at the job's cell, below the
// results, and names it in the job.
func attemptFolder(j *job.Job) (*os.File, error) {
	const longest = 60
	name := notInName.ReplaceAllString(j.Cell.ID, "-")
	sum := sha256.Sum256([]byte(j.Cell.ID))
	name = fmt.Sprintf("%.*s-%x", longest, name, sum[:4])

	results, err := os.OpenRoot(j.Results) // no link in it leads out
	if err != nil {
		return nil, fmt.Errorf("make a folder for the cell's files: %w", err)
	}
	defer results.Close()
	cell := filepath.Join(filesFolder, name)
	if err := results.MkdirAll(cell, 0o755); err != nil {
		return nil, fmt.Errorf("make a folder for the cell's files: %w", err)
	}

	for attempt := 1; ; attempt++ {
		folder := filepath.Join(cell, strconv.Itoa(attempt))
		err := results.Mkdir(folder, 0o755)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("make a folder for the cell's files: %w", err)
		}
		j.Files = filepath.ToSlash(folder)
		return results.Open(folder)
	}
}

// files is where a worker keeps files; nil keeps none.
type files struct{ root *os.Root }

// openFiles opens the worker's folder.
func openFiles(j *job.Job) (*files, error) {
	if j.Files == "" {
		return nil, nil
	}
	root, err := os.OpenRoot(filesPath)
	if err != nil {
		return nil, fmt.Errorf("open the folder for the cell's files: %w", err)
	}
	return &files{root}, nil
}

// create makes a file.
func (f *files) create(name string) (io.WriteCloser, error) {
	if f == nil {
		return discarded{io.Discard}, nil
	}
	file, err := f.root.Create(name)
	if err != nil {
		return nil, fmt.Errorf("keep %s with the results: %w", name, err)
	}
	return file, nil
}

// close lets go of the folder.
func (f *files) close() error {
	if f == nil {
		return nil
	}
	return f.root.Close()
}

// discarded keeps nothing.
type discarded struct{ io.Writer }

// Close implements io.Closer.
func (discarded) Close() error { return nil }

// remove removes a file.
func (f *files) remove(name string) error {
	if f == nil {
		return nil
	}
	return f.root.Remove(name)
}
