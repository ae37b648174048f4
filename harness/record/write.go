package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// FileName is the name of the record file within a result folder.
const FileName = "records.jsonl"

// ErrExists is returned by Create where the folder has records already.
var ErrExists = errors.New("the folder has records already")

// ErrBusy is returned by Create and OpenAppend where another process is
// writing to the folder.
var ErrBusy = errors.New("another process is writing there")

// The values of a line's "type".
const (
	typeCampaign  = "campaign"
	typeCell      = "cell"
	typeExecution = "execution"
	typeCellEnd   = "cell_end"
)

// Writer appends records to a result folder. Its methods are safe for
// concurrent use. Each record is one line written by one system call, so that
// whatever is killed at any moment leaves all earlier records readable.
type Writer struct {
	mu   sync.Mutex
	file *os.File
	// size is what the file holds at least.
	size int64
	// failed is the first write error. A write that failed may have left part
	// of a line; appending after it would hide the damage in the middle of the
	// file, where a reader must refuse it.
	failed error
	// warning says that the file could not be locked.
	warning string
}

// Create makes the result folder dir where it does not exist, and a new record
// file in it. It returns ErrExists, wrapped, where there is one: records are
// never overwritten.
func Create(dir string) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("create result folder: %w", err)
	}
	for _, name := range []string{FileName, FileName + ".gz"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return nil, existsError(dir)
		}
	}
	file, err := os.OpenFile(filepath.Join(dir, FileName), os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return nil, existsError(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("create record file: %w", err)
	}
	w := &Writer{file: file}
	if err := w.lock(); err != nil {
		// An empty file would be in the way of the next run.
		return nil, errors.Join(fmt.Errorf("lock %s: %w", file.Name(), err), file.Close(), os.Remove(file.Name()))
	}
	return w, nil
}

// ErrGone is returned for a record whose file is no longer in the result folder:
// it was removed or replaced while the campaign ran.
var ErrGone = errors.New("the record file is no longer there; it was removed or replaced while the campaign ran")

// ErrCut is returned for a record whose file lost what had been written to it.
var ErrCut = errors.New("the record file was cut short while the campaign ran")

// lock takes the file, or, where its file system has no locks, warns.
func (w *Writer) lock() error {
	err := lock(w.file)
	if noLocks(err) {
		w.warning = fmt.Sprintf("%s cannot be locked on its file system (%v): see to it that no other run writes there",
			w.file.Name(), err)
		return nil
	}
	return err
}

// noLocks reports whether an error says that a file system has none, as NFS and 9p may.
func noLocks(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.ENOLCK)
}

// Warning says what the user should know about the folder; it is empty if all is well.
func (w *Writer) Warning() string { return w.warning }

// present tells whether what is written can still be found.
func (w *Writer) present() error {
	held, err := w.file.Stat()
	if err != nil {
		return err
	}
	named, err := os.Stat(w.file.Name())
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(held, named) {
		return fmt.Errorf("%s: %w", w.file.Name(), ErrGone)
	}
	if err == nil && held.Size() < w.size {
		return fmt.Errorf("%s: %w", w.file.Name(), ErrCut)
	}
	return err
}

func existsError(dir string) error {
	return fmt.Errorf("create records in %s: %w (choose another folder, or resume this one)", dir, ErrExists)
}

// OpenAppend opens the record file of an earlier run in dir, to go on with it.
// A last line that a killed run left unfinished is removed. It returns ErrBusy,
// wrapped, while another process is writing to the folder.
func OpenAppend(dir string) (*Writer, error) {
	name := filepath.Join(dir, FileName)
	file, err := openToWrite(name, os.O_RDWR|os.O_APPEND)
	if errors.Is(err, fs.ErrNotExist) && packed(name) {
		err = packedError(name)
	}
	if err != nil {
		return nil, fmt.Errorf("open records to resume: %w", err)
	}

	w := &Writer{file: file}
	if err := w.lock(); err != nil {
		file.Close()
		return nil, fmt.Errorf("open records in %s: %w (wait for it to end, or choose another folder)", dir, err)
	}

	if err := mendTail(file); err != nil {
		file.Close()
		return nil, fmt.Errorf("mend the last line of %s: %w", file.Name(), err)
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("open records in %s: %w", dir, err)
	}
	w.size = info.Size()
	return w, nil
}

// packed tells whether a record file is there packed.
func packed(name string) bool {
	_, err := os.Stat(name + ".gz")
	return err == nil
}

// packedError is of what nothing can be written to.
func packedError(name string) error {
	return fmt.Errorf("%s.gz is packed; unpack it first (zcat %[1]s.gz > %[1]s)", name)
}

// openToWrite opens a record file that is there. A symbolic link in its place is refused: it
// may lead to any file of the user's, the end of which would be mended.
func openToWrite(name string, flags int) (*os.File, error) {
	file, err := open(name, flags|noFollow)
	if errors.Is(err, syscall.ELOOP) {
		return nil, fmt.Errorf(
			"%s is a symbolic link, through which nothing is written: name the folder that it leads to", name)
	}
	return file, err
}

// mendTail makes the file end with a newline: a complete last record gets the
// missing one, an incomplete record is cut off.
func mendTail(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	tail, start, err := lastLine(file, info.Size())
	if err != nil || len(tail) == 0 {
		return err
	}
	if json.Valid(tail) {
		_, err = file.Write([]byte{'\n'})
		return err
	}
	return file.Truncate(start)
}

// lastLine returns what follows the last newline of the first size bytes of r,
// and the offset where that starts. It is empty where the file ends with a
// newline.
func lastLine(r io.ReaderAt, size int64) ([]byte, int64, error) {
	const step = 4096
	start := size
	for start > 0 {
		chunk := make([]byte, min(step, start))
		if _, err := r.ReadAt(chunk, start-int64(len(chunk))); err != nil {
			return nil, 0, err
		}
		start -= int64(len(chunk))
		if i := bytes.LastIndexByte(chunk, '\n'); i >= 0 {
			start += int64(i) + 1
			break
		}
	}
	tail := make([]byte, size-start)
	if len(tail) == 0 {
		return nil, start, nil
	}
	if _, err := r.ReadAt(tail, start); err != nil {
		return nil, 0, err
	}
	return tail, start, nil
}

// Campaign writes the first record of a file; a resumed run may write it again.
func (w *Writer) Campaign(c Campaign) error {
	return w.write(typeCampaign, struct {
		Type string `json:"type"`
		Campaign
	}{typeCampaign, c})
}

// Cell writes that an attempt at a cell starts.
func (w *Writer) Cell(c Cell) error {
	return w.write(typeCell, struct {
		Type string `json:"type"`
		Cell
	}{typeCell, c})
}

// Execution writes the result of one execution of a cell that has started.
func (w *Writer) Execution(e Execution) error { return w.write(typeExecution, executionLine(e)) }

// executionLine is an execution as its line has it.
func executionLine(e Execution) any {
	if e.Arrival != nil {
		return struct {
			Type string `json:"type"`
			withoutBytes
		}{typeExecution, withoutBytes{Execution: e}}
	}
	return struct {
		Type string `json:"type"`
		Execution
	}{typeExecution, e}
}

// CellEnd closes the running attempt at a cell and flushes the file to the
// disk, so that a finished cell survives a power failure as well.
func (w *Writer) CellEnd(c CellEnd) error {
	err := w.write(typeCellEnd, struct {
		Type string `json:"type"`
		CellEnd
	}{typeCellEnd, c})
	if err != nil {
		return err
	}
	if err := w.file.Sync(); err != nil {
		return fmt.Errorf("flush records: %w", err)
	}
	return nil
}

// Close flushes the file to the disk and closes it.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := errors.Join(w.file.Sync(), w.file.Close()); err != nil {
		return fmt.Errorf("close records: %w", err)
	}
	return nil
}

// write appends one line.
func (w *Writer) write(kind string, v any) error {
	var line bytes.Buffer
	enc := json.NewEncoder(&line) // its output ends with a newline
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode %s record: %w", kind, err)
	}
	if err := w.append(seal(line.Bytes())); err != nil {
		return fmt.Errorf("write %s record: %w", kind, err)
	}
	return nil
}

// append writes one line, which ends with a newline.
func (w *Writer) append(line []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed != nil {
		return fmt.Errorf("an earlier write failed: %w", w.failed)
	}
	if _, w.failed = w.file.Write(line); w.failed == nil {
		w.size += int64(len(line))
		w.failed = w.present()
	}
	return w.failed
}
