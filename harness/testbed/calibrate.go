package testbed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"edgebed/harness/sandbox"
	"edgebed/harness/tail"
)

// calibrationCalls and calibrationRounds are the round trips of one round, and
// the rounds of which the fastest counts: others may have been interrupted. They
// are short and spread over a while, so that one of them meets the machine idle.
const (
	calibrationCalls  = 50
	calibrationRounds = 100
	calibrationPause  = 2 * time.Millisecond
	// A machine so busy that the rounds take longer than calibrationMost gets fewer,
	// and one that does not get through one in calibrationGiveUp gets none.
	calibrationMost   = 5 * time.Second
	calibrationGiveUp = time.Minute
)

// Calibrate returns how long this machine takes for a fixed piece of the work that
// nodes do: a round trip of 1 kB between two connected sockets on loopback, with
// its system calls, copies and wake-ups. It takes a quarter of a second. Where
// loopback is down, as it is at first in a network namespace of one's own, it is
// measured in a sandbox, whose loopback is up.
func Calibrate(ctx context.Context) (time.Duration, error) {
	took, err := RoundTrip(ctx)
	if !errors.Is(err, syscall.ENETUNREACH) {
		return took, err
	}

	cmd := sandbox.Command(ctx, sandbox.Options{}, CalibrateArg)
	log := tail.Writer{Max: logShown}
	cmd.Stderr = &log
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("calibrate on the loopback of a sandbox: %w%s", err, log.After("\n"))
	}
	return time.ParseDuration(strings.TrimSpace(string(out)))
}

// CalibrateArg is the argument with which Calibrate may start the calling program:
// its main must print what RoundTrip returns.
const CalibrateArg = "calibrate"

// RoundTrip is Calibrate on the loopback of the calling process.
func RoundTrip(ctx context.Context) (time.Duration, error) {
	fail := func(err error) (time.Duration, error) { return 0, fmt.Errorf("calibrate on loopback: %w", err) }

	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fail(err)
	}
	defer listener.Close()

	go func() { // ends when the other side closes
		conn, err := listener.Accept()
		if err == nil {
			io.Copy(onlyWriter{conn}, conn)
			conn.Close()
		}
	}()

	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", listener.Addr().String())
	if err != nil {
		return fail(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(calibrationGiveUp)); err != nil {
		return fail(err)
	}

	message := make([]byte, 1000)
	var best time.Duration
	began := time.Now()
	for round := range calibrationRounds {
		if round > 0 && time.Since(began) > calibrationMost {
			break
		}
		time.Sleep(calibrationPause)
		start := time.Now()
		for range calibrationCalls {
			if _, err := conn.Write(message); err != nil {
				return fail(err)
			}
			if _, err := io.ReadFull(conn, message); err != nil {
				return fail(err)
			}
		}

		if took := time.Since(start) / calibrationCalls; round == 0 || took < best {
			best = took
		}
	}

	return best, nil
}

// onlyWriter hides that a connection can splice: the copy is part of the work.
type onlyWriter struct{ io.Writer }
