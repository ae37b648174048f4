package reasons

import (
	"fmt"
	"slices"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

func TestMask(t *testing.T) {
	for in, want := range map[string]string{
		"call RunLambda 10.1.0.2@2 through router 10.1.0.1:6473: deadline": "call RunLambda … through router …: deadline",
		"no answer within 1m30.5s":                          "no answer within …",
		"no answer within 45ms":                             "no answer within …",
		"stream 5eedbeef01 of host12 was closed":            "stream … of host… was closed",
		"dial [fd00::1]:6473":                               "dial [fd…::…]:…",
		"拒绝":                                                "拒绝",
		"the computer's memory is full":                     "the computer's memory is full",
		"workflow 9a0b1c2d3e4f: exit status 2 after 3 runs": "workflow …: exit status … after … runs",
	} {
		if got := masked.ReplaceAllString(in, "…"); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

// TestGroups checks that nothing is lost in groups: counts add up, and what only differs
// in numbers is one group.
func TestGroups(t *testing.T) {
	var g Groups
	for k := range 500 {
		g.Add(fmt.Sprintf("no answer from 10.1.0.%d", k%250), Example{fmt.Sprint("cell", k/100), k})
	}
	g.Add("refused", Example{"cell0", 7})
	g.Add("refused", Example{"cell0", 8})

	all := g.List()
	if len(all) != 2 || all[0].Reason != "no answer from …" || all[0].Count != 500 || all[0].Cells != 5 ||
		!slices.Equal(all[0].First, []Example{{"cell0", 0}, {"cell0", 1}, {"cell0", 2}}) {
		t.Errorf("groups %+v", all[0])
	}
	if all[1].Reason != "refused" || all[1].Count != 2 || all[1].Cells != 1 {
		t.Errorf("reasons that are alike become %+v", all[1])
	}

	rapid.Check(t, func(t *rapid.T) {
		var g Groups
		texts := rapid.SliceOf(rapid.String()).Draw(t, "reasons")
		for k, text := range texts {
			g.Add(text, Example{"c", k})
		}
		sum := 0
		for _, group := range g.List() {
			sum += group.Count
		}
		if sum != len(texts) {
			t.Fatalf("%d of %d are in groups", sum, len(texts))
		}
		for _, r := range masked.ReplaceAllString(rapid.String().Draw(t, "text"), "…") {
			if r < 128 && unicode.IsDigit(r) {
				t.Fatalf("a digit is left")
			}
		}
	})
}
