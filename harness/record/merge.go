package record

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
)

// MergeOptions say what may differ between the parts of a campaign.
type MergeOptions struct {
	// AcrossNetworks lets parts of different networks be merged. Each cell's
	// settings say which made it.
	AcrossNetworks bool
}

// Merge writes the records of several result folders, the parts of one
// campaign, to a new folder: every line as it is, those of a cell from one folder
// only. Where several folders have a cell, one that completed it is taken; two
// that completed it with different results are an error, as are parts of
// different campaigns. It writes nothing unless all of them fit together.
//
// Parts of different networks are refused, too, unless the options say that
// the cells' settings are enough to tell them apart.
func Merge(out string, parts []string, o MergeOptions) (*Results, error) {
	from := map[string]int{} // cell to the part that it is taken from
	results := make([]*Results, len(parts))

	for i, dir := range parts {
		r, err := Read(dir)
		if err != nil {
			return nil, err
		}
		results[i] = r

		if a, b := results[0].Campaign, r.Campaign; !sameCampaign(a, b) {
			return nil, fmt.Errorf("merge %s and %s: they are parts of different campaigns: "+
				"%s, profile %s, %d cells (%.12s) and %s, profile %s, %d cells (%.12s)", parts[0], dir,
				a.Scenario, a.Profile, a.Cells, a.ScenarioSHA256, b.Scenario, b.Profile, b.Cells, b.ScenarioSHA256)
		}
		if a, b := results[0].Campaign.On(), r.Campaign.On(); a != b && !o.AcrossNetworks {
			return nil, fmt.Errorf("merge %s and %s: one is of the %s network, the other of the %s one; "+
				"merge them all the same with --across-networks", parts[0], dir, a, b)
		}

		for _, c := range r.Cells {
			first, ok := from[c.Cell.ID]
			if !ok {
				from[c.Cell.ID] = i
				continue
			}
			k := slices.IndexFunc(results[first].Cells, func(o CellResult) bool { return o.Cell.ID == c.Cell.ID })

			// Of two results of a cell the complete one counts.
			switch other := results[first].Cells[k]; {
			case !other.Complete() && c.Complete():
				from[c.Cell.ID] = i
			case other.Complete() && c.Complete() && !reflect.DeepEqual(other, c):
				return nil, fmt.Errorf("merge %s and %s: both have results of cell %s, and they differ; "+
					"leave one of them out", parts[first], dir, c.Cell.ID)
			}
		}
	}

	w, err := Create(out)
	if err != nil {
		return nil, err
	}

	for i, dir := range parts {
		err := eachLine(dir, func(line []byte) error {
			var head struct{ Type, ID, Cell string }
			if err := json.Unmarshal(line, &head); err != nil {
				return nil // the last line, cut short; Read has refused others
			}
			cell := head.Cell
			if head.Type == typeCell {
				cell = head.ID
			}

			if head.Type != typeCampaign && from[cell] != i {
				return nil
			}
			return w.append(append(line, '\n'))
		})
		if err != nil {
			return nil, w.withdraw(fmt.Errorf("merge %s: %w", dir, err))
		}
	}

	if err := w.Close(); err != nil {
		return nil, w.withdraw(fmt.Errorf("merge: %w", err))
	}
	return Read(out)
}

// withdraw takes half a merge away, which would pass for a campaign that was stopped and be in
// the way of the next try. It returns err with what fails of that.
func (w *Writer) withdraw(err error) error {
	_ = w.Close() // what was lost by it is removed
	return errors.Join(err, os.Remove(w.file.Name()))
}

func sameCampaign(a, b Campaign) bool {
	return a.Scenario == b.Scenario && a.ScenarioSHA256 == b.ScenarioSHA256 && a.Profile == b.Profile &&
		a.Cells == b.Cells && a.Executions == b.Executions && reflect.DeepEqual(a.Axes, b.Axes)
}

// eachLine calls do with each line of a folder's records, as scan reads them.
func eachLine(dir string, do func(line []byte) error) error {
	name := filepath.Join(dir, FileName)
	file, err := os.Open(name)
	zipped := errors.Is(err, fs.ErrNotExist)
	if zipped {
		file, err = os.Open(name + ".gz")
	}
	if err != nil {
		return err
	}
	defer file.Close()

	var r io.Reader = file
	if zipped {
		if r, err = gzip.NewReader(file); err != nil {
			return err
		}
	}

	return scan(r, func(_ int, line []byte, _ bool) error { return do(line) })
}
