package testbed

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"

	"edgebed/harness/job"
	"edgebed/harness/record"
)

// StopCapture ends a capture when all that came before is written. It returns how many
// frames came faster than they could be written.
type StopCapture func() (lost int64, err error)

// capture is the capture of a port during an execution.
type capture struct {
	port, name string
	file       io.WriteCloser
	blocks     *blocks
	stop       StopCapture
}

// capturer keeps frames of a cell's executions; nil keeps none.
type capturer struct {
	ports []string
	// kept are the names of the files of each execution, the oldest first.
	kept [][]string
}

// newCapturer returns what keeps the job's frames.
func newCapturer(j *job.Job) (*capturer, error) {
	ports, err := j.CapturePorts()
	if err != nil || len(ports) == 0 || j.Files == "" {
		return nil, err
	}
	return &capturer{ports: ports}, nil
}

// notInFile is what the name of a file does not have of a port's.
var notInFile = regexp.MustCompile(`[^A-Za-z0-9_.-]`)

// beginCaptures begins the captures of an execution, if it is to be captured.
func (s *setup) beginCaptures(index int, workload string) ([]*capture, error) {
	if !s.job.Captures(index) {
		return nil, nil
	}
	return s.capture(fmt.Sprintf("execution-%d", index), fmt.Sprintf("execution %d of workload %s", index, workload))
}

// capture begins captures of all ports that the scenario names, in files whose names
// begin with stem, of what the comment says.
func (s *setup) capture(stem, of string) (list []*capture, err error) {
	if s.capturer == nil {
		return nil, nil
	}
	defer func() {
		if err != nil {
			_, endErr := s.endCaptures(list)
			list, err = nil, errors.Join(err, endErr)
		}
	}()

	var names []string
	for k, port := range s.capturer.ports {
		name := fmt.Sprintf("%s-%s.pcapng", stem, port)
		if notInFile.MatchString(port) {
			name = fmt.Sprintf("%s-%s-%d.pcapng", stem, notInFile.ReplaceAllString(port, "_"), k)
		}
		c := &capture{port: port, name: name}
		if c.file, err = s.files.create(name); err != nil {
			return list, err
		}
		c.blocks = &blocks{w: c.file, left: int64(s.job.Cell.Capture.Size)}
		comment := fmt.Sprintf("cell %s, %s, port %s; inbound and outbound are the switch's", s.job.Cell.ID, of, port)
		if c.stop, err = s.network.Capture(port, c.blocks, comment); err != nil {
			return list, errors.Join(err, c.file.Close())
		}
		list, names = append(list, c), append(names, name)
	}

	s.capturer.kept = append(s.capturer.kept, names)
	if len(s.capturer.kept) > s.job.Cell.Capture.Files {
		for _, old := range s.capturer.kept[0] {
			if err := s.files.remove(old); err != nil {
				return list, err
			}
		}
		s.capturer.kept = s.capturer.kept[1:]
	}
	return list, nil
}

// endCaptures ends captures, and says what is in the files.
func (s *setup) endCaptures(list []*capture) ([]record.Capture, error) {
	var captured []record.Capture
	var errs []error
	for _, c := range list {
		lost, err := c.stop()
		errs = append(errs, err, c.file.Close())
		captured = append(captured, record.Capture{
			Port: c.port, File: c.name, Frames: c.blocks.frames, Bytes: c.blocks.bytes,
			Lost: lost, LeftOut: c.blocks.leftOut,
		})
	}
	return captured, errors.Join(errs...)
}

// blocks is a writer for pcapng that ends with a whole block when so much is written.
type blocks struct {
	w    io.Writer
	left int64
	rest []byte
	// frames and bytes are what came, leftOut are the frames that did not fit.
	frames, bytes, leftOut int64
}

// Of a block: where its size stands, the size of an empty one, and the type of those
// that hold a frame, with where they hold its length (pcapng, sec. 3.1 and 4.3).
const (
	blockSizeAt   = 4
	leastBlock    = 12
	packetBlock   = 6
	frameLengthAt = 24
)

// Write implements io.Writer.
func (b *blocks) Write(p []byte) (int, error) {
	b.rest = append(b.rest, p...)
	begin := 0
	for len(b.rest)-begin >= leastBlock {
		block := b.rest[begin:]
		size := int(binary.LittleEndian.Uint32(block[blockSizeAt:]))
		if size < leastBlock {
			return 0, fmt.Errorf("write a capture: a block has %d bytes", size)
		}
		if len(block) < size {
			break
		}
		if err := b.block(block[:size]); err != nil {
			return 0, err
		}
		begin += size
	}
	b.rest = append(b.rest[:0], b.rest[begin:]...)
	return len(p), nil
}

// block writes one block, unless there is no room for it or was none for one before.
func (b *blocks) block(block []byte) error {
	packet := binary.LittleEndian.Uint32(block) == packetBlock
	if packet {
		b.frames++
		b.bytes += int64(binary.LittleEndian.Uint32(block[frameLengthAt:]))
	}
	if b.left < int64(len(block)) {
		b.left = 0
		if packet {
			b.leftOut++
		}
		return nil
	}
	b.left -= int64(len(block))
	_, err := b.w.Write(block)
	return err
}

// captured keeps the frames of a cell under load, whose executions have none of their own,
// and looks whether its programs of others still run in the end.
func (s *setup) captured(end *record.CellEnd, run func() error) error {
	list, err := s.capture("cell", "all executions, which are under load")
	if err != nil {
		return err
	}
	err = run()
	captures, captureErr := s.endCaptures(list)
	end.Captures = captures
	if err == nil && s.programs != nil {
		err = s.programs.Failed()
	}
	return errors.Join(err, captureErr)
}
