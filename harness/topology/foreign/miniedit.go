package foreign

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"edgebed/harness/topology"
	"edgebed/nodes/units"
	"edgebed/nodes/yamlfile"
)

// miniEditFile is what mininet's editor saves (mininet, examples/miniedit.py).
type miniEditFile struct {
	Hosts       []miniEditNode `json:"hosts"`
	Switches    []miniEditNode `json:"switches"`
	Controllers []miniEditNode `json:"controllers"`
	Links       []struct {
		Src  string       `json:"src"`
		Dest string       `json:"dest"`
		Opts miniEditLink `json:"opts"`
	} `json:"links"`
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
	Number json.RawMessage `json:"number"` // text or a number
	Opts   struct {
		Hostname string `json:"hostname"`
	} `json:"opts"`
}

// name is what links call the node.
func (n miniEditNode) name(letter string) string {
	return cmp.Or(n.Opts.Hostname, letter+jsonText(n.Number))
}

// jsonError says what is wrong with a text that is not JSON, or not of a MiniEdit file.
func jsonError(s *source, err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset := int(syntax.Offset) - 1
		if strings.HasPrefix(syntax.Error(), "unexpected end") {
			return s.errorf(offset+1, "the JSON ends before all of its brackets are closed; is the file cut short?")
		}
		return s.errorf(offset, "this is no JSON: %w", syntax)
	}

	mistake, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return err
	}
	want := "text"
	switch mistake.Type.Kind() {
	case reflect.Struct:
		want = "an object"
	case reflect.Slice:
		want = "a list"
	}
	got, value, _ := strings.Cut(mistake.Value, " ")
	kinds := map[string]string{
		"array": "a list", "object": "an object", "string": "text", "number": "a number", "bool": "true or false",
	}
	got = cmp.Or(value, kinds[got], got)
	return s.errorf(int(mistake.Offset)-1, "%s: expected %s, got %s", cmp.Or(mistake.Field, "the file"), want, got)
}

func readMiniEdit(s *source) (*graph, error) {
	var file miniEditFile
	if err := json.Unmarshal(s.text, &file); err != nil {
		return nil, jsonError(s, err)
	}

	g := newGraph()
	for _, s := range file.Switches {
		if _, err := g.addOnce(node{id: s.name("s")}); err != nil {
			return nil, err
		}
	}
	for _, h := range file.Hosts {
		if _, err := g.addOnce(node{id: h.name("h"), host: true}); err != nil {
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
				return nil, fmt.Errorf("link %d names the unknown node %q%s", k+1, end,
					yamlfile.Suggest(end, slices.Collect(maps.Keys(g.index))))
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
