package record

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// ErrNoCampaign is returned by Read for a record file that ends before its
// first record does: its run was stopped before it began.
var ErrNoCampaign = errors.New("no campaign record")

// Results are the records of one campaign, grouped.
type Results struct {
	// Name of the file or stream that they came from.
	Name     string
	Campaign Campaign
	// Cells in the order in which they were first started.
	Cells []CellResult
	// Runs is 1 plus the number of times that the campaign was resumed.
	Runs int
	// Mixed says that one of them was on another machine or of another build.
	Mixed bool
	// Altered are the numbers of the lines, from 1, that do not say any more what was written.
	Altered []int
	// Warnings are oddities that do not make the records unusable, such as a
	// last line cut short by a killed run.
	Warnings []string
}

// CellResult is the attempt that counts of one cell: the last one that was
// completed and whose audit did not call it disturbed, or else the last one that
// was completed, or else the last one that was started.
type CellResult struct {
	Cell Cell
	// Executions of the attempt, warm-ups included, in the order in which they
	// were written.
	Executions []Execution
	// End is nil where the attempt was interrupted.
	End *CellEnd
	// Attempts is how often the cell was started.
	Attempts int
	// DisturbedAttempts is how many complete attempts were disturbed.
	DisturbedAttempts int
}

// Networks lists what made the links: one network, unless results of several were
// merged.
func (r *Results) Networks() []NetworkKind {
	list := []NetworkKind{r.Campaign.On()}
	for _, c := range r.Cells {
		if n := NetworkKind(c.Cell.Settings["network"]); n != "" && !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	return list
}

// Disturbed reports whether the cell's audit says so.
func (c CellResult) Disturbed() bool {
	return c.End != nil && c.End.Audit != nil && c.End.Audit.Verdict == Disturbed
}

// Complete reports whether every execution of the cell was made.
func (c CellResult) Complete() bool { return c.End != nil && c.End.OK }

// Stopped returns how many executions a stopped attempt made before its end, all
// of them undisturbed as far as was seen; 0 for any other attempt.
func (c CellResult) Stopped() int {
	made := 0
	if c.End != nil {
		return 0
	}
	for _, e := range c.Executions {
		switch {
		case e.WarmUp:
		case e.Index != made:
			return 0
		default:
			made++
		}
	}
	if n := len(c.Executions); n > 0 && len(c.Executions[n-1].Findings) > 0 {
		return 0
	}
	return made
}

// Coord returns the cell's value on an axis, and whether it has one.
func (c Cell) Coord(axis string) (Coord, bool) {
	for _, p := range c.Point {
		if p.Axis == axis {
			return p, true
		}
	}
	return Coord{}, false
}

// Complete returns the set of the identifiers of the complete cells.
func (r *Results) Complete() map[string]bool {
	done := make(map[string]bool)
	for _, c := range r.Cells {
		if c.Complete() {
			done[c.Cell.ID] = true
		}
	}
	return done
}

// Axis returns an axis of the campaign's matrix by its name.
func (r *Results) Axis(name string) (Axis, bool) {
	for _, a := range r.Campaign.Axes {
		if a.Name == name {
			return a, true
		}
	}
	return Axis{}, false
}

// Read reads the records of the result folder dir, from records.jsonl or, where
// there is none, from records.jsonl.gz. A last line cut short by a killed run
// is left out and mentioned in Warnings; anything else that is not a record is
// an error with file and line. Files of a newer schema are refused.
func Read(dir string) (*Results, error) {
	name := filepath.Join(dir, FileName)
	file, err := open(name, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		if zipped, zipErr := open(name+".gz", os.O_RDONLY); zipErr == nil {
			defer zipped.Close()
			return readZipped(name+".gz", zipped)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	defer file.Close()
	return ReadFrom(name, file)
}

// open opens a file that is there. What could keep its reader waiting, or has no end, such
// as a pipe or a device, is no file.
func open(name string, flags int) (*os.File, error) {
	file, err := os.OpenFile(name, flags|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file with records (its mode is %v)", name, info.Mode())
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func readZipped(name string, r io.Reader) (*Results, error) {
	plain, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("read records: unpack %s: %w", name, err)
	}
	defer plain.Close()
	return ReadFrom(name, plain)
}

// ReadFrom is Read for a stream; name is used in messages.
func ReadFrom(name string, r io.Reader) (*Results, error) {
	p := newParser(name)
	err := scan(r, func(number int, text []byte, whole bool) error {
		// A prefix of a JSON object is not valid JSON, so a line without its newline
		// is either complete or recognised as cut.
		if !whole && !json.Valid(text) {
			p.warn("%s:%d: the last line is cut short; a run was killed while it wrote it", name, number)
			return nil
		}
		if p.sums.altered(text) {
			p.results.Altered = append(p.results.Altered, number)
		}
		return p.line(text)
	})

	switch {
	case err != nil && p.results.Runs > 0 && strings.HasSuffix(name, ".gz"):
		return nil, fmt.Errorf("read records: %s:%w (unpack what is sound with zcat %s > %s, and edgebed fsck says "+
			"what can be saved)", name, err, filepath.Base(name), FileName)
	case err != nil && p.results.Runs > 0:
		return nil, fmt.Errorf("read records: %s:%w (edgebed fsck says what can be saved)", name, err)
	case err != nil:
		return nil, fmt.Errorf("read records: %s:%w", name, err)
	}
	return p.finish()
}

// scan calls visit for each line that is not blank, without spaces around it, until
// that returns an error. Lines are numbered from 1, and errors begin with the
// number. The last line is not whole where it does not end with a newline.
func scan(r io.Reader, visit func(number int, text []byte, whole bool) error) error {
	return scanOver(r, visit, func(int) error { return errLong })
}

// scanOver is scan that calls long for lines that are too long to be held, and goes on behind
// them unless that returns an error.
func scanOver(r io.Reader, visit func(number int, text []byte, whole bool) error, long func(number int) error) error {
	br := bufio.NewReaderSize(r, 1<<16)
	for number := 1; ; number++ {
		line, err := readLine(br)
		if errors.Is(err, errLong) {
			if err := long(number); err != nil {
				return fmt.Errorf("%d: %w", number, err)
			}
			line, err = nil, skipLine(br)
		}

		if number == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff")) // of an editor
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("%d: %w", number, err)
		}

		if text := bytes.TrimSpace(line); len(text) > 0 {
			if err := visit(number, text, err == nil); err != nil {
				return fmt.Errorf("%d: %w", number, err)
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

// longestLine bounds what is held of a file that need not be one of ours: packed, a line of
// gigabytes is short.
const longestLine = 64 << 20

// errLong says that a line is longer than that.
var errLong = fmt.Errorf("the line has more than %d MiB, which no record has", longestLine>>20)

// readLine reads up to the end of a line, and with it.
func readLine(br *bufio.Reader) (line []byte, err error) {
	for {
		part, err := br.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > longestLine {
			if err == nil {
				err = br.UnreadByte() // the newline ends what is skipped
			} else if err == bufio.ErrBufferFull || err == io.EOF {
				err = nil // as the next read says
			}
			return nil, errors.Join(errLong, err)
		}
		if err != bufio.ErrBufferFull {
			return line, err
		}
	}
}

// skipLine reads up to the end of a line, and keeps nothing of it.
func skipLine(br *bufio.Reader) error {
	for {
		if _, err := br.ReadSlice('\n'); err != bufio.ErrBufferFull {
			return err
		}
	}
}

// attempt is one start of a cell.
type attempt struct {
	CellResult
	previous *attempt
	indices  map[int]bool
	// ended is the number of the line with its end.
	ended int
	// stillborn attempts failed before they started.
	stillborn bool
}

// parser groups records as they are read.
type parser struct {
	results *Results
	// order lists the cells as they were first started, last the newest
	// attempt at each of them.
	order []string
	last  map[string]*attempt
	// names keeps one copy of each of the few strings that most records repeat.
	names map[string]string
	// number is that of the line being read, from 1; Examine alone needs it.
	number int
	sums   sums
}

func newParser(name string) *parser {
	return &parser{
		results: &Results{Name: name},
		last:    make(map[string]*attempt),
		names:   make(map[string]string),
	}
}

func (p *parser) warn(format string, args ...any) {
	p.results.Warnings = append(p.results.Warnings, fmt.Sprintf(format, args...))
}

// typeOf returns the type of a record. It looks for the form that Writer
// writes before it takes the long way, which parses the line a second time.
func typeOf(line []byte) (string, error) {
	if rest, ok := bytes.CutPrefix(line, []byte(`{"type":"`)); ok {
		if kind, _, ok := bytes.Cut(rest, []byte{'"'}); ok {
			return string(kind), nil
		}
	}
	var head struct {
		Type *string `json:"type"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return "", fmt.Errorf("parse record: %w", err)
	}
	if head.Type == nil {
		return "", errors.New(`parse record: it has no "type"`)
	}
	return *head.Type, nil
}

// line adds one record.
func (p *parser) line(line []byte) error {
	kind, err := typeOf(line)
	if err != nil {
		return err
	}
	if p.results.Runs == 0 && kind != typeCampaign {
		return fmt.Errorf("the first record must be a campaign, not %q", kind)
	}
	switch kind {
	case typeCampaign:
		return decode(line, kind, p.campaign)
	case typeCell:
		return decode(line, kind, p.cell)
	case typeExecution:
		return decode(line, kind, p.execution)
	case typeCellEnd:
		return decode(line, kind, p.cellEnd)
	default:
		return fmt.Errorf("unknown record type %q (expected %s, %s, %s or %s)",
			kind, typeCampaign, typeCell, typeExecution, typeCellEnd)
	}
}

func decode[T any](line []byte, kind string, add func(T) error) error {
	var v T
	if err := json.Unmarshal(line, &v); err != nil {
		return fmt.Errorf("parse %s record: %w", kind, err)
	}
	return add(v)
}

func (p *parser) campaign(c Campaign) error {
	if c.Version > Version {
		return fmt.Errorf("the records have version %d, this program reads up to %d "+
			"(use the program that wrote them, or a newer one)", c.Version, Version)
	}
	if c.Version < 1 {
		return fmt.Errorf("the campaign record has version %d, which never existed", c.Version)
	}

	if c.Cells < 0 || c.Executions < 0 {
		return fmt.Errorf("the campaign record has %d cells and %d executions", c.Cells, c.Executions)
	}
	names := map[string]bool{}
	for _, a := range c.Axes {
		if names[a.Name] {
			return fmt.Errorf("the campaign record has the axis %q twice", a.Name)
		}
		names[a.Name] = true
	}

	r := p.results
	if r.Runs == 0 {
		r.Runs, r.Campaign = 1, c
		return nil
	}

	// The file goes on: whoever resumed may have changed what may change, and no more.
	first := r.Campaign
	if c.ScenarioSHA256 != first.ScenarioSHA256 || c.Scenario != first.Scenario || c.Profile != first.Profile {
		return fmt.Errorf("the file mixes two campaigns: %s (%s, %.12s) and %s (%s, %.12s)",
			first.Scenario, first.Profile, first.ScenarioSHA256, c.Scenario, c.Profile, c.ScenarioSHA256)
	}
	r.Runs++
	// How results are shown may have changed since, and the latest counts.
	r.Campaign.Title, r.Campaign.Figures, r.Campaign.Claims = c.Title, c.Figures, c.Claims

	r.Mixed = r.Mixed || c.Machine != first.Machine || c.Tool != first.Tool
	if c.On() != first.On() {
		p.warn("some cells were made on the %s network, others on the %s one: each cell's settings say which",
			first.On(), c.On())
	}
	if c.Machine != first.Machine {
		p.warn("resumed on another machine: %s, %s, %d cores instead of %s, %s, %d cores",
			c.Machine.Kernel, c.Machine.CPU, c.Machine.Cores,
			first.Machine.Kernel, first.Machine.CPU, first.Machine.Cores)
	}

	// The fastest counts: what is longer was interrupted.
	ns := c.CalibrationNS
	if c.Machine == first.Machine && ns > 0 && (ns < first.CalibrationNS || first.CalibrationNS == 0) {
		r.Campaign.CalibrationNS = ns
	}

	if c.Tool != first.Tool {
		p.warn("resumed with another build: %s (%s) instead of %s (%s)",
			c.Tool.Version, c.Tool.Commit, first.Tool.Version, first.Tool.Commit)
	}

	return nil
}

func (p *parser) cell(c Cell) error {
	if c.ID == "" {
		return errors.New("the cell record has no id")
	}
	previous := p.last[c.ID]
	if c.First != 0 {
		if previous == nil || previous.End != nil || len(previous.indices) != c.First {
			return fmt.Errorf("cell %q goes on with execution %d, which is not where an attempt was stopped", c.ID,
				c.First)
		}
		return nil
	}
	if previous == nil {
		p.order = append(p.order, c.ID)
	}
	a := &attempt{CellResult: CellResult{Cell: c, Attempts: 1}, previous: previous, indices: make(map[int]bool)}
	if previous != nil {
		a.Attempts = previous.Attempts + 1
	}
	p.last[c.ID] = a
	return nil
}

// open returns the running attempt at a cell.
func (p *parser) open(id, kind string) (*attempt, error) {
	a := p.last[id]
	if a == nil {
		return nil, fmt.Errorf("%s of cell %q, which never started", kind, id)
	}
	if a.End != nil {
		return nil, fmt.Errorf("%s of cell %q, which had ended", kind, id)
	}
	return a, nil
}

func (p *parser) execution(e Execution) error {
	a, err := p.open(e.Cell, "execution")
	if err != nil {
		return err
	}
	if name, value := e.negative(); name != "" {
		return fmt.Errorf("execution %d of cell %q: %s is %d, and cannot be less than 0", e.Index, e.Cell, name, value)
	}
	if !e.WarmUp {
		if a.indices[e.Index] {
			return fmt.Errorf("execution %d of cell %q appears twice", e.Index, e.Cell)
		}
		a.indices[e.Index] = true
	}
	e.Cell, e.Workload, e.Reason = a.Cell.ID, p.share(e.Workload), p.share(e.Reason)
	if e.Arrival != nil {
		e.Arrival.Client = p.share(e.Arrival.Client)
	}
	for i := range e.Ports {
		e.Ports[i].Name = p.share(e.Ports[i].Name)
	}
	a.Executions = append(a.Executions, e)
	return nil
}

// negative names the first of the durations and counts below 0, which no edgebed
// writes and which would pull every mean down; empty where there is none.
func (e Execution) negative() (name string, value int64) {
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"delay_ns", e.DelayNS}, {"cycle_ns", e.CycleNS},
		{"switch_bytes", e.SwitchBytes}, {"switch_packets", e.SwitchPackets},
		{"trunk_bytes", e.TrunkBytes}, {"trunk_packets", e.TrunkPackets}, {"drops", e.Drops},
		{"retransmissions", e.Retransmissions}, {"active_opens", e.ActiveOpens},
	} {
		if n.value < 0 {
			return n.name, n.value
		}
	}
	if e.Arrival != nil && e.Arrival.WaitedNS < 0 {
		return "waited_ns", e.Arrival.WaitedNS
	}
	return "", 0
}

func (p *parser) share(s string) string {
	if kept, ok := p.names[s]; ok {
		return kept
	}
	p.names[s] = s
	return s
}

// cellEnd closes the running attempt. An end that says that the cell failed may
// also come alone: from an attempt that failed before it could start.
func (p *parser) cellEnd(e CellEnd) error {
	if e.Cell == "" {
		return errors.New("the cell_end record has no cell")
	}
	if a := p.last[e.Cell]; !e.OK && (a == nil || a.End != nil) {
		c := Cell{ID: e.Cell}
		if a != nil {
			c = a.Cell
		}
		if err := p.cell(c); err != nil {
			return err
		}
		p.last[e.Cell].stillborn = true
	}
	a, err := p.open(e.Cell, "end")
	if err != nil {
		return err
	}
	e.Cell = a.Cell.ID
	a.End, a.ended = &e, p.number
	return nil
}

// finish chooses the attempt that counts of each cell.
func (p *parser) finish() (*Results, error) {
	r := p.results
	if r.Runs == 0 {
		return nil, fmt.Errorf("read records: %s: %w (the run was stopped before it began; start it again)",
			r.Name, ErrNoCampaign)
	}
	if len(r.Altered) > 0 {
		r.Warnings = append(r.Warnings, alteredWarning(r.Name, r.Altered))
	}

	for _, id := range p.order {
		newest := p.last[id]

		var counts *attempt
		disturbed := 0

		// The newest complete attempt counts that was not disturbed, else the
		// newest complete one.
		for a := newest; a != nil; a = a.previous {
			if !a.Complete() {
				continue
			}
			if a.Disturbed() {
				disturbed++
			}
			if counts == nil || counts.Disturbed() && !a.Disturbed() {
				counts = a
			}
		}

		// None is complete: the newest that began tells most.
		if counts == nil {
			for counts = newest; counts.stillborn && counts.previous != nil; {
				counts = counts.previous
			}
		}

		result := counts.CellResult
		result.Attempts, result.DisturbedAttempts = newest.Attempts, disturbed
		if newest.stillborn && !result.Complete() {
			result.End = newest.End
		}
		r.Cells = append(r.Cells, result)
	}

	return r, nil
}
