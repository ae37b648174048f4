package job

import (
	"testing"
	"time"

	"edgebed/harness/record"
	"edgebed/nodes/fuzztest"
	"edgebed/nodes/trace"
)

// FuzzReceive hands lines of a worker to its parent: each is one report or an error.
func FuzzReceive(f *testing.F) {
	for _, line := range []string{
		`{"cell":{"id":"c"}}`, `{"execution":{"cell":"c","delay_ns":1}}`, `{"cell_end":{"cell":"c","ok":true}}`,
		`{"trace":{}}`, `{}`, `null`, `{"cell":null}`, `{"cell":{"id":"c"},"cell_end":{}}`, `{"execution":{"delay_ns":1e99}}`,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		fuzztest.Watch(t, time.Second)
		reports, ends := 0, 0
		r := Reporter{
			Cell:      func(record.Cell) error { reports++; return nil },
			Execution: func(record.Execution) error { reports++; return nil },
			CellEnd:   func(record.CellEnd) error { reports++; ends++; return nil },
			Trace:     func(trace.Trace) error { reports++; return nil },
		}
		ended, err := r.Receive(line)
		if (err == nil) != (reports == 1) || ended != (ends == 1) {
			t.Errorf("%d reports, ended %v, %v", reports, ended, err)
		}
	})
}
