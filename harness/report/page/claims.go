package page

import (
	"fmt"
	"strings"

	"edgebed/harness/gate"
	"edgebed/harness/report/table"
)

// Claim is a sentence made checkable, with what the records say about it.
type Claim struct {
	// Name identifies the claim; Quotation is the sentence and Place where it
	// stands, for instance "Sec. 6.2".
	Name, Quotation, Place string
	// Note says how the words were made numbers.
	Note string
	// Verdict is "holds", "fails" or "undecided".
	Verdict string
	// Numbers say what the verdict rests on.
	Numbers string
}

// ClaimsOf makes claims of the page from judgements.
func ClaimsOf(judgements []gate.Judgement) []Claim {
	var list []Claim
	for _, j := range judgements {
		list = append(list, Claim{
			Name: j.Claim.Name, Quotation: j.Claim.Quote, Place: j.Claim.Place, Note: j.Claim.Note,
			Verdict: string(j.Outcome), Numbers: j.Detail,
		})
	}
	return list
}

// verdicts counts the claims by verdict.
func verdicts(claims []Claim) []table.Fact {
	var counts []table.Fact
	for _, v := range []string{"holds", "fails", "undecided"} {
		n := 0
		for _, c := range claims {
			if c.Verdict == v {
				n++
			}
		}
		if n > 1 { // "3 hold"
			v = strings.TrimSuffix(v, "s")
		}
		if n > 0 {
			counts = append(counts, table.Fact{Key: v, Value: fmt.Sprint(n)})
		}
	}
	return counts
}
