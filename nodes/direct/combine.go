package direct

import (
	"strings"
	"unicode/utf8"
)

// The frame of the prototype's inputs, a JSON text around any number of letters.
const (
	frameHead = `{"input":"`
	frameTail = `"}`
)

// Combine makes one argument of the outputs of a task's predecessors, given in
// their order. The paper sends each output to each successor (Eq. (1)) and does
// not say what a join makes of them. Here the argument is as long as the longest
// output and takes a byte from each of them in turn, from each one's beginning;
// an output that is used up begins again. So each output that is not empty shows
// (unless there are more of them than the longest has bytes). Where all have the
// frame of the prototype's inputs, that is kept around what is combined.
func Combine(outputs []string) string {
	framed := len(outputs) > 0
	for _, o := range outputs {
		framed = framed && len(o) >= len(frameHead)+len(frameTail) &&
			strings.HasPrefix(o, frameHead) && strings.HasSuffix(o, frameTail)
	}
	if !framed {
		return interleave(outputs)
	}

	bodies := make([]string, len(outputs))
	for i, o := range outputs {
		bodies[i] = o[len(frameHead) : len(o)-len(frameTail)]
	}
	return frameHead + interleave(bodies) + frameTail
}

// interleave takes a byte from each text in turn.
func interleave(texts []string) string {
	longest := 0
	var sources []string
	for _, t := range texts {
		longest = max(longest, len(t))
		if t != "" {
			sources = append(sources, t)
		}
	}
	if len(sources) <= 1 {
		return strings.Join(sources, "")
	}
	out := make([]byte, longest)
	for p := range out {
		source := sources[p%len(sources)]
		out[p] = source[p/len(sources)%len(source)]
	}
	return valid(out)
}

// valid makes a text fit for a protobuf string without changing its length:
// letters of several bytes do not survive that others come between these.
func valid(text []byte) string {
	if utf8.Valid(text) {
		return string(text)
	}
	for p := 0; p < len(text); {
		r, size := utf8.DecodeRune(text[p:])
		if r == utf8.RuneError && size == 1 {
			text[p] = '?'
		}
		p += size
	}
	return string(text)
}
