package page

import (
	"fmt"
	"strings"

	"edgebed/harness/gate"
	"edgebed/harness/report/table"
)

// Judged is a claim: a sentence made checkable, with what the records say about it.
type Judged struct {
	// Name identifies the claim; Quotation is the sentence and Place where it
	// stands, for instance "Sec. 6.2".
	Name, Quotation, Place string
	// Note says how the words were made numbers.
	Note string
	// Outcome is "holds", "fails" or "undecided".
	Outcome string
	// Numbers say what the outcome rests on.
	Numbers string
}

// JudgedOf makes claims for the page of judgements.
func JudgedOf(judgements []gate.Judgement) []Judged {
	var list []Judged
	for _, j := range judgements {
		list = append(list, Judged{
			Name: j.Claim.Name, Quotation: j.Claim.Quote, Place: j.Claim.Place, Note: j.Claim.Note,
			Outcome: string(j.Outcome), Numbers: j.Detail,
		})
	}
	return list
}

// verdicts counts the claims by outcome.
func outcomes(claims []Judged) []table.Fact {
	var counts []table.Fact
	for _, v := range []string{"holds", "fails", "undecided"} {
		n := 0
		for _, c := range claims {
			if c.Outcome == v {
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
