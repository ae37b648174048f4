package yamlfile

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"
)

// TestText reads one text in the encodings that editors write.
func TestText(t *testing.T) {
	const want = "name: x\nother: é\n"
	little, big := []byte{}, []byte{}
	for _, u := range utf16.Encode([]rune(want)) {
		little = append(little, byte(u), byte(u>>8))
		big = append(big, byte(u>>8), byte(u))
	}
	for name, data := range map[string][]byte{
		"UTF-8": []byte(want), "UTF-8 with mark": append([]byte("\xef\xbb\xbf"), want...),
		"UTF-16LE": little, "UTF-16BE": big,
		"UTF-16LE with mark": append([]byte{0xff, 0xfe}, little...), "UTF-16BE with mark": append([]byte{0xfe, 0xff}, big...),
	} {
		if got, err := Text("f", data); err != nil || string(got) != want {
			t.Errorf("%s is %q, %v", name, got, err)
		}
	}
	for in, want := range map[string]string{
		"": "f:1:1: expected a document, got an empty file", "a\nb\xe9c": "f:2:2: expected UTF-8 text, got the byte 0xe9",
		"a\x01": "f:1:2: expected text, got the control character 0x01", strings.Repeat("a", MaxText+1): "f: expected at most 16 MB",
	} {
		if _, err := Text("f", []byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.10q: error %v, want %q", in, err, want)
		}
	}
}

// TestExplain checks where the caret stands: under wide characters, behind tabs, in
// long lines, and without letting a file write to the terminal.
func TestExplain(t *testing.T) {
	for _, tc := range []struct{ text, key, want string }{
		{"a: 1\nbb:  x\n", "bb", "     2 | bb:  x\n       |      ^"},
		{"bb: {迷你: 1, c: x}\n", "bb", "     1 | bb: {迷你: 1, c: x}\n       |     ^"},
		{"bb:\t\"\\e[31m\"\n", "bb", "     1 | bb: \"\\e[31m\"\n       |     ^"},
		{"a: " + strings.Repeat("y", 100) + "\n", "a", "     1 | a: " + strings.Repeat("y", 60) + "...\n       |    ^"},
	} {
		doc, err := Parse("f", []byte(tc.text))
		if err != nil {
			t.Fatal(err)
		}
		got := Explain(doc.Errorf(Path{tc.key}, "no\x1b[31m"))
		if _, excerpt, _ := strings.Cut(got, "\n"); excerpt != tc.want || strings.Contains(got, "\x1b") {
			t.Errorf("%q is explained as\n%s\nwant\n%s", tc.text, excerpt, tc.want)
		}
	}
	if got := Explain(fmt.Errorf("%w", errors.Join(errors.New("one"), errors.New("two")))); got != "one\ntwo" {
		t.Errorf("joined errors are explained as %q", got)
	}
}

// TestBeyond checks that what was reported is not reported again by a later check.
func TestBeyond(t *testing.T) {
	at := func(path string) error {
		return &Error{File: "f", Line: 1, Path: path, Err: errors.New("wrong " + path)}
	}
	got := Beyond(at("a.b"), errors.Join(at("a.b"), at("a.b[0]"), at("a"), at("a.c"), at("ab"), errors.New("plain")))
	var list []string
	for _, err := range Each(got) {
		list = append(list, err.Error())
	}
	if want := "f:1: a.b: wrong a.b|f:1: a.c: wrong a.c|f:1: ab: wrong ab|plain"; strings.Join(list, "|") != want {
		t.Errorf("got %s, want %s", strings.Join(list, "|"), want)
	}
}
