package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"edgebed/harness/record"
	"edgebed/harness/report/reporttest"
)

// saved writes made-up results as a run does, and returns their folder.
func saved(t *testing.T, name string, w reporttest.Workload) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	out, err := record.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	r := reporttest.Synthesize(w)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(out.Campaign(r.Campaign))
	for _, c := range r.Cells {
		must(out.Cell(c.Cell))
		for _, e := range c.Executions {
			must(out.Execution(e))
		}
		must(out.CellEnd(*c.End))
	}
	must(out.Close())
	return dir
}

// TestReportFigures asks for figures by a file: what cannot be drawn is said with the
// reason and an exit code, and the rest is written.
func TestReportFigures(t *testing.T) {
	dir := saved(t, "a", reporttest.Small())
	nothing := reporttest.Small()
	nothing.FailEvery = 1
	failed := saved(t, "failed", nothing)
	for name, tc := range map[string]struct {
		figures string
		code    int
		want    string
	}{
		"drawn": {"[{name: own, title: T, kind: lines, metric: delay, x: rate, series: model}]", exitOK, ""},
		"all failed": {"[{name: own, title: T, kind: lines, metric: delay, x: rate, series: model}]", exitFailed,
			"figures of FILE could not be drawn (the rest is written): figure \"own\": no execution to show: all of 64 executions failed"},
		"empty":     {"[]", exitUsage, "figures"},
		"timeline":  {"[{name: own, title: T, kind: timeline, metric: delay, series: model}]", exitFailed, "load section"},
		"of a file": {"", exitOK, "not drawn: figure \"fig18\": no execution to show: no cell has rate = 100 Mb/s"},
	} {
		args := []string{"report", dir}
		if name == "all failed" {
			args[1] = failed
		}
		if tc.figures != "" {
			file := filepath.Join(t.TempDir(), "own.yaml")
			if err := os.WriteFile(file, []byte("figures: "+tc.figures+"\n"), 0o666); err != nil {
				t.Fatal(err)
			}
			args = append(args, "--figures", file)
			tc.want = strings.ReplaceAll(tc.want, "FILE", file)
		}

		var out, log bytes.Buffer
		if code := Run(t.Context(), args, &out, &log); code != tc.code || !strings.Contains(log.String(), tc.want) {
			t.Errorf("%s: exit code %d, want %d; it says\n%swant %q", name, code, tc.code, log.String(), tc.want)
		}
		if tc.code != exitUsage && !strings.Contains(out.String(), "report.html") {
			t.Errorf("%s: the report is not written: %s", name, out.String())
		}
	}
}

// TestReportOfOtherValues shows two results without a point in common.
func TestReportOfOtherValues(t *testing.T) {
	other := reporttest.Small()
	other.Rates = []string{"2", "20"}
	dirs := []string{saved(t, "a", reporttest.Small()), saved(t, "b", other)}
	to := filepath.Join(t.TempDir(), "both")
	var out, log bytes.Buffer
	if code := Run(t.Context(), []string{"report", dirs[0], dirs[1], "--out", to}, &out, &log); code != exitOK {
		t.Fatalf("exit code %d: %s", code, log.String())
	}
	page, err := os.ReadFile(filepath.Join(to, "report.html"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(page, []byte("no point in common")) || !strings.Contains(out.String(), "fig17.svg") {
		t.Errorf("the comparison lists %s", out.String())
	}

	log.Reset()
	if code := Run(t.Context(), []string{"report", dirs[0], dirs[1], "--out", dirs[1] + "/."}, &out, &log); code != exitUsage ||
		!strings.Contains(log.String(), "one of the folders that are compared") {
		t.Errorf("a comparison in the place of a report: exit code %d: %s", code, log.String())
	}
}

// TestHelpTeaches checks that help has examples where one is unsure.
func TestHelpTeaches(t *testing.T) {
	for _, args := range [][]string{{"report"}, {"compare"}, {"topo"}, {"topo", "show"}, {"topo", "check"}, {"topo", "draw"}, {"topo", "convert"}} {
		var out, log bytes.Buffer
		if code := Run(t.Context(), append(args, "--help"), &out, &log); code != exitOK || !strings.Contains(out.String(), "Examples:") {
			t.Errorf("%s --help gives no example:\n%s", strings.Join(args, " "), out.String())
		}
	}
}

// TestTopoConvert checks that what a form cannot hold is listed, and that directions that
// differ come back from Graphviz's.
func TestTopoConvert(t *testing.T) {
	dir := t.TempDir()
	file, dot := filepath.Join(dir, "odd.yaml"), filepath.Join(dir, "odd.dot")
	text := "name: odd\nmtu: 1400\nswitches: [a, b]\nhosts: [{name: h, switch: a}, {name: k, switch: b}]\n" +
		"links: [{between: [a, b], forward: {rate: 5 Mb/s, delay: 2 ms, duplicate: 1 %, gilbert-elliott: {p: 0.1, r: 0.3}}, " +
		"reverse: {rate: 1 Mb/s, delay: 2 ms, duplicate: 1 %, gilbert-elliott: {p: 0.1, r: 0.3}}}]\n"
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	var out, log bytes.Buffer
	if code := Run(t.Context(), []string{"topo", "convert", file, "--out", dot}, &out, &log); code != exitOK {
		t.Fatalf("exit code %d: %s", code, log.String())
	}
	for _, want := range []string{"addresses of hosts are left out", "gilbert-elliott (the mean loss is kept) of 2 directions of links: left out"} {
		if !strings.Contains(log.String(), "remark: ") || !strings.Contains(log.String(), want) {
			t.Errorf("no remark says %q:\n%s", want, log.String())
		}
	}
	if strings.Contains(log.String(), "MTU") {
		t.Errorf("DOT has MTUs, and a remark says\n%s", log.String())
	}

	out.Reset()
	if code := Run(t.Context(), []string{"topo", "show", dot}, &out, &log); code != exitOK ||
		!strings.Contains(out.String(), "5 Mb/s, 2ms, loss 0.25, duplicate 0.01") ||
		!strings.Contains(out.String(), "1 Mb/s, 2ms, loss 0.25, duplicate 0.01") {
		t.Errorf("exit code %d, and the directions come back as\n%s", code, out.String())
	}
}
