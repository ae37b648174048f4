package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"edgebed/nodes/yamlfile"
)

// mistakesIn returns what is wrong with a scenario, by Parse and by Expand.
func mistakesIn(text string) error {
	s, err := Parse("b.yaml", []byte(text))
	if s == nil {
		return err
	}
	_, more := s.Expand(Selection{Profile: "quick"})
	return yamlfile.Join(err, more)
}

// says reports whether an error has a text in it, and of an empty one whether there is no error.
func says(err error, text string) bool {
	if err == nil || text == "" {
		return err == nil && text == ""
	}
	return strings.Contains(err.Error(), text)
}

// TestBounds: each number is taken up to its limits, and refused beyond, where it stands.
func TestBounds(t *testing.T) {
	const (
		execution = "execution: {model: pure-faas, %s: @}"
		processor = "nodes: {computers: [{processors: [{name: p, %s: @}]}]}"
		function  = "nodes: {computers: [{functions: [{%s: @}]}]}"
		poisson   = "load: {arrivals: poisson, rate: 1, %s: @}"
		event     = "events: [{link: [s0, s1], set: {loss: 1 %%}, %s: @}]"
	)
	long := strings.Repeat("x", maxValueName)
	for _, tc := range []struct {
		section string // with the key, and @ for its value
		key     string
		in, out []string
	}{
		{"profiles: {quick: {%s: @}}", "executions", []string{"1", "1000000"}, []string{"0", "1000001"}},

		{execution, "discard", []string{"0", "100000"}, []string{"-1", "100001"}},
		{execution, "pause", []string{"0 s", "24 h"}, []string{"-1 ns", "86400.001 s"}},
		{execution, "timeout", []string{"1 ns", "24 h"}, []string{"0 s", "86400.001 s"}},
		{"execution: {cycle: artifact, %s: @}", "process-start", []string{"0 s", "1 h"}, []string{"-1 ns", "3600.001 s"}},
		{"execution: {cycle: artifact, %s: @}", "interval", []string{"0 s", "1 h"}, []string{"-1 ns", "3600.001 s"}},

		{processor, "cores", []string{"1", "10000"}, []string{"0", "10001"}},
		{processor, "speed", []string{"1", "1e18"}, []string{"0.5", "1.1e18"}},
		{processor, "memory", []string{"1 B", "1048576 GiB"}, []string{"0 B", "1048577 GiB"}},
		{function, "workers", []string{"1", "10000"}, []string{"0", "10001"}},
		{function, "service-time", []string{"1 ns", "1 h"}, []string{"0 s", "3600.001 s"}},
		{function, "memory-per-byte", []string{"0", "1e9"}, []string{"-1", "1.1e9"}},
		{function, "cold-start", []string{"0 s", "1 h"}, []string{"-1 s", "3600.001 s"}},
		{"nodes: {computers: [{functions: [{cold-start: 1 s, %s: @}]}]}", "keep-warm",
			[]string{"0 s", "24 h"}, []string{"-1 s", "86400.001 s"}},
		{function, "names", []string{"[f]", "[\"f{0..999}\"]", "[a, \"f{1..999}\"]", "[\"f{3..3}\"]"},
			[]string{"[]", "[\"f{0..1000}\"]", "[a, \"f{1..1000}\"]", "[\"f{4..3}\"]"}},

		{"workload: {%s: @}", "argument", []string{"12 B", "250 MB"}, []string{"11 B", "250.001 MB"}},
		{"workload: {%s: @}", "states", []string{"0", "10000"}, []string{"-1", "10001"}},
		{"workload: {%s: @}", "length", []string{"1", "10000"}, []string{"0", "10001"}},
		{"workload: {generator: marvel, %s: @}", "video-state", []string{"0 B", "250 MB"}, []string{"250.001 MB"}},
		{"workload: {generator: stages, branches: 1, %s: @}", "stages", []string{"1", "3333"}, []string{"0", "3334"}},
		{"workload: {generator: stages, stages: 1, %s: @}", "branches", []string{"1", "9997"}, []string{"0", "9998"}},
		{"workload: {generator: mix, %s: @}", "max-tasks", []string{"3", "34"}, []string{"2", "35"}},

		{"clients: {%s: @}", "count", []string{"0", "1", "1000"}, []string{"-1", "1001"}},
		{"clients: {groups: [{name: a, %s: @}]}", "count", []string{"0", "1000"}, []string{"-1", "1001"}},
		{"clients: {count: 2, %s: @}", "hosts", []string{"[a]", "[a, b]"}, []string{"[]", "[a, b, c]"}},
		{poisson, "duration", []string{"1 ns", "24 h"}, []string{"-1 ns", "86400.001 s"}},
		{poisson, "warm-up", []string{"1 ns", "24 h"}, []string{"-1 ns", "86400.001 s"}},
		{poisson, "outstanding", []string{"0", "1000"}, []string{"-1", "1001"}},
		{poisson, "ramp", []string{"{to: 1e-5, over: 1 ms}", "{to: 1e6, over: 24 h}"},
			[]string{"{to: 1e-6, over: 1 s}", "{to: 2e6, over: 1 s}", "{to: 1, over: 999 us}", "{to: 1, over: 86400.001 s}"}},
		{"load: {arrivals: poisson, %s: @}", "rate", []string{"1e-5", "1e6"}, []string{"9e-6", "1.1e6"}},
		{"load: {arrivals: interrupted-poisson, rate: 1, off: 1 s, %s: @}", "on", []string{"1 ns", "24 h"},
			[]string{"0 s", "86400.001 s"}},
		{"load: {arrivals: interrupted-poisson, rate: 1, on: 1 s, %s: @}", "off", []string{"1 ns", "24 h"},
			[]string{"0 s", "86400.001 s"}},
		{"load: {arrivals: poisson, rate: 1, loop: closed, %s: @}", "outstanding", []string{"1"}, []string{"2"}},
		{"load: {arrivals: poisson, rate: 1000, %s: @}", "duration", []string{"1000 s"}, []string{"1001 s"}},

		{event, "at", []string{"0 s", "24 h"}, []string{"-1 ns", "86400.001 s"}},
		{event, "for", []string{"0 s", "24 h"}, []string{"-1 ns", "86400.001 s"}},
		{"events: [{link: [s0, s1], down: true, for: 1 ms, %s: @}]", "every", []string{"10 ms", "24 h"},
			[]string{"9.9 ms", "-1 s", "86400.001 s"}},
		{"events: [{link: [s0, s1], down: true, every: 20 ms, %s: @}]", "for", []string{"19.9 ms"}, []string{"20 ms", "0 s"}},
		{"events: [{computer: host1, %s: @}]", "speed", []string{"1e-3", "1e3"}, []string{"9e-4", "1001", "-1"}},

		{"capture: {%s: @}", "of", []string{"[a]"}, []string{"[]"}},
		{"capture: {of: [a], %s: @}", "size", []string{"1 kB", "1000 GB"}, []string{"999 B", "1000.1 GB"}},
		{"capture: {of: [a], %s: @}", "files", []string{"1", "1000000"}, []string{"-1", "1000001"}},

		{"parameters: [{name: %s, default: @}]\nexecution: {model: pure-faas, pause: $p}", "p", []string{"1 s"}, []string{"soon"}},
		{"matrix: [{axis: %s, values: [{name: @, set: {y: 1 s}}]}]\nexecution: {model: pure-faas, pause: $y}", "x",
			[]string{"a", long}, []string{"\"\"", long + "x", "\"a\\tb\""}},
	} {
		for _, value := range append(tc.in, tc.out...) {
			section := strings.Replace(fmt.Sprintf(tc.section, tc.key), "@", value, 1)
			text := "name: b\ntopology: {preset: \"ring,switches=4\"}\n" + section + "\n"
			err := mistakesIn(text)
			wrong := slices.Contains(tc.out, value)
			if wrong != (err != nil) {
				t.Errorf("%.100s: %v", section, err)
			}
			if wrong && err != nil && !strings.Contains(err.Error(), "b.yaml:3:") && !strings.Contains(err.Error(), "b.yaml:4:") {
				t.Errorf("%.100s: error without its place: %v", section, err)
			}
		}
	}
}

// list writes the numbers from 1 to n.
func list(n int) string {
	var all []string
	for i := range n {
		all = append(all, strconv.Itoa(i+1))
	}
	return "[" + strings.Join(all, ", ") + "]"
}
