package shell

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"edgebed/harness/emu"
)

// capture is a capture that is under way.
type capture struct {
	*emu.Capture
	file *os.File
}

func (s *Shell) capture(_ context.Context, args []string) error {
	if len(args) != 2 {
		return usageError("capture")
	}
	port, file := args[0], args[1]

	if file == "stop" {
		return s.stopCapture(port)
	}
	if _, ok := s.captures[port]; ok {
		return fmt.Errorf("capture %s: it is being captured already (capture %s stop)", port, port)
	}

	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("capture %s: %w", port, err)
	}
	c, err := s.network.Capture(port, f)
	if err != nil {
		return errors.Join(err, f.Close(), os.Remove(file))
	}
	s.captures[port] = &capture{c, f}
	fmt.Fprintf(s.out, "capturing %s to %s until \"capture %s stop\"\n", port, file, port)

	return nil
}

func (s *Shell) stopCapture(port string) error {
	c, ok := s.captures[port]
	if !ok {
		return fmt.Errorf("capture %s: it is not being captured", port)
	}
	delete(s.captures, port)

	stats, err := c.Stop()
	fmt.Fprintf(s.out,
		"%s: %d packets, %d B, %d lost, in %s\n", port, stats.Packets, stats.Bytes, stats.Lost, c.file.Name())

	return errors.Join(err, c.file.Close())
}

// stopCaptures ends all captures, so that their files are whole.
func (s *Shell) stopCaptures() error {
	var errs []error
	for _, port := range slices.Sorted(maps.Keys(s.captures)) {
		errs = append(errs, s.stopCapture(port))
	}

	return errors.Join(errs...)
}
