package view

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strconv"
	"time"
	"unicode/utf8"

	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// Pair is the way from one host to another.
type Pair struct {
	From string `json:"from"`
	To   string `json:"to"`
	// Hops are the links between switches on the way.
	Hops int `json:"hops"`
	// Delay is the propagation one way, access links included, in nanoseconds in JSON.
	Delay time.Duration `json:"delay_ns"`
	// Bottleneck is the rate of the slowest link on the way, in b/s in JSON; 0 where
	// none is shaped.
	Bottleneck units.Rate `json:"-"`
	// Path are the switches on the way.
	Path []string `json:"path"`
}

// MarshalJSON writes rates as plain numbers.
func (p Pair) MarshalJSON() ([]byte, error) {
	type plain Pair

	return json.Marshal(struct {
		plain
		Bottleneck int64 `json:"bottleneck_bps"`
	}{plain(p), int64(p.Bottleneck)})
}

// Pairs goes through the ways between all hosts, both directions. They may be millions.
func Pairs(t *topology.Topology) iter.Seq[Pair] {
	return func(yield func(Pair) bool) {
		ways := t.Ways()
		for _, a := range t.Hosts {
			for _, b := range t.Hosts {
				if a.Name != b.Name && !yield(pairOf(ways, a.Name, b.Name)) {
					return
				}
			}
		}
	}
}

// pairOf returns the way from one host to another.
func pairOf(ways *topology.Ways, a, b string) Pair {
	p := Pair{From: a, To: b, Path: ways.Path(a, b)}
	p.Hops = len(p.Path) - 1
	links := ways.Params(a, b)
	p.Bottleneck = topology.Slowest(links)
	for _, link := range links {
		p.Delay += link.Delay
	}
	return p
}

// row returns the columns of a pair in a table.
func (p Pair) row() [5]string {
	rate := "unshaped"
	if p.Bottleneck > 0 {
		rate = p.Bottleneck.String()
	}
	return [5]string{p.From, p.To, strconv.Itoa(p.Hops), p.Delay.String(), rate}
}

// WritePairs writes the ways between all hosts as a table. Rows come as they are found.
func WritePairs(w io.Writer, t *topology.Topology) error {
	// So many rows decide the columns' widths, without being kept: more would keep the first
	// one waiting.
	const looked = 2_000_000
	header := [5]string{"from", "to", "hops", "delay", "bottleneck"}
	widths, left := [5]int{}, looked
	widen := func(row [5]string) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	widen(header)
	for p := range Pairs(t) {
		widen(p.row())
		if left--; left == 0 {
			break
		}
	}

	out := bufio.NewWriterSize(w, 1<<16)
	write := func(row [5]string) error {
		_, err := fmt.Fprintf(out, "%-*s  %-*s  %-*s  %-*s  %s\n", widths[0], row[0], widths[1], row[1],
			widths[2], row[2], widths[3], row[3], row[4])
		return err
	}
	if err := write(header); err != nil {
		return err
	}
	for p := range Pairs(t) {
		if err := write(p.row()); err != nil {
			return err
		}
	}
	return out.Flush()
}

// WritePairsJSON writes the ways between all hosts as a JSON array. They come as they are found.
func WritePairsJSON(w io.Writer, t *topology.Topology) error {
	const indent = "  "
	out := bufio.NewWriterSize(w, 1<<16)
	before := "[\n"
	for p := range Pairs(t) {
		text, err := json.MarshalIndent(p, indent, indent)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "%s%s%s", before, indent, text); err != nil {
			return err
		}
		before = ",\n"
	}

	end := "\n]\n"
	if before == "[\n" { // a single host
		end = "[]\n"
	}
	if _, err := out.WriteString(end); err != nil {
		return err
	}
	return out.Flush()
}
