package program

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"edgebed/nodes/fuzztest"
)

// FuzzSamples hands what a program writes, in pieces, to all that takes samples: nothing
// panics, and every mean is a number that a record can hold.
func FuzzSamples(f *testing.F) {
	f.Add([]byte(`{"rate": 3, "end": {"sum": 1e308}}`+"\n"+`{"end": {"sum": 1e308}}`+"\n"), 7)
	f.Add([]byte("requests: 12.5/s\nrequests: 1e400/s\n"), 1)
	f.Add([]byte(`{"rate": -1.7e308}`+"\n\n"+`{"rate": "x"}`+"\r\n"+`[1]`), 3)
	f.Add([]byte("{"+strings.Repeat(`"a":{`, 200)), 64)
	f.Fuzz(func(t *testing.T, text []byte, piece int) {
		fuzztest.Watch(t, time.Second)
		for _, source := range []Source{Descriptor, Stdout, Document, Text} {
			p := &Program{Samples: source, Quantities: map[string]Quantity{
				"rate": {Times: 1e6}, "sum": {From: "end.sum"}, "requests": {From: "requests: ([0-9.e]+)/s"},
			}}
			if source == Text {
				p.Quantities = map[string]Quantity{"requests": {From: "requests: ([0-9.e]+)/s", Times: 1e3}}
			}
			c := newCollector(p)
			if source == Descriptor {
				c.read(bytes.NewReader(text))
			} else {
				w, end := c.stdout(source)
				for rest := text; len(rest) > 0; {
					n := min(max(piece, 1), len(rest))
					if wrote, err := w.Write(rest[:n]); err != nil || wrote != n {
						t.Fatalf("of %d bytes it took %d, %v", n, wrote, err)
					}
					rest = rest[n:]
				}
				end()
			}

			for name, mean := range c.take() {
				if math.IsNaN(mean) || math.IsInf(mean, 0) {
					t.Errorf("%s: the mean of %s is %v", source, name, mean)
				}
			}
			_ = c.complaint()
		}
	})
}
