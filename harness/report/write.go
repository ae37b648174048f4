package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"edgebed/harness/gate"
	"edgebed/harness/record"
	"edgebed/harness/report/figure"
	"edgebed/harness/report/page"
	"edgebed/harness/report/whole"
)

// Write writes everything that can be told from the records into dir: the
// figures, report.html with the verdicts on claims, report.md, summary.csv,
// executions.csv, ports.csv, and samples.csv where there are any. It returns the names of
// the files, and why figures show nothing, as those of a partial run or a small profile may.
// A figure that cannot be drawn does not keep the rest from being written; its error is part
// of the one returned.
func Write(dir string, r *record.Results) (files []string, missing []error, err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, nil, fmt.Errorf("write report: %w", err)
	}
	drawn := figure.Draw(r)
	files, missing, errs := renderAll(drawn, dir)

	checked := gate.Check(r, r.Campaign.Claims)
	checked.Result = filepath.Base(checked.Result) // the report goes where its folder goes
	type file struct {
		name  string
		write func(io.Writer) error
	}
	texts := []file{
		{"report.html", func(w io.Writer) error { return page.Write(w, r, drawn, page.JudgedOf(checked.Claims)) }},
		{"report.md", func(w io.Writer) error { return markdown(w, r, drawn, checked) }},
		{"summary.csv", func(w io.Writer) error { return summaryCSV(w, r) }},
		{"executions.csv", func(w io.Writer) error { return record.ExecutionsCSV(w, r) }},
		{"ports.csv", func(w io.Writer) error { return record.PortsCSV(w, r) }},
	}
	if r.HasSamples() {
		texts = append(texts, file{"samples.csv", func(w io.Writer) error { return record.SamplesCSV(w, r) }})
	}
	for _, f := range texts {
		name := filepath.Join(dir, f.name)
		if err := whole.Write(name, f.write); err != nil {
			errs = append(errs, fmt.Errorf("write report: %w", err))
			continue
		}
		files = append(files, name)
	}
	return files, missing, errors.Join(errs...)
}

// renderAll draws figures. It returns the names of the files, and apart from other errors
// those of figures that show nothing.
func renderAll(drawn []figure.Drawn, dir string) (files []string, missing, errs []error) {
	for _, d := range drawn {
		names, err := d.Render(dir)
		files = append(files, names...)
		if errors.Is(err, figure.ErrNoData) {
			missing = append(missing, err)
		} else {
			errs = append(errs, err)
		}
	}
	return files, missing, errs
}

// WriteComparison writes the comparison of two results into dir, which it makes where
// needed: the figures of the first one over both, and report.html. It returns the names
// of the files, and why figures show nothing. Results without a point in common give an
// error, and nothing is written.
func WriteComparison(dir string, a, b *record.Results) (files []string, missing []error, err error) {
	side := func(r *record.Results) page.Side {
		return page.Side{Results: r, Claims: page.JudgedOf(gate.Judge(r, r.Campaign.Claims))}
	}
	drawn := figure.NewTwo(a, b).Draw()
	var text bytes.Buffer
	if err := page.WriteComparison(&text, side(a), side(b), drawn); err != nil {
		return nil, nil, err
	}

	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, nil, fmt.Errorf("write comparison: %w", err)
	}
	files, missing, errs := renderAll(drawn, dir)

	file := filepath.Join(dir, "report.html")
	err = whole.Write(file, func(w io.Writer) error { _, err := text.WriteTo(w); return err })
	if err != nil {
		return files, missing, fmt.Errorf("write comparison: %w", err)
	}
	return append(files, file), missing, errors.Join(errs...)
}
