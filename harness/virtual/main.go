package virtual

import (
	"context"
	"fmt"
	"io"
	"math/rand"
	"os"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"edgebed/harness/job"
	"edgebed/harness/testbed"
)

// Streams returns the standard output and error of a program in virtual time. The
// runtime puts headers for the playground's playback before all that is written to
// the descriptors 1 and 2, so that these are others.
func Streams() (out, log *os.File, err error) {
	var files [2]*os.File
	for i, fd := range []int{unix.Stdout, unix.Stderr} {
		copied, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, unix.Stderr+1)
		if err != nil {
			return nil, nil, fmt.Errorf("open another descriptor for %d: %w", fd, err)
		}
		files[i] = os.NewFile(uintptr(copied), []string{"stdout", "stderr"}[i])
	}
	return files[0], files[1], nil
}

// Main is the worker: it reads a job from r, runs it, and writes its reports to w.
func Main(ctx context.Context, r io.Reader, w io.Writer) error {
	if err := CheckClock(); err != nil {
		return err
	}
	collectAtRest()
	return testbed.Serve(ctx, func(ctx context.Context, j *job.Job) (testbed.Network, error) {
		// Identifiers are the only thing that nodes draw without a seed of their own.
		uuid.SetRand(rand.New(rand.NewSource(int64(j.Cell.Seed))))
		return Build(ctx, j)
	}, r, w)
}
