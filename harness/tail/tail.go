// Package tail keeps the end of what a process writes to its standard error, for
// the message that says why it ended, and where that is of use its beginning.
package tail

import (
	"fmt"
	"strings"
	"sync"
)

// Writer keeps the First and the last Max bytes that were written to it. It may be used by
// several goroutines.
type Writer struct {
	// First is how many bytes of the beginning it keeps, Max how many of the rest.
	First, Max int

	mu         sync.Mutex
	begin, end []byte
	left       int // how many bytes between them it has not kept
}

// Write implements io.Writer; it never fails.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := min(len(p), w.First-len(w.begin))
	w.begin = append(w.begin, p[:first]...)

	w.end = append(w.end, p[first:]...)
	if over := len(w.end) - w.Max; over > 0 {
		w.end = append(w.end[:0], w.end[over:]...)
		w.left += over
	}
	return len(p), nil
}

// After returns the text behind a prefix, to be put at the end of a message; it
// is empty where nothing but space was written.
func (w *Writer) After(prefix string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := string(w.begin)
	if text != "" && w.left > 0 {
		text += fmt.Sprintf("\n[%d bytes more]\n", w.left)
	}
	text = strings.TrimSpace(text + string(w.end))
	if text == "" {
		return ""
	}
	return prefix + text
}
