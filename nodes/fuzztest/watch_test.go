package fuzztest

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// fault is the variable of the environment that says what FuzzFault does wrong.
const fault = "EDGEBED_FUZZ_FAULT"

// faults are what an input may do wrong, each a way of taking too much.
var faults = map[string]func(){
	// At a time, and piece by piece: a limit on what is held would not see the second.
	"memory": func() { keep = make([]byte, 300<<20) },
	"pieces": func() {
		for range 300 {
			keep = make([]byte, 1<<20)
		}
	},
	// More than scripts/fuzz gives to a process: it dies.
	"bomb": func() { keep = slices.Repeat([]byte{1}, 3<<30) },
	"time": func() {
		for began := spent(); spent().processors-began.processors < 1200*time.Millisecond; {
		}
	},
	"hang": func() {
		for spins := 1; spins != 0; spins |= 1 {
		}
	},
}

// keep makes what is allocated needed.
var keep []byte

// FuzzFault does nothing, but for what the environment says it shall do wrong with inputs
// that are longer than its seed: so that what is to find faults can be tried.
func FuzzFault(f *testing.F) {
	f.Add([]byte("seed"))
	wrong := faults[os.Getenv(fault)]
	f.Fuzz(func(t *testing.T, data []byte) {
		Watch(t, time.Second)
		if wrong != nil && len(data) > len("seed") {
			wrong()
		}
	})
}

// recorder is a T that fails for nobody.
type recorder struct {
	ends   []func()
	errors []string
}

func (r *recorder) Helper()            {}
func (r *recorder) Cleanup(end func()) { r.ends = append(r.ends, end) }
func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func TestWatch(t *testing.T) {
	for name, want := range map[string]string{
		"":       "",
		"memory": "MB of memory, of at most 256 MB",
		"pieces": "MB of memory, of at most 256 MB",
		"time":   "of the processors, of at most 1s",
	} {
		r := &recorder{}
		within(r, time.Second)
		if wrong := faults[name]; wrong != nil {
			wrong()
		}
		for _, end := range r.ends {
			end()
		}
		got := strings.Join(r.errors, "; ")
		if (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%q is said about the fault %q, want %q", got, name, want)
		}
	}
}

// TestPatience: without the fuzzer an input has ten times as long as with it.
func TestPatience(t *testing.T) {
	fuzz := flag.Lookup("test.fuzz")
	before := fuzz.Value.String()
	defer fuzz.Value.Set(before)

	for _, tt := range []struct {
		fuzz       string
		processors time.Duration
		want       string
	}{
		{"", 100 * time.Millisecond, "of at most 1s"},
		{"^FuzzFault$", time.Second, "of at most 1s"},
	} {
		if raced && tt.fuzz != "" {
			tt.want = "" // ten times as long there, too
		}
		if err := fuzz.Value.Set(tt.fuzz); err != nil {
			t.Fatal(err)
		}
		r := &recorder{}
		Watch(r, tt.processors)
		faults["time"]()
		for _, end := range r.ends {
			end()
		}
		got := strings.Join(r.errors, "; ")
		if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("with -fuzz %q of 1.2 s of at most %v is said %q, want %q", tt.fuzz, tt.processors, got, tt.want)
		}
	}
}

// TestWatchEndless runs this program again, which has to end by itself.
func TestWatchEndless(t *testing.T) {
	const again = "EDGEBED_FUZZ_AGAIN"
	if os.Getenv(again) != "" {
		within(t, 100*time.Millisecond)
		faults["hang"]()
	}

	cmd := exec.Command(os.Args[0], "-test.run", "^TestWatchEndless$", "-test.timeout", "30s")
	cmd.Env = append(os.Environ(), again+"=1")
	out, err := cmd.CombinedOutput()
	for _, want := range []string{"panic: the input has not ended after", "fuzztest.TestWatchEndless("} {
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("an endless input gives %v, without %q:\n%s", err, want, out)
		}
	}
}
