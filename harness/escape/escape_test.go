package escape

import (
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

func TestMarkdown(t *testing.T) {
	for in, want := range map[string]string{
		"a|b\n<i> x < y *s* a_b `c`": `a\|b &lt;i> x < y \*s\* a\_b 'c'`,
		"[click](http://x.example)":  `[click\](http://x.example)`,
		"1.5 [1.2, 1.8], wanted > 1": "1.5 [1.2, 1.8], wanted > 1",
		"&lt;b> & more":              "&amp;lt;b> & more",
		"~~gone~~":                   `\~\~gone\~\~`,
		"\x1b[31mred":                `\\x1b[31mred`,
		`a\|b`:                       `a\\\|b`,
		"StateLocal < PureFaaS":      "StateLocal < PureFaaS",
	} {
		if got := Markdown(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		got := Markdown(rapid.String().Draw(t, "text"))
		if strings.ContainsAny(got, "\n\r`") || strings.Contains(got, "](") {
			t.Fatalf("%q leaves its line or is a link", got)
		}
		if strings.Contains(strings.NewReplacer(`\\`, "", `\|`, "").Replace(got), "|") {
			t.Fatalf("%q leaves its cell", got)
		}
	})
}

func TestCode(t *testing.T) {
	if got, want := Code("a_b`|c\n*d*"), `a_b'\|c *d*`; got != want {
		t.Errorf("code becomes %s, want %s", got, want)
	}
}

func TestCSV(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "10 Mb/s": "10 Mb/s", "-5": "-5", "+1.5e3": "+1.5e3",
		"=1+1": "'=1+1", "@SUM(A1)": "'@SUM(A1)", "-cmd|x": "'-cmd|x", "+x": "'+x", "\tx": "'\tx",
		" =1+1": "' =1+1", "\ufeff@x": "'\ufeff@x", "\n=x": "'\n=x", "＝1+1": "'＝1+1", " 延迟": " 延迟", "\xff": "\xff",
		"a\x1b[31mb\nc": `a\x1b[31mb` + "\nc", "\u202e=x": `\u202e=x`,
	} {
		if got := CSV(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	if got := CSVRow([]string{"=a", "b"}); got[0] != "'=a" || got[1] != "b" {
		t.Errorf("a row becomes %q", got)
	}
}

func TestTerminal(t *testing.T) {
	for in, want := range map[string]string{
		"plain 延迟":            "plain 延迟",
		"a\tb\n":              "a\tb\n",
		"\x1b]0;title\x07":    `\x1b]0;title\a`,
		"over\rwritten":       `over\rwritten`,
		"\u202Egnp.exe\u009b": `\u202egnp.exe\u009b`,
	} {
		if got := Terminal(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		for _, r := range Terminal(rapid.String().Draw(t, "text")) {
			if unicode.IsControl(r) && r != '\n' && r != '\t' {
				t.Fatalf("a control character %U is left", r)
			}
		}
	})
}
