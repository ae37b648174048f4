package program

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"sync"
)

// Limits of what a program may say.
const (
	maxLine     = 64 << 10 // bytes of a sample
	maxDocument = 16 << 20 // bytes of a document or text
	largest     = 1e200    // of a sample: the sum of all that there can be is a number, too
)

// collector takes a program's samples.
type collector struct {
	quantities map[string]Quantity
	// patterns are those of a Text, by quantity.
	patterns map[string]*regexp.Regexp

	mu  sync.Mutex
	sum map[string]mean
	// wrong is the first line that was no sample, and odd how many there were.
	wrong error
	odd   int
}

// mean is a mean of samples before it is divided.
type mean struct {
	sum   float64
	count int
}

func newCollector(p *Program) *collector {
	c := &collector{quantities: map[string]Quantity{}, patterns: map[string]*regexp.Regexp{}, sum: map[string]mean{}}
	for name, q := range p.Quantities {
		if q.From == "" {
			q.From = name
		}
		if q.Times == 0 {
			q.Times = 1
		}
		c.quantities[name] = q
		if p.Samples == Text {
			c.patterns[name] = regexp.MustCompile(q.From) // Check has compiled it
		}
	}
	return c
}

// add takes a number of a quantity. It needs the lock.
func (c *collector) add(name string, value float64) {
	value *= c.quantities[name].Times
	if math.IsNaN(value) || math.Abs(value) > largest {
		return // a record could not hold the mean
	}
	m := c.sum[name]
	c.sum[name] = mean{m.sum + value, m.count + 1}
}

// object takes an object of JSON.
func (c *collector) object(text []byte) {
	var fields map[string]any
	err := json.Unmarshal(text, &fields)

	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.odd++
		if c.wrong == nil {
			c.wrong = fmt.Errorf("expected an object of JSON, got %.80q: %w", text, err)
		}
		return
	}
	for _, name := range slices.Sorted(maps.Keys(c.quantities)) {
		if value, ok := number(fields, c.quantities[name].From); ok {
			c.add(name, value)
		}
	}
}

// number returns the number of a name, whose parts are the names of objects in each
// other.
func number(fields map[string]any, name string) (float64, bool) {
	if value, ok := fields[name].(float64); ok {
		return value, true
	}
	for i := range name {
		if name[i] != '.' {
			continue
		}
		if inner, ok := fields[name[:i]].(map[string]any); ok {
			return number(inner, name[i+1:])
		}
	}
	return 0, false
}

// matches takes the numbers in a text.
func (c *collector) matches(text []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, pattern := range c.patterns {
		for _, m := range pattern.FindAllSubmatch(text, -1) {
			if value, err := strconv.ParseFloat(string(m[1]), 64); err == nil {
				c.add(name, value)
			}
		}
	}
}

// read takes the samples of a descriptor until its end.
func (c *collector) read(r io.Reader) {
	lines := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 {
			c.object(line)
		}
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
	}
}

// take returns the means of the quantities since it was last called, and forgets them.
func (c *collector) take() map[string]float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	means := map[string]float64{}
	for name, m := range c.sum {
		means[name] = m.sum / float64(m.count)
	}
	clear(c.sum)
	return means
}

// complaint says what of the samples was none, nil where all were.
func (c *collector) complaint() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.odd == 0 {
		return nil
	}
	return fmt.Errorf("%d of its samples are none, the first: %w", c.odd, c.wrong)
}

// stdout returns where a program's standard output goes for its samples, and what is to
// be done at its end; nil where they are not there.
func (c *collector) stdout(source Source) (w io.Writer, end func()) {
	switch source {
	case Stdout:
		return &lines{do: func(line []byte) {
			if bytes.HasPrefix(line, []byte("{")) {
				c.object(line)
			}
		}}, func() {}
	case Document, Text:
		whole := &bounded{left: maxDocument}
		return whole, func() {
			if source == Text {
				c.matches(whole.text.Bytes())
			} else if whole.text.Len() > 0 {
				c.object(whole.text.Bytes())
			}
		}
	}
	return nil, func() {}
}

// bounded keeps the beginning of what is written to it.
type bounded struct {
	text bytes.Buffer
	left int
}

// Write implements io.Writer; it never fails.
func (b *bounded) Write(p []byte) (int, error) {
	n := min(len(p), b.left)
	b.text.Write(p[:n])
	b.left -= n
	return len(p), nil
}

// lines hands on what is written to it line by line. Lines longer than maxLine are
// divided.
type lines struct {
	mu   sync.Mutex
	rest []byte
	do   func(line []byte)
}

// Write implements io.Writer; it never fails.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		end := bytes.IndexByte(l.rest, '\n')
		if end < 0 && len(l.rest) < maxLine {
			return len(p), nil
		}
		if end < 0 {
			end = len(l.rest)
		}
		l.do(bytes.TrimSpace(l.rest[:end]))
		l.rest = l.rest[min(end+1, len(l.rest)):]
	}
}
