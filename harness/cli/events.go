package cli

import (
	"encoding/json"
	"io"

	"edgebed/harness/campaign"
	"edgebed/harness/record"
)

// eventStream writes a campaign's events as JSON lines. The help of run
// documents them. A reader that went away does not end the campaign.
type eventStream struct{ out *json.Encoder }

func newEventStream(w io.Writer, on bool) eventStream {
	if !on {
		w = io.Discard
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return eventStream{out}
}

func (s eventStream) begin(c record.Campaign, cells int, out string) {
	_ = s.out.Encode(struct {
		Event    string `json:"event"`
		Scenario string `json:"scenario"`
		Profile  string `json:"profile"`
		Out      string `json:"out"`
		Cells    int    `json:"cells"`
	}{"campaign", c.Scenario, c.Profile, out, cells})
}

func (s eventStream) pass(e campaign.Event) { _ = s.out.Encode(e) }

func (s eventStream) end(summary campaign.Summary, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	_ = s.out.Encode(struct {
		Event    string            `json:"event"`
		Failures map[string]string `json:"failures"`
		Error    string            `json:"error,omitempty"`
		Progress campaign.Progress `json:"progress"`
	}{"done", summary.Failures, text, summary.Progress})
}
