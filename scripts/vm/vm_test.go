package main

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"edgebed/harness/record"
)

// TestArchive reads an archive back as the kernel does: by the sizes in its
// headers, everything on a multiple of four bytes.
func TestArchive(t *testing.T) {
	var b bytes.Buffer
	a := &archive{w: &b}
	files := map[string]string{"init": "12345", "bin/x": "", "lib/a-b.ko": "abcdefgh"}
	for _, name := range []string{"init", "bin/x", "lib/a-b.ko"} {
		if err := a.add(name, cpioRegular|0o755, int64(len(files[name])), strings.NewReader(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.add("short", cpioRegular, 3, strings.NewReader("ab")); err == nil {
		t.Error("a file shorter than announced was taken")
	}
	b.Truncate(b.Len() &^ 3)
	for rest := b.Bytes(); len(files) > 0; {
		if len(rest) < 110 || string(rest[:6]) != "070701" {
			t.Fatalf("%d files are missing", len(files))
		}
		field := func(i int) int {
			v, err := strconv.ParseUint(string(rest[6+8*i:14+8*i]), 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			return int(v)
		}
		size, end := field(6), 110+field(11)
		name := string(rest[110 : end-1])
		start := (end + 3) &^ 3
		if want, ok := files[name]; !ok || string(rest[start:start+size]) != want || field(1) != cpioRegular|0o755 {
			t.Errorf("%s is %q, mode %o", name, rest[start:start+size], field(1))
		}
		delete(files, name)
		rest = rest[(start+size+3)&^3:]
	}
}

func TestExtractStaysInFolder(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range []string{"run/records.jsonl", "../outside"} {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: 2}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("hi")); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "results")
	if err := extract(&b, dir); err == nil {
		t.Error("a file outside the folder was taken")
	}
	if text, err := os.ReadFile(filepath.Join(dir, "run", "records.jsonl")); err != nil || string(text) != "hi" {
		t.Errorf("the file inside reads %q, %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "..", "outside")); err == nil {
		t.Error("a file was written outside the folder")
	}
}

// TestImageOf reads what apt-cache depends says of meta packages, kernels and others.
func TestImageOf(t *testing.T) {
	const kernel = "linux-image-6.12.1-cloud-amd64"
	for name, tc := range map[string]struct{ name, depends, want string }{
		"meta package":   {"linux-image-cloud-amd64", "linux-image-cloud-amd64\n  Depends: " + kernel + "\n", kernel},
		"kernel":         {kernel, kernel + "\n  Depends: kmod\n |Depends: initramfs-tools\n", kernel},
		"other package":  {"kmod", "kmod\n  Depends: libc6\n", ""},
		"only mentioned": {kernel, "<" + kernel + ">\n", ""},
		"unknown":        {kernel, "", ""},
	} {
		if got := imageOf(tc.name, tc.depends); got != tc.want {
			t.Errorf("%s: the kernel is in %q, want %q", name, got, tc.want)
		}
	}
}

// TestTranscript reads figures and failures from a console.
func TestTranscript(t *testing.T) {
	tr, s := transcript{figures: map[string]map[string]float64{}}, &stepLog{}
	for _, line := range []string{
		markStep + " begin benches", "--- PASS: TestA (0.1s)", "--- FAIL: TestB (0.1s)",
		"BenchmarkPing \t 1\t 625768753 ns/op\t 1.012 delay/asked", "BenchmarkPing is odd",
	} {
		tr.line(s, line, time.Second)
	}
	if s.passed != 1 || s.failed != 1 || tr.figures["benches"]["BenchmarkPing "+pingFigure] != 1.012 {
		t.Errorf("read %+v, %v", s, tr.figures)
	}
	if err := tr.links(func(string, string, bool, ...string) {}); err == nil {
		t.Error("a comparison without figures of both back ends passed")
	}
}

// TestAuditedLinks: only measured links without findings pass.
func TestAuditedLinks(t *testing.T) {
	audit := func(measured float64, check string) *record.CellEnd {
		a := &record.Audit{Measures: map[string]float64{"links-measured": measured}}
		if check != "" {
			a.Findings = []record.Finding{{Check: check, Where: "s0-s1", Value: -5, Limit: -2, Unit: "% off"}}
		}
		return &record.CellEnd{OK: true, Audit: a}
	}
	for name, tc := range map[string]struct {
		end  *record.CellEnd
		want bool
	}{
		"faithful": {audit(12, ""), true}, "busy machine": {audit(12, "timer-lag"), true}, "slow link": {audit(12, "link-rate"), false},
		"none measured": {audit(0, ""), false}, "no audit": {&record.CellEnd{OK: true}, false}, "interrupted": {nil, false},
	} {
		if text, ok := auditedLinks(record.CellResult{End: tc.end}); ok != tc.want {
			t.Errorf("%s: %v, %s", name, ok, text)
		}
	}
}
