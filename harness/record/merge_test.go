package record

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// cellLines are the records of one cell of two executions, the last of which took so long.
func cellLines(id, delay string) []string {
	return []string{
		`{"type":"cell","id":"` + id + `","executions":2}`,
		`{"type":"execution","cell":"` + id + `","index":0,"ok":true}`,
		`{"type":"execution","cell":"` + id + `","index":1,"ok":true,"delay_ns":` + delay + `}`,
		`{"type":"cell_end","cell":"` + id + `","ok":true}`,
	}
}

// part is a result folder of the campaign with the lines.
func part(t *testing.T, lines ...string) string {
	return folder(t, strings.Join(append([]string{campaignLine}, lines...), "\n")+"\n")
}

const campaignLine = `{"type":"campaign","version":2,"scenario":"s","profile":"p","scenario_sha256":"x","cells":2,"executions":4,` +
	`"axes":[{"name":"a","label":"A","values":["1"]}]}`

// TestMerge takes each cell from the part that has most of it, and every line as it is.
func TestMerge(t *testing.T) {
	a, b := cellLines("a", "5"), cellLines("b", "6")
	packed := t.TempDir()
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write([]byte(campaignLine + "\n" + strings.Join(b, "\n"))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(packed, FileName+".gz"), z.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}

	for name, tc := range map[string]struct {
		parts []string
		want  [][]string
	}{
		"two":                     {[]string{part(t, a...), part(t, b...)}, [][]string{a, b}},
		"a packed one":            {[]string{part(t, a...), packed}, [][]string{a, b}},
		"the same twice":          {[]string{part(t, a...), part(t, a...), part(t, b...)}, [][]string{a, b}},
		"complete later":          {[]string{part(t, a[:2]...), part(t, a...)}, [][]string{a}},
		"complete before":         {[]string{part(t, a...), part(t, a[:2]...)}, [][]string{a}},
		"nowhere complete":        {[]string{part(t, a[:3]...), part(t, a[:2]...)}, [][]string{a[:3]}},
		"the last line cut short": {[]string{folder(t, campaignLine+"\n"+a[0]+"\n"+a[1][:9]), part(t, b...)}, [][]string{a[:1], b}},
	} {
		out := filepath.Join(t.TempDir(), "out")
		r, err := Merge(out, tc.parts, MergeOptions{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(r.Cells) != len(tc.want) {
			t.Errorf("%s: %d cells, want %d", name, len(r.Cells), len(tc.want))
		}
		text, err := os.ReadFile(filepath.Join(out, FileName))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(string(text)) {
			if line != campaignLine+"\n" {
				got = append(got, line)
			}
		}
		var want []string
		for _, lines := range tc.want {
			want = append(want, strings.Join(lines, "\n")+"\n")
		}
		if strings.Join(got, "") != strings.Join(want, "") {
			t.Errorf("%s:\n%swant\n%s", name, strings.Join(got, ""), strings.Join(want, ""))
		}
	}
}

// TestMergeRefuses parts that do not fit together, and then writes nothing.
func TestMergeRefuses(t *testing.T) {
	a, b := cellLines("a", "5"), cellLines("b", "6")
	other := func(old, new string) string {
		line := strings.Replace(campaignLine, old, new, 1)
		if line == campaignLine {
			t.Fatalf("%s is not there", old)
		}
		return folder(t, line+"\n"+strings.Join(b, "\n")+"\n")
	}
	for name, tc := range map[string]struct {
		second, want string
	}{
		"another result":     {part(t, cellLines("a", "7")...), "both have results of cell a, and they differ"},
		"another scenario":   {other(`"s"`, `"t"`), "parts of different campaigns"},
		"another file":       {other(`"x"`, `"y"`), "parts of different campaigns"},
		"another profile":    {other(`"p"`, `"q"`), "parts of different campaigns"},
		"more cells":         {other(`"cells":2`, `"cells":3`), "parts of different campaigns"},
		"more executions":    {other(`"executions":4`, `"executions":5`), "parts of different campaigns"},
		"other axes":         {other(`["1"]`, `["2"]`), "parts of different campaigns"},
		"another network":    {other(`"p"`, `"p","network":"virtual"`), "--across-networks"},
		"none":               {t.TempDir(), "no such file"},
		"nothing but a cell": {folder(t, strings.Join(b, "\n")), "must be a campaign"},
	} {
		out := filepath.Join(t.TempDir(), "out")
		if _, err := Merge(out, []string{part(t, a...), tc.second}, MergeOptions{}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, tc.want)
		}
		if _, err := os.Stat(out); !os.IsNotExist(err) {
			t.Errorf("%s: the folder is there", name)
		}
	}

	r, err := Merge(filepath.Join(t.TempDir(), "out"), []string{part(t, a...), other(`"p"`, `"p","network":"virtual"`)},
		MergeOptions{AcrossNetworks: true})
	if err != nil || len(r.Cells) != 2 {
		t.Errorf("across networks: %v", err)
	}
	full := part(t, a...)
	if _, err := Merge(full, []string{part(t, a...), part(t, b...)}, MergeOptions{}); err == nil {
		t.Error("records were written over others")
	}
}
