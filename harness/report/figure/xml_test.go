package figure

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"edgebed/harness/report/reporttest"
)

// TestTextsOfFiles draws a figure whose texts have all that a file may hold: it is
// well-formed XML, and has one root.
func TestTextsOfFiles(t *testing.T) {
	const evil = "\x1b]0;pwn\a\x1b[31m</text><script>alert(1)</script>\x00\ufffe\u202e&\xff\r\n"
	r := reporttest.Synthesize(reporttest.Small())
	f := r.Campaign.Figures[0]
	f.Title = evil
	for i := range r.Campaign.Axes {
		r.Campaign.Axes[i].Label = evil
	}
	for i := range r.Cells {
		for k := range r.Cells[i].Cell.Point {
			r.Cells[i].Cell.Point[k].Label = evil + r.Cells[i].Cell.Point[k].Value
		}
	}

	dir := t.TempDir()
	if _, err := Render(r, f, dir); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.svg"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d figures, %v", len(files), err)
	}
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		for decoder := xml.NewDecoder(file); ; {
			token, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if start, ok := token.(xml.StartElement); ok && start.Name.Local == "script" {
				t.Errorf("%s has a script", name)
			}
		}
	}
}
