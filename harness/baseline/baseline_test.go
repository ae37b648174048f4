package baseline

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"edgebed/harness/record"
	"edgebed/harness/report/reporttest"
)

// TestPublishedTables holds the tables of the repository against the records that
// they stand on.
func TestPublishedTables(t *testing.T) {
	root := filepath.Join("..", "..", "results", "baseline")
	if err := Check(root); err != nil {
		t.Error(err)
	}
	folders, err := filepath.Glob(filepath.Join(root, "*", record.FileName+".gz"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("no records in %s: %v", root, err)
	}
	for _, f := range folders {
		if info, err := os.Stat(f); err != nil || info.Size() > MostBytes {
			t.Errorf("%s has %d bytes, want at most %d (%v)", f, info.Size(), MostBytes, err)
		}
	}
}

// writeResult writes made-up results into a folder, slower by a factor, each cell taking
// so long.
func writeResult(t *testing.T, dir string, slower float64, each time.Duration) {
	t.Helper()
	w := reporttest.Small()
	w.FailEvery = 0
	r := reporttest.Synthesize(w)
	r.Campaign.Claims = []record.Claim{{Name: "faster", Place: "Sec. 0", Quote: "q", Kind: record.ClaimRatio, Metric: record.Delay,
		Series: "model", Of: []string{"pure-faas / state-local"}, AtLeast: 1}}
	out, err := record.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	errs := []error{out.Campaign(r.Campaign)}
	ended := r.Campaign.Started
	for _, c := range r.Cells {
		errs = append(errs, out.Cell(c.Cell))
		for _, e := range c.Executions {
			e.DelayNS = int64(float64(e.DelayNS) * slower)
			errs = append(errs, out.Execution(e))
		}
		ended = ended.Add(each)
		c.End.Ended = ended
		errs = append(errs, out.CellEnd(*c.End))
	}
	if err := errors.Join(append(errs, out.Close())...); err != nil {
		t.Fatal(err)
	}
}

const skeleton = `# Results

<!-- table claims -->
<!-- end -->

Between.

<!-- table side-by-side alone beside -->
an old table
<!-- end -->
`

// TestUpdate publishes two results with one command each, and changes one.
func TestUpdate(t *testing.T) {
	root, dir := t.TempDir(), t.TempDir()
	alone, beside := filepath.Join(dir, "alone"), filepath.Join(dir, "beside")
	writeResult(t, alone, 1, 10*time.Second)
	writeResult(t, beside, 1.5, time.Second)
	readme := filepath.Join(root, tableFile)

	if _, err := Update(alone, Options{Root: root, Reason: "first"}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(readme, []byte(skeleton), 0o666); err != nil {
		t.Fatal(err)
	}
	entry, err := Update(beside, Options{Root: root, Reason: "  also\n this ", Table: "claims"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(entry, ", beside: also this (exp400, profile test, commit 0123abc)\n") {
		t.Errorf("the log says %q", entry)
	}
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"<!-- table claims beside -->\n", "| `faster`, Sec. 0: “q” | **holds**", "\nBetween.\n",
		"|  | alone | beside |\n", "| time of all cells | 160 s | 16 s |\n", "| mean delay of a cell: median change |  | +50.0 % |\n",
		"Changes are relative to alone, in 16 cells with the same workloads.",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the tables lack %q:\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "an old table") {
		t.Error("the old table is still there")
	}
	if err := Check(root); err != nil {
		t.Errorf("just written, the tables differ: %v", err)
	}
	if changed, err := Tables(root); changed || err != nil {
		t.Errorf("written again, the tables change: %v, %v", changed, err)
	}

	// A number that somebody typed is found, with its line.
	if err := os.WriteFile(readme, []byte(strings.Replace(string(text), "160 s", "150 s", 1)), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := Check(root); err == nil || !strings.Contains(err.Error(), "README.md:19: the table differs") {
		t.Errorf("a changed number: %v", err)
	}
}

// TestUpdateErrors checks what cannot be a baseline, and that nothing is changed then.
func TestUpdateErrors(t *testing.T) {
	root, dir := t.TempDir(), filepath.Join(t.TempDir(), "r")
	writeResult(t, dir, 1, time.Second)
	var input *InputError
	if _, err := Update(dir, Options{Root: root, Reason: " "}); !errors.As(err, &input) {
		t.Errorf("without a reason: %v", err)
	}
	if _, err := Update(t.TempDir(), Options{Root: root, Reason: "r"}); !errors.As(err, &input) {
		t.Errorf("without records: %v", err)
	}
	if entries, _ := os.ReadDir(root); len(entries) > 0 {
		t.Errorf("errors left %v", entries)
	}
	if _, err := Update(dir, Options{Root: root, Reason: "r", Table: "claims"}); err == nil || !strings.Contains(err.Error(), "claims") {
		t.Errorf("without a table to be in: %v", err)
	}
}

// TestUpdateReplacesOnlyBaselines checks that no name of a result reaches beyond its own
// baseline: what stands there and is none stays.
func TestUpdateReplacesOnlyBaselines(t *testing.T) {
	root, results := t.TempDir(), t.TempDir()
	dir := filepath.Join(results, "r[1]")
	writeResult(t, dir, 1, time.Second)
	for _, name := range []string{
		filepath.Join(root, "notes", "mine"), filepath.Join(root, "other", packedFile), filepath.Join(dir, "f.svg"),
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("mine"), 0o666); err != nil {
			t.Fatal(err)
		}
	}

	var input *InputError
	for _, o := range []Options{
		{Root: root, Name: "."}, {Root: root, Name: ".."}, {Root: root, Name: "../x"}, {Root: root, Name: "notes"},
		{Root: root, Name: "a b"}, {Root: filepath.Dir(results), Name: filepath.Base(results)},
		{Root: results}, // r[1] itself, which is no name either
	} {
		o.Reason = "r"
		if _, err := Update(dir, o); !errors.As(err, &input) {
			t.Errorf("into %s of %s: %v", o.Name, o.Root, err)
		}
	}
	for _, name := range []string{filepath.Join(root, "notes", "mine"), filepath.Join(dir, record.FileName)} {
		if _, err := os.Stat(name); err != nil {
			t.Errorf("it is gone: %v", err)
		}
	}

	// A baseline is replaced, and a result with a name as of a pattern has its figures.
	if _, err := Update(dir, Options{Root: root, Name: "other", Reason: "r"}); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(root, "other", "f.svg")); string(text) != "mine" {
		t.Errorf("the figure has %q, %v", text, err)
	}

	// The folder that one stands in has its own name.
	here := filepath.Join(results, "here")
	if err := os.Rename(dir, here); err != nil {
		t.Fatal(err)
	}
	t.Chdir(here)
	if entry, err := Update(".", Options{Root: root, Reason: "r"}); err != nil || !strings.Contains(entry, ", here: r ") {
		t.Errorf("from within: %q, %v", entry, err)
	}
	if _, err := Update(here, Options{Root: results, Reason: "r"}); !errors.As(err, &input) {
		t.Errorf("onto itself: %v", err)
	}

	// What a link points to is not published.
	if err := os.Symlink(filepath.Join(root, "notes", "mine"), filepath.Join(here, "g.svg")); err != nil {
		t.Fatal(err)
	}
	if _, err := Update(here, Options{Root: root, Reason: "r"}); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("with a link: %v", err)
	}
	if _, err := os.Stat(filepath.Join(root, "here", packedFile)); err != nil {
		t.Errorf("the earlier baseline is gone: %v", err)
	}
}

func TestTableErrors(t *testing.T) {
	root := t.TempDir()
	writeResult(t, filepath.Join(root, "r"), 1, time.Second)
	for text, want := range map[string]string{
		"<!-- table claim r -->\n<!-- end -->\n":         `:1: unknown table "claim"; did you mean claims?`,
		"x\n<!-- table claims r -->\n":                   "has no end",
		"<!-- end -->\n":                                 ":1: <!-- end --> ends no table",
		"<!-- table claims gone -->\n<!-- end -->\n":     "gone",
		"<!-- table claims ../r -->\n<!-- end -->\n":     "no name of a folder",
		"<!-- table side-by-side r -->\n<!-- end -->\n":  "at least one other",
		"<!-- table claims r -->\n<!-- table claims -->": "has no end",
	} {
		if err := os.WriteFile(filepath.Join(root, tableFile), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Tables(root); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
