package record

import (
	"fmt"
	"testing"
)

func TestDiffers(t *testing.T) {
	base := Campaign{Scenario: "s", Profile: "p", Decides: map[string]string{"a": "1", "b": "2", "c": "3"}}
	many := map[string]string{}
	for i := range 9 {
		many[fmt.Sprint("n", i)] = "x"
	}
	for _, tc := range []struct {
		now  Campaign
		want string
	}{
		{Campaign{Scenario: "t", Profile: "p"}, "the scenario was s and is t"},
		{Campaign{Scenario: "s", Profile: "q"}, "the profile was p and is q"},
		{Campaign{Scenario: "s", Profile: "p", Decides: map[string]string{"a": "1", "b": "4", "d": "5"}}, "b was 2 and is 4, c was 3 and is gone, d is new, 5"},
		{Campaign{Scenario: "s", Profile: "p", Decides: many}, "a was 1 and is gone, b was 2 and is gone, c was 3 and is gone, n0 is new, x, n1 is new, x, and 7 more"},
	} {
		if got := base.Differs(tc.now); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
	if got := (Campaign{Scenario: "s", Profile: "p"}).Differs(base); got != "the records are of an older edgebed, which did not note what" {
		t.Errorf("records without parts: %q", got)
	}
}
