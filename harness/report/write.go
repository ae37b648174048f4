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
// executions.csv, ports.csv, and samples.csv where there are any. It returns the names of the files. A figure that
// cannot be drawn does not keep the rest from being written; its error is part of
// the one returned.
func Write(dir string, r *record.Results) ([]string, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("write report: %w", err)
	}
	var files []string
	var errs []error
	for _, f := range figure.Figures(r) {
		drawn, err := figure.Render(r, f, dir)
		files = append(files, drawn...)
		errs = append(errs, err)
	}

	checked := gate.Check(r, r.Campaign.Claims)
	checked.Result = filepath.Base(checked.Result) // the report goes where its folder goes
	type file struct {
		name  string
		write func(io.Writer) error
	}
	texts := []file{
		{"report.html", func(w io.Writer) error { return page.Write(w, r, page.JudgedOf(checked.Claims)) }},
		{"report.md", func(w io.Writer) error { return markdown(w, r, checked) }},
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
	return files, errors.Join(errs...)
}

// WriteComparison writes the comparison of two results into dir, which it makes where
// needed: the figures of the first one over both, and report.html. It returns the names
// of the files. Results without a point in common give an error, and nothing is written.
func WriteComparison(dir string, a, b *record.Results) ([]string, error) {
	side := func(r *record.Results) page.Side {
		return page.Side{Results: r, Claims: page.JudgedOf(gate.Judge(r, r.Campaign.Claims))}
	}
	var text bytes.Buffer
	if err := page.WriteComparison(&text, side(a), side(b)); err != nil {
		return nil, err
	}

	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("write comparison: %w", err)
	}
	var files []string
	var errs []error
	two := figure.NewTwo(a, b)
	for _, f := range two.Figures() {
		drawn, err := two.Render(f, dir)
		files, errs = append(files, drawn...), append(errs, err)
	}

	file := filepath.Join(dir, "report.html")
	err := whole.Write(file, func(w io.Writer) error { _, err := text.WriteTo(w); return err })
	if err != nil {
		return files, fmt.Errorf("write comparison: %w", err)
	}
	return append(files, file), errors.Join(errs...)
}
