package record

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Damage is one line of a record file that Read cannot use.
type Damage struct {
	// Line counts from 1.
	Line int
	// Why says what is wrong with it.
	Why string
}

// Examination is what Examine found in a result folder.
type Examination struct {
	// Lines is how many lines the record file has, blank ones left out.
	Lines int
	// Damage lists the lines to leave out, in their order. Without them the file is
	// sound, unless the campaign's own line is among Results.Altered: Repair keeps it, as
	// without it the others would be of no campaign.
	Damage []Damage
	// Results is what the other lines hold; nil where they hold no campaign, so that
	// nothing can be repaired.
	Results *Results

	dir string
}

// Examine reads the record file of the folder dir and goes on behind what is wrong:
// lines that do not parse, that are cut short, that were changed, or that contradict those
// before them, such as an execution after its cell's end. Where lines of a complete cell
// are lost, its end is to be left out as well: with it the cell would pass for complete,
// and resuming would not run it again. Packed records are refused.
func Examine(dir string) (*Examination, error) {
	name := filepath.Join(dir, FileName)
	file, err := open(name, os.O_RDONLY)
	if errors.Is(err, os.ErrNotExist) && packed(name) {
		err = packedError(name)
	}
	if err != nil {
		return nil, fmt.Errorf("examine records: %w", err)
	}
	defer file.Close()
	return examine(dir, file)
}

// String says in one line what the folder still holds.
func (x *Examination) String() string {
	if x.Results == nil {
		return fmt.Sprintf("%d lines, and no campaign", x.Lines)
	}
	executions := 0
	for _, c := range x.Results.Cells {
		for _, e := range c.Executions {
			if !e.WarmUp {
				executions++
			}
		}
	}
	damaged := len(x.Damage) + len(x.Results.Altered)
	c := x.Results.Campaign
	return fmt.Sprintf("%s, profile %s: %d of %d cells complete, %d of %d executions; %d of %d lines damaged",
		c.Scenario, c.Profile, len(x.Results.Complete()), c.Cells, executions, c.Executions, damaged, x.Lines)
}

// examine reads the file until nothing more is to be left out: without an end that
// is left out, lines behind it may mean something else.
func examine(dir string, file io.ReadSeeker) (*Examination, error) {
	for out := map[int]string{}; ; {
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return nil, fmt.Errorf("examine records: %w", err)
		}
		before := len(out)
		p, numbers, err := sift(file, out)
		if err != nil {
			return nil, fmt.Errorf("examine records in %s: %w", dir, err)
		}
		if len(out) > before {
			continue
		}

		x := &Examination{Lines: len(numbers), dir: dir}
		for _, n := range numbers {
			if why, ok := out[n]; ok {
				x.Damage = append(x.Damage, Damage{Line: n, Why: why})
			}
		}
		if x.Results, err = p.finish(); err != nil {
			x.Results = nil
		}
		return x, nil
	}
}

// changed is what is wrong with a line whose sum is not its own.
const changed = "changed after it was written: its sum is missing, or of another line"

// sift parses all lines but those that are out, adds to them what is wrong, and
// returns the numbers of all lines that are not blank.
func sift(r io.Reader, out map[int]string) (*parser, []int, error) {
	var numbers []int
	p := newParser(FileName)
	visit := func(number int, text []byte, whole bool) error {
		numbers = append(numbers, number)
		if _, ok := out[number]; ok {
			return nil
		}
		p.number = number
		if p.sums.altered(text) && json.Valid(text) {
			// Without its campaign the rest would be lost.
			if kind, _ := typeOf(text); p.results.Runs > 0 || kind != typeCampaign {
				out[number] = changed
				return nil
			}
			p.results.Altered = append(p.results.Altered, number)
		}

		switch err := p.line(text); {
		case err != nil && !whole && !json.Valid(text):
			out[number] = "cut short"
		case err != nil:
			out[number] = err.Error()
		}
		return nil
	}
	long := func(number int) error {
		numbers, out[number] = append(numbers, number), errLong.Error()
		return nil
	}
	if err := scanOver(r, visit, long); err != nil {
		return nil, nil, err
	}

	for _, a := range p.last {
		for ; a != nil; a = a.previous {
			made := a.Cell.Executions
			if load, ok := a.UnderLoad(); ok {
				made = load.Executions // how many there would be was not known before
			}
			if lost := made - len(a.indices); a.Complete() && lost > 0 {
				out[a.ended] = fmt.Sprintf("end of cell %q, of which %d of %d executions are lost: it is to run again",
					a.Cell.ID, lost, made)
			}
		}
	}
	return p, numbers, nil
}

// ErrLost is returned by Repair where no campaign is left to which records could
// belong.
var ErrLost = errors.New("no line says of which campaign the records are, so nothing can be repaired")

// Repair leaves the damaged lines out of the folder's record file. The file as it
// was is kept beside it, under the name that Repair returns; it is empty where there
// was no damage. It returns ErrBusy, wrapped, while a campaign writes to the folder,
// and ErrLost where nothing can be saved. What is killed halfway leaves the old file.
func Repair(dir string) (kept string, err error) {
	name := filepath.Join(dir, FileName)
	file, err := openToWrite(name, os.O_RDWR)
	if err != nil {
		return "", fmt.Errorf("repair records: %w", err)
	}
	defer file.Close()
	w := &Writer{file: file}
	if err := w.lock(); err != nil {
		return "", fmt.Errorf("repair %s: %w (wait for it to end)", name, err)
	}

	x, err := examine(dir, file)
	switch {
	case err != nil:
		return "", err
	case x.Results == nil:
		return "", fmt.Errorf("repair %s: %w", name, ErrLost)
	case len(x.Damage) == 0:
		return "", nil
	}

	if kept, err = x.replace(file); err != nil {
		return "", fmt.Errorf("repair %s: %w", name, err)
	}
	return kept, nil
}

// replace puts a file without the damaged lines in the place of file, and returns
// what the copy of the old one is called.
func (x *Examination) replace(file *os.File) (string, error) {
	kept, err := x.keep(file)
	if err != nil {
		return "", err
	}
	sound, err := os.CreateTemp(x.dir, ".records-*")
	if err != nil {
		return kept, err
	}
	defer os.Remove(sound.Name()) // once it has its name this removes nothing
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return kept, errors.Join(err, sound.Close())
	}

	out := map[int]bool{}
	for _, d := range x.Damage {
		out[d.Line] = true
	}
	buffer := bufio.NewWriterSize(sound, 1<<16)
	copied := func(number int, text []byte, _ bool) error {
		if out[number] {
			return nil
		}
		_, err := buffer.Write(append(text, '\n'))
		return err
	}
	err = scanOver(file, copied, func(int) error { return nil }) // which is damage
	info, statErr := file.Stat()
	if err := errors.Join(err, statErr, buffer.Flush()); err != nil {
		return kept, errors.Join(err, sound.Close())
	}
	if err := errors.Join(sound.Chmod(info.Mode().Perm()), sound.Sync(), sound.Close()); err != nil {
		return kept, err
	}
	return kept, os.Rename(sound.Name(), file.Name())
}

// keep copies the file to a name beside it that nothing has yet.
func (x *Examination) keep(file *os.File) (string, error) {
	for n := 1; ; n++ {
		name := filepath.Join(x.dir, fmt.Sprintf("records.damaged-%d.jsonl", n))
		to, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		_, err = file.Seek(0, io.SeekStart)
		if err == nil {
			_, err = io.Copy(to, file)
		}
		if err := errors.Join(err, to.Sync(), to.Close()); err != nil {
			// Half a copy is of no use, and may have filled the disk.
			return "", errors.Join(err, os.Remove(name))
		}
		return name, nil
	}
}
