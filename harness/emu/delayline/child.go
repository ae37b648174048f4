package delayline

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// childMarker is the environment variable that makes MaybeMain take over, Mark with its value
// what the environment of a relay has.
const (
	childMarker = "EDGEBED_DELAYLINE_CHILD"
	Mark        = childMarker + "=1"
)

// firstSocket is the first file descriptor of the sockets in the child.
const firstSocket = 3

// The parent writes a setupMessage, as many lineMessages as it says, and then
// requests, each of which the child answers with a reply. The messages have
// fixed sizes, in the byte order of the machine.
type (
	setupMessage struct{ Lines uint32 }
	lineMessage  struct {
		AB, BA Params
		Seed   uint64
	}
	request struct {
		Op, Line uint32
		AB, BA   Params
	}
	// reply is followed by a LineStats for each line if the request asked.
	reply struct {
		Realtime bool
		CPU      time.Duration
	}
)

const (
	opSet uint32 = iota + 1
	opStats
)

// MaybeMain must be the first call in main, and in TestMain of tests that start
// relays. In the child process of a relay it takes over and never returns; in
// any other process it does nothing.
func MaybeMain() {
	if os.Getenv(childMarker) == "" {
		return
	}
	if err := childMain(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// childMain runs the relay until the control input ends.
func childMain(in io.Reader, out io.Writer) error {
	// A collection stops all threads. The lines do not allocate, and the little
	// garbage of the control loop may pile up for a long time.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(1 << 30)

	control := bufio.NewReader(in)
	var setup setupMessage
	if err := binary.Read(control, binary.NativeEndian, &setup); err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	// The threads of the lines keep their processor slots for good.
	runtime.GOMAXPROCS(int(setup.Lines) + 4)
	realtime := becomeRealtime()

	pumps := make([]*pump, setup.Lines)
	for i := range pumps {
		var m lineMessage
		if err := binary.Read(control, binary.NativeEndian, &m); err != nil {
			return fmt.Errorf("read configuration of line %d: %w", i, err)
		}
		p, err := newPump(firstSocket+2*i, firstSocket+2*i+1, m)
		if err != nil {
			return fmt.Errorf("set up line %d: %w", i, err)
		}
		pumps[i] = p
	}
	ready := make(chan error, len(pumps))
	for _, p := range pumps {
		go func() {
			runtime.LockOSThread()
			err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
			ready <- err
			if err == nil {
				p.run()
			}
		}()
	}
	for range pumps {
		if err := <-ready; err != nil {
			return fmt.Errorf("set timer slack: %w", err)
		}
	}
	return serve(control, out, pumps, realtime)
}

// serve answers requests until the control input ends.
func serve(control io.Reader, out io.Writer, pumps []*pump, realtime bool) error {
	answer := func(lines []LineStats) error {
		buf, err := binary.Append(nil, binary.NativeEndian, reply{Realtime: realtime, CPU: cpuTime()})
		if err == nil {
			buf, err = binary.Append(buf, binary.NativeEndian, lines)
		}
		if err == nil {
			_, err = out.Write(buf)
		}
		if err != nil {
			return fmt.Errorf("answer request: %w", err)
		}
		return nil
	}

	// The first answer, without a question, says that the relay is ready.
	if err := answer(nil); err != nil {
		return err
	}

	lines := make([]LineStats, len(pumps))
	for {
		var req request
		if err := binary.Read(control, binary.NativeEndian, &req); err != nil {
			if errors.Is(err, io.EOF) {
				closeSockets(pumps)
				return nil
			}
			return fmt.Errorf("read request: %w", err)
		}

		var payload []LineStats
		switch {
		case req.Op == opSet && req.Line < uint32(len(pumps)):
			p := pumps[req.Line]
			p.dirs[0].set(req.AB)
			p.dirs[1].set(req.BA)
		case req.Op == opStats:
			for i, p := range pumps {
				lines[i] = LineStats{AB: p.dirs[0].stats(), BA: p.dirs[1].stats()}
			}
			payload = lines
		default:
			return fmt.Errorf("read request: unknown operation %d on line %d", req.Op, req.Line)
		}

		if err := answer(payload); err != nil {
			return err
		}
	}
}

// closeSockets closes all sockets at the same time, before the process ends. The
// kernel waits for a grace period with each, and would close them one by one at
// the end of the process: 0.15 s for six lines.
func closeSockets(pumps []*pump) {
	for _, p := range pumps {
		for i := range p.dirs {
			// The end of the process waits for those that take long.
			go unix.Close(p.dirs[i].rx)
		}
	}
	runtime.Gosched()
}

// becomeRealtime puts all threads of the process, and so those that they will
// start, under SCHED_FIFO, and tells whether that was permitted. All of them,
// because the Go runtime now and then passes a locked goroutine through its
// other threads, which must not wait behind the machine's load either.
func becomeRealtime() bool {
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return false
	}
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 10}
	for _, e := range entries {
		tid, err := strconv.Atoi(e.Name())
		if err != nil {
			return false
		}
		// A thread may have ended since.
		if err := unix.SchedSetAttr(tid, &attr, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return false
		}
	}
	return true
}

// cpuTime returns the processor time of the process so far.
func cpuTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
