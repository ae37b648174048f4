package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPagesAreCurrent fails where a type or a comment has changed and the
// reference has not.
func TestPagesAreCurrent(t *testing.T) {
	if err := run("../..", true); err != nil {
		t.Error(err)
	}
}

// TestRender describes a package of its own: keys, values of named types, one
// comment for two fields, and what is refused.
func TestRender(t *testing.T) {
	write := func(t *testing.T, text string) string {
		t.Helper()
		root := t.TempDir()
		if err := os.WriteFile(filepath.Join(root, "a.go"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return root
	}
	const good = "package a\n" +
		"// Mode is a mode.\ntype Mode string\n" +
		"const (\n\t// ModeFast: without Low or High.\n\tModeFast Mode = \"fast\"\n)\n" +
		"// T is read from a file.\ntype T struct {\n" +
		"\t// Low and High bound it; ModeFast ignores them | both.\n\tLow *int `yaml:\"low\" required:\"true\"`\n" +
		"\tHigh int `yaml:\"high-end\"`\n" +
		"\t// Mode of it.\n\tMode []Mode `yaml:\"mode\"`\n" +
		"\tHidden chan int `json:\"hidden\"`\n}\n"

	p := page{file: "x.md", intro: "# X", sections: []section{
		{title: "The file", folder: ".", of: "T"},
		{title: "Modes", folder: ".", of: "Mode", with: "T", only: []string{"fast"}},
	}}
	text, err := p.render(write(t, good))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| `low` | whole number | yes | `low` and `high-end` bound it; `fast` ignores them \\| both. |\n",
		"| `high-end` | whole number |  | See `low`. |\n",
		"| `mode` | list: `fast` |  | `mode` of it. |\n",
		"| `fast` | without `low` or `high-end`. |\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "idden") {
		t.Errorf("the page shows a field without a key:\n%s", text)
	}

	for _, bad := range []struct{ from, to, want string }{
		{"\t// Mode of it.\n", "", "field T.Mode in . has no comment"},
		{"*int", "*chan int", "does not know how a *ast.ChanType is written"},
		{"type T struct", "type U struct", "there is no struct T"},
		{`= "fast"`, `= "slow"`, `no constant of type "Mode" in . is "fast"`},
	} {
		_, err := p.render(write(t, strings.Replace(good, bad.from, bad.to, 1)))
		if err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("with %q for %q: got %v, want %q", bad.to, bad.from, err, bad.want)
		}
	}
}
