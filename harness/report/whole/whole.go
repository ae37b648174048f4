// Package whole writes files that are there whole or not at all. In goes a name and what
// writes the content; whoever writes results calls it.
package whole

import (
	"bufio"
	"errors"
	"io"
	"os"
)

// Write writes a file beside the one of that name and then puts it in its place:
// where the disk is full, or the process is ended half-way, the old one stays whole.
// What is left of such a try, NAME.part, is overwritten by the next one.
func Write(name string, write func(io.Writer) error) error {
	part := name + ".part"
	file, err := os.Create(part)
	if err != nil {
		return err
	}

	buffer := bufio.NewWriter(file)
	if err := errors.Join(write(buffer), buffer.Flush(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return os.Rename(part, name)
}
