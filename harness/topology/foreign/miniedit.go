package foreign

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// miniEditFile is what mininet's editor saves (mininet, examples/miniedit.py).
type miniEditFile struct {
	Hosts, Switches, Controllers []miniEditNode
	Links                        []struct {
		Src, Dest string
		Opts      miniEditLink
	}
}

// miniEditLink are the options of a link.
type miniEditLink struct {
	BW           json.RawMessage `json:"bw"`
	Delay        json.RawMessage `json:"delay"`
	Loss         json.RawMessage `json:"loss"`
	Jitter       json.RawMessage `json:"jitter"`
	MaxQueueSize json.RawMessage `json:"max_queue_size"`
}

type miniEditNode struct {
	Number string
	Opts   struct{ Hostname string }
}

func readMiniEdit(_ string, data []byte) (*graph, error) {
	var file miniEditFile
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, err
	}

	g := newGraph()
	for _, s := range file.Switches {
		if err := g.add(node{id: cmp.Or(s.Opts.Hostname, "s"+s.Number)}); err != nil {
			return nil, err
		}
	}
	for _, h := range file.Hosts {
		if err := g.add(node{id: cmp.Or(h.Opts.Hostname, "h"+h.Number), host: true}); err != nil {
			return nil, err
		}
	}
	if n := len(file.Controllers); n > 0 {
		g.remark("%d controllers were left out: forwarding is static", n)
	}

	odd := 0
	for k, l := range file.Links {
		for _, end := range []string{l.Src, l.Dest} {
			if _, ok := g.index[end]; !ok {
				return nil, fmt.Errorf("link %d names the unknown node %q", k+1, end)
			}
		}

		e := edge{from: l.Src, to: l.Dest}
		odd += l.Opts.override(&e.forward)
		if err := g.connect(e); err != nil {
			return nil, err
		}
	}
	if odd > 0 {
		g.remark("%d values of links are not understood and were left out", odd)
	}

	return g, nil
}

// override sets what the options say, and counts what is not understood. MiniEdit writes
// Mb/s, and percent of loss; mininet gives both directions of a link the same.
func (l miniEditLink) override(o *topology.Override) (odd int) {
	numbers := []struct {
		raw json.RawMessage
		set func(v float64)
	}{
		{l.BW, func(v float64) { o.Rate = new(units.Rate(v * 1e6)) }},
		{l.Loss, func(v float64) { o.Loss = new(topology.Loss(v / 100)) }},
		{l.MaxQueueSize, func(v float64) { o.Queue = new(int(v)) }},
	}
	for _, n := range numbers {
		switch v, ok := jsonNumber(n.raw); {
		case !ok:
			odd++
		case v > 0:
			n.set(v)
		}
	}

	durations := []struct {
		raw json.RawMessage
		to  **time.Duration
	}{{l.Delay, &o.Delay}, {l.Jitter, &o.Jitter}}
	for _, d := range durations {
		switch v, ok := jsonDuration(d.raw); {
		case !ok:
			odd++
		case v > 0:
			*d.to = &v
		}
	}
	return odd
}

// jsonText returns a JSON value that may be a string or a number as text.
func jsonText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return strings.TrimSpace(text)
	}

	return string(raw)
}

// jsonNumber returns such a value as a number, 0 where nothing is said; false where it is
// no number, or an absurdity.
func jsonNumber(raw json.RawMessage) (float64, bool) {
	text := jsonText(raw)
	if text == "" || text == "null" {
		return 0, true
	}
	v, err := strconv.ParseFloat(text, 64)
	return v, err == nil && v >= 0 && v < 1e9
}

// jsonDuration returns such a value as a duration, 0 where nothing is said; a number alone
// is in microseconds, as tc takes it.
func jsonDuration(raw json.RawMessage) (time.Duration, bool) {
	if v, ok := jsonNumber(raw); ok {
		return time.Duration(v * float64(time.Microsecond)), true
	}
	d, err := time.ParseDuration(jsonText(raw))
	return d, err == nil && d >= 0
}
