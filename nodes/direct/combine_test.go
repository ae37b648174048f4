package direct

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"edgebed/nodes/fuzztest"

	"pgregory.net/rapid"
)

func TestCombine(t *testing.T) {
	frame := func(body string) string { return `{"input":"` + body + `"}` }
	for _, tt := range []struct {
		name    string
		outputs []string
		want    string
	}{
		{"none", nil, ""},
		{"one", []string{"abc"}, "abc"},
		{"one framed", []string{frame("abc")}, frame("abc")},
		{"two", []string{"aaaa", "bbbb"}, "abab"},
		{"order", []string{"bbbb", "aaaa"}, "baba"},
		{"beginnings first", []string{"1234", "abcd"}, "1a2b"},
		{"the shorter begins again", []string{"12", "abcdefgh"}, "1a2b1c2d"},
		{"empty ones have nothing to show", []string{"", "abc", ""}, "abc"},
		{"framed", []string{frame("aaaa"), frame("bbbb"), frame("cccc")}, frame("abca")},
		{"framed, of different lengths", []string{frame("a"), frame("bbbbb")}, frame("ababa")},
		{"framed, empty", []string{frame(""), frame("")}, frame("")},
		{"one without frame", []string{frame("aa"), "bb"}, `{b"bibnbpbubtb`},
		{"letters of several bytes", []string{"éé", "aaaa"}, "?a?a"},
	} {
		if got := Combine(tt.outputs); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// Of outputs with letters of their own, each shows in the combination, which is
// as long as the longest and contains nothing else.
func TestCombineShowsAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		framed := rapid.Bool().Draw(t, "framed")
		n := rapid.IntRange(1, 20).Draw(t, "outputs")
		var outputs []string
		longest := 0
		for i := range n {
			o := strings.Repeat(string(rune('a'+i)), rapid.IntRange(n, 60).Draw(t, "length"))
			if framed {
				o = frameHead + o + frameTail
			}
			outputs = append(outputs, o)
			longest = max(longest, len(o))
		}
		got := Combine(outputs)
		if len(got) != longest {
			t.Fatalf("%d bytes, want %d", len(got), longest)
		}
		body, ok := strings.CutPrefix(got, frameHead)
		if ok != framed || strings.HasSuffix(body, frameTail) != framed {
			t.Fatalf("%q, framed %t", got, framed)
		}
		body = strings.TrimSuffix(body, frameTail)
		letters := []rune(body)
		slices.Sort(letters)
		letters = slices.Compact(letters)
		if len(letters) != n || letters[0] != 'a' || letters[n-1] != rune('a'+n-1) {
			t.Fatalf("%q shows %q, want the letters of all %d outputs", got, string(letters), n)
		}
		if again := Combine(slices.Repeat([]string{outputs[0]}, n)); again != outputs[0] {
			t.Fatalf("equal outputs %q give %q", outputs[0], again)
		}
	})
}

func FuzzCombine(f *testing.F) {
	f.Add("abc", "é", `{"input":"x"}`)
	f.Add(`{"input":"`, `"}`, `{"input":""}`)
	f.Fuzz(func(t *testing.T, a, b, c string) {
		fuzztest.Watch(t, time.Second)
		if !utf8.ValidString(a) || !utf8.ValidString(b) || !utf8.ValidString(c) {
			t.Skip("protobuf strings are valid UTF-8")
		}
		got := Combine([]string{a, b, c})
		if len(got) != max(len(a), len(b), len(c)) || !utf8.ValidString(got) {
			t.Errorf("%q of %q, %q, %q", got, a, b, c)
		}
	})
}
