// Package traceview shows the trace of one execution: as a table of messages, as
// a sequence diagram in the manner of the paper's Fig. 6-8 and 13-15, as a
// timeline, and in the formats of Perfetto and OpenTelemetry.
package traceview
