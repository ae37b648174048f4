package page

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"edgebed/harness/gate"
	"edgebed/harness/record"
	"edgebed/harness/report/figure"
	"edgebed/nodes/fuzztest"
)

// FuzzWrite writes the report of whatever records can be read: nothing in them makes it
// panic. That it cannot be written is an error.
func FuzzWrite(f *testing.F) {
	text, err := os.ReadFile(filepath.Join("..", "..", "record", "testdata", record.FileName))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(text[:len(text)/2])
	f.Add([]byte(`{"type":"campaign","version":1,"axes":[{"name":"x","values":["0","1e400"]}],` +
		`"figures":[{"name":"f","kind":"lines","metric":"delay","x":"x"}]}` + "\n" +
		`{"type":"cell","id":"c","point":[{"axis":"x","value":"0"}]}` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		fuzztest.Watch(t, 10*time.Second)
		r, err := record.ReadFrom("fuzz", bytes.NewReader(text))
		if err != nil {
			return
		}
		_ = Write(io.Discard, r, figure.Draw(r), JudgedOf(gate.Judge(r, r.Campaign.Claims)))
	})
}
