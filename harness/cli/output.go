package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"syscall"
)

// output is the standard output of all commands. After a write that failed it takes what
// follows and drops it, so that a campaign goes on without whoever read its events, and
// no command has to look: Run says at the end that the output is not whole.
type output struct {
	to io.Writer

	mu  sync.Mutex // a command that is interrupted may still be writing
	err error      // of the first write that failed
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		_, o.err = o.to.Write(p)
	}
	return len(p), nil
}

// failed returns why the output is not whole, nil where it is, or where its reader went
// away: whoever pipes into head wants no more.
func (o *output) failed() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil || errors.Is(o.err, syscall.EPIPE) || errors.Is(o.err, io.ErrClosedPipe) {
		return nil
	}
	err := o.err
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		err = at.Err // what the file is called says nothing
	}
	return fmt.Errorf("writing to standard output: %w", err)
}
