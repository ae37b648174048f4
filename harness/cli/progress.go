package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"edgebed/harness/campaign"
	"edgebed/harness/escape"
	"edgebed/harness/report/reasons"
)

// progressView shows a campaign's progress: a bar on a terminal, plain lines
// elsewhere.
type progressView struct {
	w    io.Writer
	bar  *progressbar.ProgressBar
	last time.Time
	// failed are the notes of each kind so far, of which the first are shown.
	failed [noteKinds]reasons.Groups
}

// shownNotes is how many notes of one reason are shown before they are only counted.
const shownNotes = 3

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
	if line := v.line(e); line != "" {
		if v.bar != nil {
			_ = v.bar.Clear()
		}
		fmt.Fprintln(v.w, escape.Terminal(line))
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

// noteKind is what a note is about.
type noteKind int

const (
	noNote noteKind = iota
	executionFailed
	cellFailed
	cellDisturbed
	cellAgain
	noteKinds
)

// noteOf says whether an event deserves a line of its own, and why it happened.
func noteOf(e campaign.Event) (kind noteKind, reason string) {
	switch {
	case e.Type == campaign.CellEnded && e.Reason == campaign.Interrupted: // the error says how to go on
	case e.Type == campaign.CellAgain:
		return cellAgain, e.Reason
	case e.Type == campaign.CellEnded && e.Reason != "" && e.OK:
		return cellDisturbed, e.Reason
	case e.Type == campaign.CellEnded && e.Reason != "":
		return cellFailed, e.Reason
	case e.Type == campaign.ExecutionDone && !e.Execution.OK:
		return executionFailed, e.Execution.Reason
	}
	return noNote, ""
}

// line is the line of an event, empty where it has none: many that failed for one reason
// are counted, and close says how many.
func (v *progressView) line(e campaign.Event) string {
	kind, reason := noteOf(e)
	if kind == noNote {
		return ""
	}
	about := reasons.Example{Cell: e.Cell}
	if kind == executionFailed {
		about.Execution = e.Execution.Index
	}
	group := v.failed[kind].Add(reason, about)
	if group.Count > shownNotes {
		return ""
	}

	text := ""
	switch kind {
	case executionFailed:
		text = fmt.Sprintf("%s: execution %d failed: %s", e.Cell, e.Execution.Index, reason)
	case cellFailed:
		text = fmt.Sprintf("%s: %s; giving up", e.Cell, reason)
	case cellDisturbed:
		text = fmt.Sprintf("%s: %s; stays marked as disturbed", e.Cell, reason)
	case cellAgain:
		text = fmt.Sprintf("%s: %s; running it again", e.Cell, reason)
	}
	if group.Count == shownNotes {
		text += " (more for this reason are counted, and not shown)"
	}
	return text
}

// counted are the kinds of notes in the words of the count at the end.
var counted = map[noteKind]string{
	executionFailed: "executions failed in %d cells",
	cellFailed:      "cells failed, %d different ones",
	cellDisturbed:   "cells stay marked as disturbed, %d different ones",
	cellAgain:       "times a cell was run again, %d different ones",
}

// mostCounts bounds the lines at the end.
const mostCounts = 20

// close ends the view: of what was only counted it says how often it happened.
func (v *progressView) close() {
	if v.bar != nil {
		_ = v.bar.Finish()
	}

	lines, more := 0, 0
	for kind := executionFailed; kind < noteKinds; kind++ {
		for _, g := range v.failed[kind].List() {
			switch {
			case g.Count <= shownNotes:
			case lines == mostCounts:
				more++
			default:
				lines++
				text := fmt.Sprintf("%d "+counted[kind]+": %s", g.Count, g.Cells, g.Reason)
				fmt.Fprintln(v.w, escape.Terminal(text))
			}
		}
	}
	if more > 0 {
		fmt.Fprintf(v.w, "and for %d more reasons\n", more)
	}
}
