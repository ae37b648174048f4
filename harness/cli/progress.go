package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"edgebed/harness/campaign"
)

// progressView shows a campaign's progress: a bar on a terminal, plain lines
// elsewhere.
type progressView struct {
	w    io.Writer
	bar  *progressbar.ProgressBar
	last time.Time
}

// plainEvery is the time between plain lines.
const plainEvery = 10 * time.Second

// barSteps is the bar's resolution.
const barSteps = 1000

func newProgressView(w io.Writer) *progressView {
	v := &progressView{w: w}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		v.bar = progressbar.NewOptions(barSteps,
			progressbar.OptionSetWriter(w), progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false))
	}
	return v
}

func (v *progressView) show(e campaign.Event) {
	if note := note(e); note != "" {
		if v.bar != nil {
			_ = v.bar.Clear()
		}
		fmt.Fprintln(v.w, note)
	}

	p := e.Progress
	line := fmt.Sprintf("%d/%d cells, %d/%d executions, %d running, %v",
		p.CellsDone, p.Cells, p.ExecutionsDone, p.Executions, p.Running, p.Elapsed.Round(time.Second))
	if p.ExecutionsFailed+p.CellsFailed > 0 {
		line += fmt.Sprintf(", %d executions and %d cells failed", p.ExecutionsFailed, p.CellsFailed)
	}
	if p.Faithful+p.Disturbed+p.Again > 0 {
		line += fmt.Sprintf(", %d faithful, %d disturbed, %d run again", p.Faithful, p.Disturbed, p.Again)
	}
	if p.Left > 0 {
		line += fmt.Sprintf(", about %v left", p.Left.Round(time.Second))
	}

	if v.bar != nil {
		v.bar.Describe(line)
		_ = v.bar.Set(int(p.Fraction * barSteps))
		return
	}
	if time.Since(v.last) >= plainEvery {
		v.last = time.Now()
		fmt.Fprintln(v.w, line)
	}
}

// note is what deserves a line of its own.
func note(e campaign.Event) string {
	switch {
	case e.Type == campaign.CellEnded && e.Reason == campaign.Interrupted: // the error says how to go on
	case e.Type == campaign.CellAgain:
		return fmt.Sprintf("%s: %s; running it again", e.Cell, e.Reason)
	case e.Type == campaign.CellEnded && e.Reason != "" && e.OK:
		return fmt.Sprintf("%s: %s; stays marked as disturbed", e.Cell, e.Reason)
	case e.Type == campaign.CellEnded && e.Reason != "":
		return fmt.Sprintf("%s: %s; giving up", e.Cell, e.Reason)
	case e.Type == campaign.ExecutionDone && !e.Execution.OK:
		return fmt.Sprintf("%s: execution %d failed: %s", e.Cell, e.Execution.Index, e.Execution.Reason)
	}
	return ""
}

func (v *progressView) close() {
	if v.bar != nil {
		_ = v.bar.Finish()
	}
}
