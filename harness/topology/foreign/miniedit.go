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
		Opts      struct {
			BW           json.RawMessage `json:"bw"`
			Delay        json.RawMessage `json:"delay"`
			Loss         json.RawMessage `json:"loss"`
			Jitter       json.RawMessage `json:"jitter"`
			MaxQueueSize json.RawMessage `json:"max_queue_size"`
		}
	}
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

	for k, l := range file.Links {
		for _, end := range []string{l.Src, l.Dest} {
			if _, ok := g.index[end]; !ok {
				return nil, fmt.Errorf("link %d names the unknown node %q", k+1, end)
			}
		}

		e := edge{from: l.Src, to: l.Dest}
		// MiniEdit writes Mb/s, and percent of loss.
		e.rate = units.Rate(jsonNumber(l.Opts.BW) * 1e6)
		e.loss = topology.Loss(jsonNumber(l.Opts.Loss) / 100)
		e.queue = int(jsonNumber(l.Opts.MaxQueueSize))
		e.delay, e.jitter = jsonDuration(l.Opts.Delay), jsonDuration(l.Opts.Jitter)
		if err := g.connect(e); err != nil {
			return nil, err
		}
	}

	return g, nil
}

// jsonText returns a JSON value that may be a string or a number as text.
func jsonText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return strings.TrimSpace(text)
	}

	return string(raw)
}

// jsonNumber returns such a value as a number that is no absurdity, or 0.
func jsonNumber(raw json.RawMessage) float64 {
	v, err := strconv.ParseFloat(jsonText(raw), 64)
	if err != nil || !(v > 0 && v < 1e9) {
		return 0
	}

	return v
}

// jsonDuration returns such a value as a duration; a number alone is in
// microseconds, as tc takes it.
func jsonDuration(raw json.RawMessage) time.Duration {
	if v := jsonNumber(raw); v > 0 {
		return time.Duration(v * float64(time.Microsecond))
	}
	d, err := time.ParseDuration(jsonText(raw))
	if err != nil {
		return 0
	}

	return max(0, d)
}
