package cli

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
)

// grace is how long an interrupted command may take to end where it holds nothing.
const grace = 300 * time.Millisecond

// holdsKey is the context's key for the number of holds on a command.
type holdsKey struct{}

// hold makes an interrupted command wait until release is called: it runs something
// that must be ended in order, and that the context ends.
func hold(ctx context.Context) (release func()) {
	holds, ok := ctx.Value(holdsKey{}).(*atomic.Int32)
	if !ok {
		return func() {}
	}
	holds.Add(1)
	var released atomic.Bool
	return func() {
		if released.CompareAndSwap(false, true) {
			holds.Add(-1)
		}
	}
}

// execute runs the command. When the context ends it waits for the command only
// while something holds it: reading, planning and drawing do not look at the
// context, and leave nothing behind when the process ends under them.
//
// It returns the command that was found: the root where there is none of the name,
// nil where that was not waited for.
func execute(ctx context.Context, root *cobra.Command) (*cobra.Command, error) {
	type outcome struct {
		cmd *cobra.Command
		err error
	}
	var holds atomic.Int32
	done := make(chan outcome, 1)
	go func() {
		cmd, err := root.ExecuteContextC(context.WithValue(ctx, holdsKey{}, &holds))
		done <- outcome{cmd, err}
	}()

	select {
	case o := <-done:
		return o.cmd, o.err
	case <-ctx.Done():
	}

	for {
		select {
		case o := <-done:
			return o.cmd, o.err
		case <-time.After(grace):
			if holds.Load() == 0 {
				return nil, &exitError{exitInterrupted, errors.New("interrupted")}
			}
		}
	}
}
