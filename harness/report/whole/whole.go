// Package whole writes files that are there whole or not at all, and nowhere else: symbolic
// links are replaced, not followed. In goes a name and what writes the content; whoever
// writes results calls it.
package whole

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
)

// Write writes a file beside the one of that name and then puts it in its place:
// where the disk is full, or the process is ended half-way, the old one stays whole.
// What is left of such a try, NAME.part, is removed by the next one.
func Write(name string, write func(io.Writer) error) error {
	part := name + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}

	buffer := bufio.NewWriter(file)
	if err := errors.Join(write(buffer), buffer.Flush(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return os.Rename(part, name)
}
