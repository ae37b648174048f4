package figure

import (
	"fmt"
	"slices"
	"strings"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/report/table"
)

// setApart notes at which positions each of two results has no cell at all: a curve goes
// on to its next point there, since nothing is missing from it. What names along an axis
// lack of a result is said in the caption.
func (t Two) setApart(c *Chart) {
	lacks := func(groups []matrix.Point) (all [2][]bool, ok bool) {
		for _, g := range groups {
			if _, named := g.On(resultAxis); named {
				return all, false
			}
			for i, r := range t.results() {
				all[i] = append(all[i], len(g.Of(r.Cells)) == 0)
			}
		}
		return all, len(groups) > 0
	}
	apart, ok := lacks(c.groups)
	if !ok {
		return
	}

	for _, p := range c.Panels {
		if p == nil {
			continue
		}
		for s := range p.Points {
			none := make([]bool, len(c.groups))
			if i := t.resultOf(c, p, s); i >= 0 {
				none = apart[i]
			}
			p.apart = append(p.apart, none)
		}
	}
	if !c.Numeric {
		c.Caption += t.without(apart, c.Ticks)
	}
	if rows, ok := lacks(c.rowGroups); ok {
		c.Caption += t.without(rows, c.Rows)
	}
}

// resultOf says which result a series of a panel is of: 0 or 1, -1 for none alone.
func (t Two) resultOf(c *Chart, p *Panel, series int) int {
	switch level, ok := p.at.On(resultAxis); {
	case ok:
		return slices.Index(t.Names[:], level.Value())
	case c.Paired:
		return series % 2
	case series < len(c.SeriesValues):
		return slices.Index(t.Names[:], c.SeriesValues[series])
	}
	return -1
}

// without says which of the positions a result lacks.
func (t Two) without(apart [2][]bool, labels []string) string {
	text := ""
	for i, name := range t.Names {
		var lacking []string
		for k, none := range apart[i] {
			if none && k < len(labels) {
				lacking = append(lacking, strings.ReplaceAll(labels[k], "\n", ", "))
			}
		}
		if len(lacking) > 0 {
			text += fmt.Sprintf(" %s has no %s.", name, strings.Join(table.First(lacking, mostNamed), "; "))
		}
	}
	return text
}

// Comparable says whether cells of two results have values on the same axes, so that
// figures can show both.
func Comparable(a, b *record.Results) bool {
	axes := func(r *record.Results) map[string]bool {
		names := map[string]bool{}
		for _, c := range r.Cells {
			var list []string
			for _, x := range c.Cell.Point {
				list = append(list, x.Axis)
			}
			slices.Sort(list)
			names[strings.Join(list, "\x00")] = true
		}
		return names
	}

	inB := axes(b)
	for names := range axes(a) {
		if inB[names] {
			return true
		}
	}
	return false
}
