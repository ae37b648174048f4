package topology

import (
	"slices"
	"strings"
	"testing"
	"time"

	"edgebed/nodes/units"
)

// TestSet reads each parameter from text, and says what was expected of what is none.
func TestSet(t *testing.T) {
	texts := map[string]string{
		"rate": "5Mbit/s", "delay": "10 ms", "jitter": "1ms", "jitter-order": "reorder", "loss": "1 %", "loss-burst": "4.25",
		"duplicate": "0.1", "corrupt": "0.2", "queue": "50", "queue-bytes": "64 kB", "discipline": "red", "burst": "15 kB",
		"ceil-burst": "auto",
	}
	var o Override
	for _, key := range Parameters() {
		if err := o.Set(key, texts[key]); err != nil || !o.Has(key) {
			t.Errorf("%s: %v", key, err)
		}
	}
	want := Params{
		Rate: 5 * units.Mbps, Delay: 10 * time.Millisecond, Jitter: time.Millisecond, JitterOrder: Reorder, Loss: 0.01,
		LossBurst: 4.25, Duplicate: 0.1, Corrupt: 0.2, Queue: 50, QueueBytes: 64 * units.KB, Discipline: RED, Burst: 15_000,
	}
	if got := o.Apply(Params{CeilBurst: 1}); got != want || len(texts) != len(Parameters()) {
		t.Errorf("%+v, want %+v, of %q", got, want, Parameters())
	}

	var again Override
	for _, key := range Parameters() {
		if err := again.Set(key, o.Text(key)); err != nil || again.Text(key) != o.Text(key) || (Override{}).Text(key) != "" {
			t.Errorf("%s is written as %q: %v", key, o.Text(key), err)
		}
	}
	if got := again.Apply(Params{CeilBurst: 1}); got != want {
		t.Errorf("written and read it is %+v, want %+v", got, want)
	}

	before := o
	for _, c := range []struct{ key, text, want string }{
		{"rat", "5", `unknown parameter "rat"; did you mean rate?`}, {"gilbert-elliott", "1", "unknown parameter"},
		{"rate", "5", `rate: parse rate "5": the unit is missing`}, {"delay", "soon", `delay "soon": expected a duration like 10ms`},
		{"delay", "-1ms", "negative"}, {"queue", "many", `queue "many": expected a whole number`},
		{"loss-burst", "x", "expected a number"}, {"loss", "2", "probability"}, {"discipline", "none", "expected fifo or red"},
	} {
		if err := o.Set(c.key, c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, want %q", c.key, c.text, err, c.want)
		}
	}
	if o != before {
		t.Error("what is an error changes the parameters")
	}
	if !slices.Contains(Parameters(), "queue-bytes") || (Override{}).Has("rate") || o.Has("name") {
		t.Errorf("parameters %q", Parameters())
	}
}
