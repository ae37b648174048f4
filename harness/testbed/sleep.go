package testbed

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// kernelSleep is a cost.Sleep with the precision of the kernel's timer: Go's own
// is up to a millisecond late. A context that ends is noticed at the end: a node
// does not hurry because nobody waits for it any more.
func kernelSleep(ctx context.Context, d time.Duration) error {
	left := unix.NsecToTimespec(int64(d))
	for errors.Is(unix.Nanosleep(&left, &left), unix.EINTR) && ctx.Err() == nil {
	}
	return ctx.Err()
}
