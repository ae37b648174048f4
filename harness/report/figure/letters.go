package figure

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/image/font/sfnt"
	plotfont "gonum.org/v1/plot/font"

	"edgebed/harness/escape"
)

// missing stands for a letter that the typeface lacks.
const missing = '□'

// Lacking returns the letters of a chart's texts that the typeface of PNG files
// lacks, each once, in their order.
func (c *Chart) Lacking() []rune {
	face := plotfont.DefaultCache.Lookup(textStyle(labelSize, ink).Font, labelSize)
	var buffer sfnt.Buffer
	var lacking []rune
	for _, text := range c.texts() {
		for _, r := range *text {
			glyph, err := face.Face.GlyphIndex(&buffer, r)
			if (err != nil || glyph == 0) && r >= ' ' && !slices.Contains(lacking, r) {
				lacking = append(lacking, r)
			}
		}
	}
	return lacking
}

// drawable returns the chart, or a copy without the letters that the typeface lacks
// and with a remark in its caption.
func (c *Chart) drawable() *Chart {
	lacking := c.Lacking()
	if len(lacking) == 0 {
		return c
	}

	copied := c.withTexts(func(text string) string {
		return strings.Map(func(r rune) rune {
			if slices.Contains(lacking, r) {
				return missing
			}
			return r
		}, text)
	})
	copied.Caption += fmt.Sprintf(" %c stands for letters that this file’s typeface lacks; %s.svg has them.", missing,
		c.Stem)
	return copied
}

// printable returns a copy of the chart whose texts have no control characters, which would
// be no XML, but show them.
func (c *Chart) printable() *Chart {
	return c.withTexts(func(text string) string {
		return strings.Map(func(r rune) rune {
			if r == '\ufffe' || r == '\uffff' { // no characters
				return unicode.ReplacementChar
			}
			return r
		}, escape.Terminal(strings.ToValidUTF8(text, string(unicode.ReplacementChar))))
	})
}

// withTexts returns a copy of the chart with other texts.
func (c *Chart) withTexts(change func(string) string) *Chart {
	copied := *c
	copied.Ticks, copied.Series, copied.Rows = slices.Clone(c.Ticks), slices.Clone(c.Series), slices.Clone(c.Rows)
	copied.Panels = slices.Clone(c.Panels)
	for i, p := range copied.Panels {
		if p != nil {
			titled := *p
			copied.Panels[i] = &titled
		}
	}
	for _, text := range copied.texts() {
		*text = change(*text)
	}
	return &copied
}

// texts are all texts of a chart.
func (c *Chart) texts() []*string {
	all := []*string{&c.Title, &c.Caption, &c.XTitle, &c.YTitle, &c.ZTitle, &c.SeriesTitle}
	for i := range c.Ticks {
		all = append(all, &c.Ticks[i])
	}
	for i := range c.Series {
		all = append(all, &c.Series[i])
	}
	for i := range c.Rows {
		all = append(all, &c.Rows[i])
	}
	for _, p := range c.Panels {
		if p != nil {
			all = append(all, &p.Title)
		}
	}
	return all
}
