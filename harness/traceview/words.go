package traceview

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"edgebed/harness/escape"
	"edgebed/nodes/trace"
	"edgebed/nodes/units"
)

// What says what a message is and carries, for instance
// "f2(A 10 kB, s0 20 kB, ref s1)": an argument or output is A, a state goes by
// content, with its size, or by reference.
func What(tr trace.Transfer) string {
	if tr.Lost {
		tr.Lost = false
		return What(tr) + " (not received)"
	}

	m := tr.Message
	switch {
	case m.Retcode != "":
		return "error: " + shorten(m.Retcode, 60)
	case m.Ack:
		return "ack"
	}

	switch tr.Method {
	case "EdgeServer/RunLambda":
		if tr.Response {
			return "return " + carried(m)
		}
		return m.Invocation.Function + "(" + carried(m) + ")"
	case "CallbackServer/ReceiveResponse":
		if tr.Response {
			return "ok"
		}
		return "result " + carried(m)
	case "StateServer/Get", "StateServer/Put", "StateServer/Del":
		_, verb, _ := strings.Cut(tr.Method, "/")
		switch {
		case !tr.Response && verb == "Get", !tr.Response && verb == "Del":
			return verb + " " + m.States[0].Name
		case !tr.Response:
			return verb + " " + carried(m)
		case len(m.States) > 0:
			return "state " + carried(m)
		}
		return "ok"
	case "EdgeRouter/GetTable":
		if tr.Response {
			return fmt.Sprintf("table of %d lines", m.Entries)
		}
		return "GetTable"
	}

	_, method, _ := strings.Cut(tr.Method, "/")
	if tr.Response {
		return method + " ok"
	}
	return method
}

// carried lists the argument and the states in a message.
func carried(m *trace.Message) string {
	var parts, references []string
	if m.Argument > 0 {
		parts = append(parts, "A "+size(m.Argument))
	}
	for _, s := range m.States {
		if s.Location != "" {
			references = append(references, s.Name)
			continue
		}
		parts = append(parts, s.Name+" "+size(s.Size))
	}
	if len(references) > 0 {
		parts = append(parts, "ref "+strings.Join(references, " "))
	}
	return strings.Join(parts, ", ")
}

func shorten(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// size writes a size with three digits and a decimal prefix.
func size(s units.Size) string {
	switch {
	case s >= units.MB:
		return fmt.Sprintf("%.3g MB", float64(s)/1e6)
	case s >= 999500: // would be rounded to 1e+03
		return "1 MB"
	case s >= units.KB:
		return fmt.Sprintf("%.3g kB", float64(s)/1e3)
	}
	return fmt.Sprintf("%d B", s)
}

// ms writes a duration in ms.
func ms(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond)) }

// WriteTable writes the messages, one a line.
func WriteTable(w io.Writer, t *trace.Trace) error {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "sent ms\ttook ms\tfrom\tto\twhat\tbytes")
	var total units.Size
	transfers := t.Transfers()
	for _, tr := range transfers {
		what := What(tr)
		if tr.Connecting > 0 {
			what += fmt.Sprintf(" (new connection, %s ms)", ms(tr.Connecting))
		}
		total += tr.Message.Size
		took := "-"
		if !tr.Lost {
			took = ms(tr.Received - tr.Sent)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d\n", ms(tr.Sent), took, tr.From, tr.To, what, tr.Message.Size)
	}
	if err := table.Flush(); err != nil {
		return err
	}

	fmt.Fprintf(&text, "%d messages, %s, in %s ms\n", len(transfers), size(total), ms(t.Delay))
	_, err := io.WriteString(w, escape.Terminal(text.String()))
	return err
}
