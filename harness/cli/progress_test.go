package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"edgebed/harness/campaign"
	"edgebed/harness/record"
)

// TestNotesAreGrouped lets hundreds of executions fail for two reasons: the terminal shows
// the first of each and counts, and no reason reaches it as a command.
func TestNotesAreGrouped(t *testing.T) {
	var out bytes.Buffer
	v := newProgressView(&out)
	for k := range 400 {
		reason := fmt.Sprintf("call router 10.1.0.%d:6473: deadline exceeded\x1b[2J", k%200)
		if k%4 == 0 {
			reason = "refused"
		}
		v.show(campaign.Event{Type: campaign.ExecutionDone, Cell: fmt.Sprint("c", k/100),
			Execution: &record.Execution{Index: k, Reason: reason}})
	}
	v.show(campaign.Event{Type: campaign.CellEnded, Cell: "c9", Reason: "no room"})
	v.close()

	text := out.String()
	for want, times := range map[string]int{
		": refused": 4, "deadline exceeded": 4, "c9: no room; giving up\n": 1,
		"300 executions failed in 4 cells: call router …: deadline exceeded": 1,
		"100 executions failed in 4 cells: refused\n":                        1,
		"(more for this reason are counted, and not shown)":                  2,
	} {
		if got := strings.Count(text, want); got != times {
			t.Errorf("%q is said %d times, want %d", want, got, times)
		}
	}
	if strings.Contains(text, "\x1b") || strings.Count(text, "\n") > 15 {
		t.Errorf("the terminal gets %d lines:\n%q", strings.Count(text, "\n"), text)
	}
}
