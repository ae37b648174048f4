package page

import (
	"fmt"
	"math"

	"edgebed/harness/report/figure"
	"edgebed/harness/report/table"
)

// mostPointed is how many executions of a panel a reader can point at; more than these
// are drawn only.
const mostPointed = 1500

// timeline draws the executions of a panel over what happened.
func (c *canvas) timeline(panel *figure.Panel) {
	c.events(panel)

	number := 0
	for _, spots := range panel.Spots {
		number += len(spots)
	}
	for i, spots := range panel.Spots {
		l := c.look(i)
		for k, s := range spots {
			symbol := func() { c.spot(l, s) }
			if number <= mostPointed {
				c.mark(l.class(), c.describeSpot(i, s), i, k, symbol)
				continue
			}
			c.Add(`<g class="%s" data-k="%d">`, l.class(), i)
			symbol()
			c.Add(`</g>`)
		}
	}
}

// events draws what happened.
func (c *canvas) events(panel *figure.Panel) {
	for k, m := range panel.Marks {
		left, right := c.across(m.From), c.right
		if !math.IsInf(m.To, 0) {
			right = math.Min(right, c.across(m.To))
		}
		if left > c.right {
			continue
		}
		c.mark("event", m.Words(), max(len(panel.Spots), len(panel.Points)), k, func() {
			c.Add(`<rect class="band" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`,
				left, c.top, math.Max(2, right-left), c.bottom-c.top)
		})
	}
}

// spot draws an execution: one that failed as a cross.
func (c *canvas) spot(l look, s figure.Spot) {
	x, y := c.across(s.At), c.inside(s.Delay)
	if s.Reason == "" {
		c.symbol(l, x, y, 3)
		return
	}
	c.Add(`<path class="line" d="M%.1f %.1fl7 7m0 -7l-7 7"/>`, x-3.5, y-3.5)
}

// describeSpot says what an execution was, and what became of it.
func (v view) describeSpot(series int, s figure.Spot) string {
	text := fmt.Sprintf("due at %.3f s", s.At)
	if series < len(v.Series) {
		text = v.Series[series] + ", " + text
	}
	if s.Reason != "" {
		return fmt.Sprintf("%s: failed after %s s: %s", text, table.FormatValue(s.Delay), s.Reason)
	}
	return text + ": " + table.FormatValue(s.Delay) + " s"
}
