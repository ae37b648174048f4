package report

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"edgebed/harness/golden"
	"edgebed/harness/record"
	"edgebed/harness/report/reporttest"
)

func TestGolden(t *testing.T) {
	dir := t.TempDir()
	files, _, err := Write(dir, reporttest.Synthesize(reporttest.Small()))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 7 { // no fig18: there is no rate of 100 Mb/s
		t.Errorf("files %q, want fig17 twice, the report twice and three tables", files)
	}
	for _, name := range []string{"fig17.svg", "report.md", "summary.csv"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		golden.Check(t, name, text)
	}
}

// TestWrite draws everything twice: the files are the same, well formed, of
// printable resolution, and named by what varies.
func TestWrite(t *testing.T) {
	r := reporttest.Synthesize(reporttest.Full())
	first, second := t.TempDir(), t.TempDir()
	files, _, err := Write(first, r)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Write(second, r); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		name := filepath.Base(f)
		names = append(names, name)
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := os.ReadFile(filepath.Join(second, name)); !bytes.Equal(text, again) {
			t.Errorf("%s differs when it is written again", name)
		}
		switch filepath.Ext(name) {
		case ".svg":
			d := xml.NewDecoder(bytes.NewReader(text))
			for err == nil {
				_, err = d.Token()
			}
			if err != io.EOF {
				t.Errorf("%s: %v", name, err)
			}
			if want := "(Variant: " + strings.TrimSuffix(name[strings.Index(name, "-")+1:], ".svg") + ")"; !strings.Contains(string(text), want) {
				t.Errorf("%s does not say %q", name, want)
			}
		case ".png":
			c, err := png.DecodeConfig(bytes.NewReader(text))
			if err != nil || c.Width < 1000 || c.Height < 700 {
				t.Errorf("%s: %d by %d, %v", name, c.Width, c.Height, err)
			}
		}
	}
	want := []string{"fig17-artifact.svg", "fig17-artifact.png", "fig17-text.svg", "fig17-text.png",
		"fig18-artifact.svg", "fig18-artifact.png", "fig18-text.svg", "fig18-text.png",
		"report.html", "report.md", "summary.csv", "executions.csv", "ports.csv"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// TestPartialRecords reports on what an interrupted campaign left.
func TestPartialRecords(t *testing.T) {
	r := reporttest.Synthesize(reporttest.Full())
	r.Cells = r.Cells[:50] // ends within a panel, a curve and a point
	last := &r.Cells[49]
	last.End, last.Executions = nil, last.Executions[:2]
	dir := t.TempDir()
	if _, _, err := Write(dir, r); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "report.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"336 planned, 50 started, 49 complete", "interrupted after 2 executions"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the report lacks %q", want)
		}
	}
}

func TestSummaryCSV(t *testing.T) {
	r := reporttest.Synthesize(reporttest.Small())
	var b bytes.Buffer
	if err := summaryCSV(&b, r); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if want := 1 + 2*2*2*len(record.Metrics); len(rows) != want {
		t.Fatalf("%d rows, want %d", len(rows), want)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	for _, row := range rows[1:] {
		if _, quantile := record.Quantiles[row[column["metric"]]]; quantile {
			continue // it has no quantiles, and of so few executions no interval
		}
		number := func(name string) float64 {
			v, err := strconv.ParseFloat(row[column[name]], 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		if mean := number("mean"); number("low") > mean || number("high") < mean || number("p50") > number("p95") || number("n") < 7 {
			t.Errorf("row %q is inconsistent", row)
		}
	}
}
