package traceview

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"edgebed/nodes/trace"
)

// Names of the exports. Attributes have OpenTelemetry's names (semantic conventions
// 1.37); those that it has none for begin with "edgebed.".
const (
	service = "uiiit.rpc."
	schema  = "https://opentelemetry.io/schemas/1.37.0"
)

// attribute of a span; the value is a string or an int64.
type attribute struct {
	key   string
	value any
}

// attributes returns what a span says beside its times, without zero values.
func attributes(s *trace.Span) []attribute {
	var list []attribute
	add := func(key string, value any) {
		if value != "" && value != int64(0) {
			list = append(list, attribute{key, value})
		}
	}

	address := func(name, endpoint string) {
		host, port, err := net.SplitHostPort(endpoint)
		if err != nil {
			return
		}
		add(name+".address", host)
		number, _ := strconv.ParseInt(port, 10, 64)
		add(name+".port", number)
	}

	switch s.Kind {
	case trace.Call, trace.Serve:
		of, method, _ := strings.Cut(s.Name, "/")
		add("rpc.system", "grpc")
		add("rpc.service", service+of)
		add("rpc.method", method)
		if s.Kind == trace.Call {
			address("server", s.Remote)
			address("client", s.Local)
		} else {
			address("server", s.Local)
			address("client", s.Remote)
		}
		address("network.peer", s.Remote)
		if of == "StateServer" && s.Request != nil {
			add("edgebed.state.name", s.Request.States[0].Name)
		}
	case trace.Connect:
		address("server", s.Remote)
		address("network.peer", s.Remote)
	}

	invocation := s.Invocation
	if s.Request != nil && s.Request.Invocation.Function != "" {
		invocation = &s.Request.Invocation
	}
	if invocation != nil {
		if s.Kind == trace.Call {
			add("faas.invoked_name", invocation.Function)
			add("edgebed.invocation_id", invocation.UUID)
		} else {
			add("faas.name", invocation.Function)
			add("faas.invocation_id", invocation.UUID)
		}
		list = append(list, attribute{"edgebed.function.index", int64(invocation.Index)}) // may be 0
	}

	add("edgebed.argument.size", int64(s.Input))
	add("edgebed.queued_ns", int64(s.Queued))

	for _, m := range []struct {
		which   string
		message *trace.Message
	}{{"request", s.Request}, {"response", s.Response}} {
		if m.message == nil {
			continue
		}
		add("edgebed."+m.which+".sender", m.message.Sender)
		add("edgebed."+m.which+".argument.size", int64(m.message.Argument))
		for _, state := range m.message.States {
			name := "edgebed." + m.which + ".state." + state.Name
			add(name+".size", int64(state.Size))
			add(name+".location", state.Location)
		}
		add("edgebed."+m.which+".retcode", m.message.Retcode)
	}

	add("error.message", s.Error)
	return list
}

// messages returns a call's messages as the span's side saw them, in order.
func messages(s *trace.Span) (list []messageEvent) {
	sent, received := s.Request, s.Response
	if s.Kind == trace.Serve {
		sent, received = received, sent
	}
	if sent != nil {
		list = append(list, messageEvent{"SENT", sent})
	}
	if received != nil {
		list = append(list, messageEvent{"RECEIVED", received})
	}
	slices.SortStableFunc(list, func(a, b messageEvent) int { return cmp.Compare(a.Time, b.Time) })
	return list
}

type messageEvent struct {
	direction string
	*trace.Message
}

// The shape of OTLP's JSON (opentelemetry-proto, trace/v1): 64-bit integers are
// strings, identifiers are hexadecimal.
type (
	otlpAny struct {
		String *string `json:"stringValue,omitempty"`
		Int    *string `json:"intValue,omitempty"`
	}
	otlpAttribute struct {
		Key   string  `json:"key"`
		Value otlpAny `json:"value"`
	}
	otlpEvent struct {
		Time       string          `json:"timeUnixNano"`
		Name       string          `json:"name"`
		Attributes []otlpAttribute `json:"attributes,omitempty"`
	}
	otlpStatus struct {
		Code    int    `json:"code,omitempty"`
		Message string `json:"message,omitempty"`
	}
	otlpSpan struct {
		TraceID    string          `json:"traceId"`
		SpanID     string          `json:"spanId"`
		ParentID   string          `json:"parentSpanId,omitempty"`
		Name       string          `json:"name"`
		Kind       int             `json:"kind"`
		Start      string          `json:"startTimeUnixNano"`
		End        string          `json:"endTimeUnixNano"`
		Attributes []otlpAttribute `json:"attributes,omitempty"`
		Events     []otlpEvent     `json:"events,omitempty"`
		Status     otlpStatus      `json:"status"`
	}
	otlpScope struct {
		Name string `json:"name"`
	}
	otlpScopeSpans struct {
		Scope  otlpScope  `json:"scope"`
		Spans  []otlpSpan `json:"spans"`
		Schema string     `json:"schemaUrl"`
	}
	otlpResource struct {
		Attributes []otlpAttribute `json:"attributes"`
	}
	otlpResourceSpans struct {
		Resource   otlpResource     `json:"resource"`
		ScopeSpans []otlpScopeSpans `json:"scopeSpans"`
		Schema     string           `json:"schemaUrl"`
	}
	otlpTraces struct {
		ResourceSpans []otlpResourceSpans `json:"resourceSpans"`
	}
)

// otlpKinds are the values of SpanKind; others are internal.
var otlpKinds = map[trace.Kind]int{trace.Serve: 2, trace.Call: 3}

const (
	otlpInternal = 1
	otlpError    = 2 // status code
)

// WriteOTLP writes the trace as one OTLP JSON document (an
// ExportTraceServiceRequest), with a resource per node.
func WriteOTLP(w io.Writer, t *trace.Trace) error {

	var doc otlpTraces
	for _, at := range nodesOf(t) {
		r := otlpResourceSpans{Schema: schema}
		r.Resource.Attributes = otlpAttributes([]attribute{
			{"service.namespace", "edgebed"},
			{"service.name", string(at.Role)},
			{"service.instance.id", at.String()},
			{"host.name", at.Host},
		})
		scope := otlpScopeSpans{Scope: otlpScope{"edgebed"}, Schema: schema}

		for i := range t.Spans {
			if s := &t.Spans[i]; s.At == at {
				scope.Spans = append(scope.Spans, otlpOf(t, s))
			}
		}

		if len(scope.Spans) == 0 {
			continue
		}
		r.ScopeSpans = []otlpScopeSpans{scope}
		doc.ResourceSpans = append(doc.ResourceSpans, r)
	}

	out := json.NewEncoder(w)
	out.SetIndent("", " ")
	return out.Encode(doc)
}

func otlpOf(t *trace.Trace, s *trace.Span) otlpSpan {
	at := func(d time.Duration) string { return strconv.FormatInt(t.Start.Add(d).UnixNano(), 10) }
	span := otlpSpan{
		TraceID:    t.ID,
		SpanID:     spanID(s.ID),
		Name:       spanName(s),
		Kind:       cmp.Or(otlpKinds[s.Kind], otlpInternal),
		Start:      at(s.Start),
		End:        at(s.End),
		Attributes: otlpAttributes(attributes(s)),
	}

	if s.Parent != 0 {
		span.ParentID = spanID(s.Parent)
	}
	if s.Error != "" {
		span.Status = otlpStatus{otlpError, s.Error}
	}

	for _, m := range messages(s) {
		span.Events = append(span.Events, otlpEvent{at(m.Time), "rpc.message", otlpAttributes([]attribute{
			{"rpc.message.type", m.direction},
			{"rpc.message.id", int64(1)},
			{"rpc.message.uncompressed_size", int64(m.Size)},
		})})
	}

	return span
}

func otlpAttributes(list []attribute) []otlpAttribute {
	var out []otlpAttribute
	for _, a := range list {
		o := otlpAttribute{Key: a.key}
		switch v := a.value.(type) {
		case string:
			o.Value.String = &v
		case int64:
			text := strconv.FormatInt(v, 10)
			o.Value.Int = &text
		}
		out = append(out, o)
	}
	return out
}

// spanID is never 0, which means none.
func spanID(id uint64) string { return fmt.Sprintf("%016x", id) }

func spanName(s *trace.Span) string {
	switch s.Kind {
	case trace.Call, trace.Serve:
		return service + s.Name
	case trace.Connect:
		return "connect " + s.Remote
	case trace.Task:
		return "task " + s.Name
	}
	return s.Name
}

// chromeEvent is an event of the Trace Event Format, which Perfetto and
// chrome://tracing read. Times are in microseconds.
type chromeEvent struct {
	Name     string         `json:"name"`
	Category string         `json:"cat,omitempty"`
	Phase    string         `json:"ph"`
	Time     float64        `json:"ts"`
	Duration *float64       `json:"dur,omitempty"`
	Process  int            `json:"pid"`
	Thread   int            `json:"tid"`
	ID       uint64         `json:"id,omitempty"`
	Bind     string         `json:"bp,omitempty"`
	Args     map[string]any `json:"args,omitempty"`
}

// WriteChrome writes the trace in Chrome's Trace Event Format: a process per
// host, threads per node, and an arrow from each call to its service. A node has
// as many threads as it takes for spans that overlap to be nested in each.
func WriteChrome(w io.Writer, t *trace.Trace) error {
	micro := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	events := []chromeEvent{}

	meta := func(kind string, process, thread int, args map[string]any) {
		events = append(events, chromeEvent{Name: kind, Phase: "M", Process: process, Thread: thread, Args: args})
	}
	type track struct{ process, thread int }
	tracks := make(map[uint64]track) // by span

	// A process of the format is a host, a thread is a node, or one more lane of it.
	host, process, thread := "", 0, 0
	for _, at := range nodesOf(t) {
		if at.Host != host || process == 0 {
			process++
			host, thread = at.Host, 0
			meta("process_name", process, 0, map[string]any{"name": host})
			meta("process_sort_index", process, 0, map[string]any{"sort_index": process})
		}
		for k, lane := range nest(t, at) {
			thread++
			name := string(at.Role)
			if k > 0 {
				name += fmt.Sprintf(" (%d)", k+1)
			}
			meta("thread_name", process, thread, map[string]any{"name": name})
			meta("thread_sort_index", process, thread, map[string]any{"sort_index": thread})
			for _, s := range lane {
				tracks[s.ID] = track{process, thread}
			}
		}
	}

	// Each span is a slice; a call and what it causes elsewhere are joined by an arrow.
	for i := range t.Spans {
		s := &t.Spans[i]
		args := map[string]any{"span_id": spanID(s.ID)}
		if s.Parent != 0 {
			args["parent_span_id"] = spanID(s.Parent)
		}
		for _, a := range attributes(s) {
			args[a.key] = a.value
		}
		for _, m := range messages(s) {
			args[strings.ToLower(m.direction)+"_bytes"] = int64(m.Size)
		}

		duration := micro(s.End - s.Start)
		at := tracks[s.ID]
		events = append(events, chromeEvent{
			Name: chromeName(s), Category: string(s.Kind), Phase: "X", Time: micro(s.Start), Duration: &duration,
			Process: at.process, Thread: at.thread, Args: args,
		})

		if s.Kind != trace.Serve {
			continue
		}
		call, ok := tracks[s.Parent]
		if !ok {
			continue
		}
		for k := range t.Spans {
			if c := &t.Spans[k]; c.ID == s.Parent && c.Kind == trace.Call {
				events = append(events,
					chromeEvent{Name: "message", Category: "message", Phase: "s", Time: micro(c.Start),
						Process: call.process, Thread: call.thread, ID: s.ID},
					chromeEvent{Name: "message", Category: "message", Phase: "f", Bind: "e", Time: micro(s.Start),
						Process: at.process, Thread: at.thread, ID: s.ID})
			}
		}
	}

	out := json.NewEncoder(w)
	return out.Encode(map[string]any{
		"displayTimeUnit": "ms",
		"otherData": map[string]any{"trace_id": t.ID, "execution": t.Name,
			"start": t.Start.Format(time.RFC3339Nano)},
		"traceEvents": events,
	})
}

// chromeName is a short name: viewers show it inside the bar.
func chromeName(s *trace.Span) string {
	switch s.Kind {
	case trace.Call, trace.Serve:
		_, method, _ := strings.Cut(s.Name, "/")
		switch {
		case s.Request == nil:
		case s.Request.Invocation.Function != "":
			method += " " + s.Request.Invocation.Function
		case len(s.Request.States) > 0 && s.Request.States[0].Name != "":
			method += " " + s.Request.States[0].Name
		}
		if s.Kind == trace.Serve {
			method = "serve " + method
		}
		return method
	}
	return spanName(s)
}

// nest spreads the spans of a party over as few lanes as it takes for any two in
// one lane to be apart or one inside the other.
func nest(t *trace.Trace, at trace.Party) [][]*trace.Span {
	var spans []*trace.Span
	for i := range t.Spans {
		if s := &t.Spans[i]; s.At == at {
			spans = append(spans, s)
		}
	}

	slices.SortStableFunc(spans, func(a, b *trace.Span) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End))
	})

	var lanes [][]*trace.Span
	var open [][]*trace.Span // per lane, outermost first
next:
	for _, s := range spans {
		for k := range lanes {
			for n := len(open[k]); n > 0 && open[k][n-1].End <= s.Start; n-- {
				open[k] = open[k][:n-1]
			}
			if n := len(open[k]); n == 0 || s.End <= open[k][n-1].End {
				lanes[k], open[k] = append(lanes[k], s), append(open[k], s)
				continue next
			}
		}
		lanes, open = append(lanes, []*trace.Span{s}), append(open, []*trace.Span{s})
	}
	return lanes
}

// nodesOf returns the nodes that have a part in the trace, or are outside it: the
// client first, then host by host as they were deployed.
func nodesOf(t *trace.Trace) []trace.Party {
	var list []trace.Party
	add := func(p trace.Party) {
		if !slices.Contains(list, p) {
			list = append(list, p)
		}
	}

	for _, s := range t.Spans {
		add(s.At)
	}
	for _, tr := range t.Transfers() {
		add(tr.From)
		add(tr.To)
	}

	host := func(p trace.Party) int {
		if i := slices.Index(t.Hosts, p.Host); i >= 0 {
			return i
		}
		return len(t.Hosts)
	}

	// The client's host comes first, then the topology's order.
	client := t.Spans[0].At.Host
	slices.SortStableFunc(list, func(a, b trace.Party) int {
		first := func(p trace.Party) int {
			if p.Host == client {
				return -1
			}
			return host(p)
		}
		return cmp.Or(cmp.Compare(first(a), first(b)), cmp.Compare(a.Host, b.Host),
			cmp.Compare(slices.Index(trace.Roles, a.Role), slices.Index(trace.Roles, b.Role)))
	})
	return list
}
