package load

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"edgebed/nodes/fuzztest"

	"pgregory.net/rapid"
)

// taken returns the first arrivals of a shape.
func taken(shape Shape, clients, number int, seed uint64) []Arrival {
	var list []Arrival
	for a := range Merged(shape, clients, seed) {
		if len(list) == number {
			break
		}
		list = append(list, a)
	}
	return list
}

// TestRates checks how often arrivals come, and how evenly: the squared coefficient
// of variation of the time between two is 0, 1, and for interrupted ones more.
func TestRates(t *testing.T) {
	const number = 20000
	for name, c := range map[string]struct {
		shape       Shape
		mean        time.Duration
		least, most float64
	}{
		"periodic": {Periodic{100 * time.Millisecond}, 100 * time.Millisecond, 0, 0.001},
		"poisson":  {Poisson{100 * time.Millisecond}, 100 * time.Millisecond, 0.95, 1.05},
		// On for a third of the time: a third of the arrivals. The squared coefficient is
		// 1 + 2 lambda g / (g + w)^2 = 9.9, where g = 1/on and w = 1/off (Kuczura, 1973).
		"interrupted": {Interrupted{100 * time.Millisecond, time.Second, 2 * time.Second}, 300 * time.Millisecond, 8.5, 11},
	} {
		var between []float64
		last := time.Duration(0)
		for _, a := range taken(c.shape, 1, number, 7) {
			between = append(between, (a.Due - last).Seconds())
			last = a.Due
		}
		between = between[1:]
		var sum, squares float64
		for _, x := range between {
			sum += x
		}
		mean := sum / float64(len(between))
		for _, x := range between {
			squares += (x - mean) * (x - mean)
		}
		if math.Abs(mean/c.mean.Seconds()-1) > 0.05 {
			t.Errorf("%s: %v s between two, want %v", name, mean, c.mean)
		}
		if v := squares / float64(len(between)) / mean / mean; v < c.least || v > c.most {
			t.Errorf("%s: squared coefficient of variation %v, want %v to %v", name, v, c.least, c.most)
		}
	}
}

// TestMerged checks on any shape that arrivals are in order, alike for the same seed,
// and each client's its own process's.
func TestMerged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mean := time.Duration(rapid.IntRange(1, 1e9).Draw(t, "mean"))
		shape := rapid.SampledFrom([]Shape{
			Periodic{mean}, Poisson{mean}, Interrupted{mean, 10 * mean, 5 * mean},
		}).Draw(t, "shape")
		clients := rapid.IntRange(1, 20).Draw(t, "clients")
		seed := rapid.Uint64().Draw(t, "seed")

		list := taken(shape, clients, 200, seed)
		if !slices.Equal(list, taken(shape, clients, 200, seed)) {
			t.Fatal("the same seed gives other arrivals")
		}
		if !slices.IsSortedFunc(list, func(a, b Arrival) int { return int(min(1, max(-1, a.Due-b.Due))) }) {
			t.Fatalf("not in order: %v", list)
		}
		for client := range clients {
			process := shape.Of(client, clients, seed)
			var due time.Duration
			for _, a := range list {
				if a.Client != client {
					continue
				}
				next, _ := process.Next()
				if due += next; a.Due != due {
					t.Fatalf("client %d arrives at %v, its process at %v", client, a.Due, due)
				}
			}
		}
	})
}

// TestFixed pins arrivals: they are to be the same on every machine and with every
// version of Go, or results of different machines do not compare.
func TestFixed(t *testing.T) {
	want := []Arrival{{63739134, 0}, {137198516, 1}, {711795489, 1}, {1607458788, 1}}
	if got := taken(Poisson{time.Second}, 2, 4, 1); !slices.Equal(got, want) {
		t.Errorf("arrivals %#v", got)
	}
}

// TestRecorded checks that a trace is played back, and ends.
func TestRecorded(t *testing.T) {
	shape := Recorded{{time.Second, 3 * time.Second}, {2 * time.Second}}
	want := []Arrival{{time.Second, 0}, {2 * time.Second, 1}, {3 * time.Second, 0}}
	if got := taken(shape, 3, 10, 1); !slices.Equal(got, want) {
		t.Errorf("arrivals %v, want %v", got, want)
	}
}

// TestReadCSV reads traces, and names file and line of what is wrong.
func TestReadCSV(t *testing.T) {
	limits := Limits{Clients: 2, Arrivals: 3, Last: time.Hour}
	got, err := ReadCSV("t.csv", []byte("seconds,client\n# of a Monday\n2.5,1\n\n1, 0\n0.25,1\n"), limits)
	if err != nil || len(got) != 2 || !slices.Equal(got[0], []time.Duration{time.Second}) ||
		!slices.Equal(got[1], []time.Duration{250 * time.Millisecond, 2500 * time.Millisecond}) || got.Last() != 2500*time.Millisecond {
		t.Errorf("arrivals %v, %v", got, err)
	}
	for text, want := range map[string]string{
		"":                  "t.csv: expected arrivals",
		"seconds\n":         "t.csv: expected arrivals",
		"1\nx\n":            `t.csv:2: expected a time in seconds, got "x"`,
		"0.1 s\n0.2\n":      `t.csv:1: expected a time in seconds, got "0.1 s"`,
		"-1\n":              "t.csv:1: expected a time of 0 to 3600 seconds",
		"1\n9e9\n":          "t.csv:2: expected a time of 0 to 3600 seconds",
		"NaN\n":             "t.csv:1: expected a time of 0 to 3600 seconds",
		"1,2\n":             "t.csv:1: client 2: there are 2, from 0 on",
		"1\n1,y\n":          `t.csv:2: expected the number of a client, got "y"`,
		"1\n1\n1\n\n1\n":    "t.csv:5: expected at most 3 arrivals",
		"1\n\"1\n":          "t.csv: read arrivals",
		"1\n99999999999e99": "t.csv:2:",
	} {
		if _, err := ReadCSV("t.csv", []byte(text), limits); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// FuzzReadCSV: whatever a trace holds, it is arrivals in order within the limits, or an
// error that names the file.
func FuzzReadCSV(f *testing.F) {
	f.Add("seconds,client\n2.5,1\n1,0\n")
	f.Add("# a\n1e3\n\"2\n")
	limits := Limits{Clients: 2, Arrivals: 100, Last: time.Hour}
	f.Fuzz(func(t *testing.T, text string) {
		fuzztest.Watch(t, time.Second)
		trace, err := ReadCSV("t.csv", []byte(text), limits)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "t.csv:") {
				t.Errorf("error %q names no file", err)
			}
			return
		}
		if trace.Number() > limits.Arrivals || trace.Last() > limits.Last || len(trace) != limits.Clients {
			t.Errorf("%d arrivals of %d clients, the last at %v", trace.Number(), len(trace), trace.Last())
		}
	})
}

// TestRamp checks that arrivals follow the course of their rate: periodic ones one by
// one, Poisson ones on average.
func TestRamp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Ramp{
			From: rapid.Float64Range(0.01, 100).Draw(t, "from"), To: rapid.Float64Range(0.01, 100).Draw(t, "to"),
			Over: time.Duration(rapid.Int64Range(1e6, 1e12).Draw(t, "over")),
		}
		at := time.Duration(rapid.Int64Range(0, 3e12).Draw(t, "at"))
		if back := r.Until(r.Expected(at)); (back - at).Abs() > time.Microsecond+at/1e6 {
			t.Fatalf("%v arrivals are expected up to %v, and up to %v", r.Expected(at), at, back)
		}
	})

	up := Ramp{Unit: Periodic{Every: time.Second}, From: 1, To: 9, Over: 10 * time.Second}
	if n := up.Expected(20 * time.Second); n != 50+90 {
		t.Errorf("%v arrivals are expected in 20 s, want 140", n)
	}
	count := func(shape Shape, clients int, seed uint64) (early, all int) {
		for a := range Merged(shape, clients, seed) {
			if a.Due > 20*time.Second {
				break
			}
			if all++; a.Due <= 5*time.Second {
				early++
			}
		}
		return early, all
	}
	if early, all := count(up, 2, 1); early < 29 || early > 32 || all < 279 || all > 282 {
		t.Errorf("%d periodic arrivals of two clients in 5 s and %d in 20 s, want 30 and 280", early, all)
	}

	up.Unit = Poisson{Mean: time.Second}
	early, all := 0, 0
	for seed := range uint64(100) {
		e, a := count(up, 2, seed)
		early, all = early+e, all+a
	}
	// Four standard deviations.
	if math.Abs(float64(early)-3000) > 4*math.Sqrt(3000) || math.Abs(float64(all)-28000) > 4*math.Sqrt(28000) {
		t.Errorf("%d Poisson arrivals in 5 s and %d in 20 s of 100 seeds, want about 3000 and 28000", early, all)
	}
}
