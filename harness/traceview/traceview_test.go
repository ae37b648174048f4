package traceview

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"edgebed/harness/golden"
	"edgebed/harness/svg"
	"edgebed/nodes/trace"
	"edgebed/nodes/units"
)

// made builds traces by hand.
type made struct{ trace.Trace }

const uuid = "00112233-4455-6677-8899-aabbccddeeff"

func party(host int, role trace.Role) trace.Party {
	return trace.Party{Host: fmt.Sprintf("host%d", host), Role: role}
}

func begin(delay time.Duration) *made {
	m := &made{trace.Trace{
		ID: strings.ReplaceAll(uuid, "-", ""), Name: "made up",
		Start: time.Date(2024, 2, 3, 4, 5, 6, 7, time.UTC), Delay: delay, Hosts: []string{"host0", "host1", "host2"},
	}}
	m.span(trace.Span{Kind: trace.Execution, At: party(0, trace.Client), Name: "made up", End: delay})
	return m
}

func (m *made) span(s trace.Span) uint64 {
	s.ID = uint64(len(m.Spans) + 1)
	m.Spans = append(m.Spans, s)
	return s.ID
}

// call adds both sides of a call: each message takes took, and the server answers
// after more.
func (m *made) call(parent uint64, method string, from, to trace.Party, at, took, more time.Duration, request, response trace.Message) (call, serve uint64) {
	timed := func(m trace.Message, at time.Duration) *trace.Message { m.Time = at; return &m }
	local, remote := "10.1.0.1:40000", "10.1.0.2:6473"
	call = m.span(trace.Span{
		Parent: parent, Kind: trace.Call, At: from, Name: method, Start: at, End: at + 2*took + more, Local: local, Remote: remote,
		Request: timed(request, at), Response: timed(response, at+2*took+more),
	})
	serve = m.span(trace.Span{
		Parent: call, Kind: trace.Serve, At: to, Name: method, Start: at + took/2, End: at + took + more, Local: remote, Remote: local,
		Request: timed(request, at+took), Response: timed(response, at+took+more),
	})
	return call, serve
}

// small is a trace of two functions with most of what a trace can have.
func small() *trace.Trace {
	const t = time.Millisecond
	m := begin(60 * t)
	client, router, computer, other, states := party(0, trace.Client), party(0, trace.Router), party(1, trace.Computer), party(2, trace.Computer), party(0, trace.StateServer)
	f := trace.Invocation{Function: "f1", UUID: uuid}
	request := trace.Message{Size: 1050, Invocation: f, Argument: 1000, States: []trace.State{{Name: "s0", Location: "10.1.0.1:6481"}}}
	ack := trace.Message{Size: 13, Invocation: f, Ack: true}
	_, serve := m.call(1, "EdgeServer/RunLambda", client, router, 2*t, t, 4*t, request, ack)
	m.Spans[1].Start = t / 3 // it waits for its connection
	m.span(trace.Span{Parent: 2, Kind: trace.Connect, At: client, Name: "connect", Start: t / 2, End: t, Local: "10.1.0.1:40000", Remote: "10.1.0.2:6473"})
	forwarded := request
	forwarded.Forwarded = true
	_, serve = m.call(serve, "EdgeServer/RunLambda", router, computer, 3*t, t, t, forwarded, ack)
	task := m.span(trace.Span{Parent: serve, Kind: trace.Task, At: computer, Name: "f1", Start: 5 * t, End: 50 * t, Invocation: &f})
	m.span(trace.Span{Parent: task, Kind: trace.Function, At: computer, Name: "f1", Start: 5 * t, End: 20 * t, Queued: 5 * t, Input: 1000, Invocation: &f})
	m.call(task, "StateServer/Get", computer, states, 21*t, 8*t, t,
		trace.Message{Size: 9, States: []trace.State{{Name: "s0"}}}, trace.Message{Size: 20 * units.KB, States: []trace.State{{Name: "s0", Size: 20 * units.KB}}})
	g := trace.Invocation{Function: "f2 <&>", UUID: uuid, Index: 1}
	next := trace.Message{Size: 21050, Invocation: g, Argument: 1000, States: []trace.State{{Name: "s0", Size: 20 * units.KB}}}
	for k := range 2 { // f2 takes two messages
		m.call(task, "EdgeServer/RunLambda", computer, other, time.Duration(40+4*k)*t, t, t, next, trace.Message{Size: 13, Ack: true})
	}
	m.span(trace.Span{Parent: task, Kind: trace.Function, At: other, Name: g.Function, Start: 46 * t, End: 56 * t, Input: 1000, Invocation: &g})
	call, _ := m.call(1, "CallbackServer/ReceiveResponse", other, client, 57*t, 2*t, t, trace.Message{Size: 1020, Argument: 1000}, trace.Message{Size: 5, Retcode: "no such execution"})
	m.Spans[call-1].Error = "connection lost"
	// The other side of this call is not known.
	m.span(trace.Span{Parent: 1, Kind: trace.Call, At: client, Name: "EdgeRouter/GetTable", Start: t, End: 2 * t, Remote: "10.9.0.9:6474", Request: &trace.Message{Time: t, Size: 7}})
	return &m.Trace
}

// long is a trace of a chain through many computers.
func long(functions int) *trace.Trace {
	m := begin(time.Duration(functions) * 100 * time.Millisecond)
	for i := range functions {
		at := time.Duration(i) * 100 * time.Millisecond
		f := trace.Invocation{Function: fmt.Sprintf("function%d", i), UUID: uuid, Index: i}
		from, router, to := party(i%12, trace.Computer), party(i%12, trace.Router), party((i*5+1)%12, trace.Computer)
		request := trace.Message{Size: 123456, Invocation: f, Argument: 10 * units.KB, States: []trace.State{{Name: "s0", Size: 60 * units.KB}, {Name: "s1", Location: "somewhere"}}}
		m.call(1, "EdgeServer/RunLambda", from, router, at, time.Millisecond, 80*time.Millisecond, request, trace.Message{Size: 13, Ack: true})
		m.call(1, "EdgeServer/RunLambda", router, to, at+2*time.Millisecond, 70*time.Millisecond, time.Microsecond, request, trace.Message{Size: 13, Ack: true})
		m.span(trace.Span{Parent: 1, Kind: trace.Function, At: to, Name: f.Function, Start: at + 73*time.Millisecond, End: at + 83*time.Millisecond, Invocation: &f})
	}
	return &m.Trace
}

var writers = map[string]func(io.Writer, *trace.Trace) error{
	"messages.txt": WriteTable, "sequence.svg": WriteSequence, "timeline.svg": WriteTimeline, "trace.json": WriteChrome, "spans.json": WriteOTLP,
}

func written(t *testing.T, name string, tr *trace.Trace) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := writers[name](&b, tr); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	for name := range writers {
		golden.Check(t, name, written(t, name, small()))
	}
}

// TestOTLP checks what a collector refuses: identifiers, times, parents.
func TestOTLP(t *testing.T) {
	for _, tr := range []*trace.Trace{small(), long(20)} {
		var doc otlpTraces
		if err := json.Unmarshal(written(t, "spans.json", tr), &doc); err != nil {
			t.Fatal(err)
		}
		spans := make(map[string]otlpSpan)
		for _, r := range doc.ResourceSpans {
			for _, s := range r.ScopeSpans[0].Spans {
				spans[s.SpanID] = s
			}
		}
		if len(spans) != len(tr.Spans) {
			t.Errorf("%d spans in the document, %d in the trace", len(spans), len(tr.Spans))
		}
		number := func(s string) int64 {
			n, err := strconv.ParseInt(s, 10, 64)
			if err != nil {
				t.Error(err)
			}
			return n
		}
		for id, s := range spans {
			parent, ok := spans[s.ParentID]
			if len(id) != 16 || len(s.TraceID) != 32 || !ok && s.ParentID != "" {
				t.Errorf("span %s of trace %s has parent %q", id, s.TraceID, s.ParentID)
			}
			if number(s.End) < number(s.Start) || ok && number(s.Start) < number(parent.Start) {
				t.Errorf("span %s %s begins at %s and ends at %s, its parent begins at %s", id, s.Name, s.Start, s.End, parent.Start)
			}
			if s.Kind == 2 && (parent.Kind != 3 || parent.Name != s.Name || number(s.End) > number(parent.End)) {
				t.Errorf("server span %s is no part of client span %s", s.Name, parent.Name)
			}
		}
	}
}

// TestChrome: spans of one thread are apart or nested, which Perfetto needs to
// show them, and each arrow's ends lie in spans.
func TestChrome(t *testing.T) {
	for _, tr := range []*trace.Trace{small(), long(20)} {
		var doc struct {
			TraceEvents []struct {
				Name     string  `json:"name"`
				Phase    string  `json:"ph"`
				Time     float64 `json:"ts"`
				Duration float64 `json:"dur"`
				Process  int     `json:"pid"`
				Thread   int     `json:"tid"`
			} `json:"traceEvents"`
		}
		if err := json.Unmarshal(written(t, "trace.json", tr), &doc); err != nil {
			t.Fatal(err)
		}
		spans := 0
		for i, a := range doc.TraceEvents {
			inside := 0
			for k, b := range doc.TraceEvents {
				if i == k || b.Phase != "X" || a.Process != b.Process || a.Thread != b.Thread {
					continue
				}
				if b.Time <= a.Time && a.Time <= b.Time+b.Duration {
					inside++
				}
				if a.Phase == "X" && a.Time > b.Time && a.Time < b.Time+b.Duration && a.Time+a.Duration > b.Time+b.Duration+1e-6 {
					t.Errorf("%s and %s overlap on thread %d of process %d", a.Name, b.Name, a.Thread, a.Process)
				}
			}
			switch a.Phase {
			case "X":
				spans++
			case "s", "f":
				if inside == 0 {
					t.Errorf("an arrow at %v us of thread %d, process %d is in no span", a.Time, a.Thread, a.Process)
				}
			}
		}
		if spans != len(tr.Spans) {
			t.Errorf("%d spans in the document, %d in the trace", spans, len(tr.Spans))
		}
	}
}

// TestReadable: however long the chain, in both drawings no text stands on
// another one, and none is cut off.
func TestReadable(t *testing.T) {
	type box struct {
		text                     string
		left, top, right, bottom float64
	}
	for _, tr := range []*trace.Trace{small(), long(40)} {
		for _, name := range []string{"sequence.svg", "timeline.svg"} {
			decoder := xml.NewDecoder(bytes.NewReader(written(t, name, tr)))
			var view [4]float64
			var texts []box
			for {
				token, err := decoder.Token()
				if errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
				start, ok := token.(xml.StartElement)
				if !ok {
					continue
				}
				at := make(map[string]string)
				for _, a := range start.Attr {
					at[a.Name.Local] = a.Value
				}
				switch start.Name.Local {
				case "svg":
					if _, err := fmt.Sscan(at["viewBox"], &view[0], &view[1], &view[2], &view[3]); err != nil {
						t.Fatal(err)
					}
				case "text":
					var text string
					if err := decoder.DecodeElement(&text, &start); err != nil {
						t.Fatal(err)
					}
					var x, y, size float64
					if _, err := fmt.Sscan(at["x"]+" "+at["y"]+" "+at["font-size"], &x, &y, &size); err != nil {
						t.Fatal(err)
					}
					w := svg.TextWidth(text) * size
					x -= map[string]float64{"middle": w / 2, "end": w}[at["text-anchor"]]
					texts = append(texts, box{text, x, y - 0.75*size, x + w, y + 0.1*size})
				}
			}
			if len(texts) < 20 {
				t.Fatalf("%s: %d texts", name, len(texts))
			}
			for i, a := range texts {
				if a.left < view[0] || a.top < view[1] || a.right > view[0]+view[2] || a.bottom > view[1]+view[3] {
					t.Errorf("%s: %q is cut off: %+v in %v", name, a.text, a, view)
				}
				for _, b := range texts[:i] {
					if a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom {
						t.Errorf("%s: %q stands on %q", name, a.text, b.text)
					}
				}
			}
		}
	}
}

func TestSize(t *testing.T) {
	for s, want := range map[units.Size]string{0: "0 B", 999: "999 B", 1000: "1 kB", 70100: "70.1 kB", 999499: "999 kB", 999500: "1 MB", 1234567: "1.23 MB"} {
		if got := size(s); got != want {
			t.Errorf("size(%d) = %q, want %q", s, got, want)
		}
	}
}
