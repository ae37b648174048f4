// Package tail keeps the end of what a process writes to its standard error, for
// the message that says why it ended.
package tail

import (
	"strings"
	"sync"
)

// Writer keeps the last Max bytes that were written to it. It may be used by
// several goroutines.
type Writer struct {
	// Max is how many bytes it keeps.
	Max int

	mu  sync.Mutex
	end []byte
}

// Write implements io.Writer; it never fails.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end = append(w.end, p...)
	if over := len(w.end) - w.Max; over > 0 {
		w.end = append(w.end[:0], w.end[over:]...)
	}
	return len(p), nil
}

// After returns the text behind a prefix, to be put at the end of a message; it
// is empty where nothing but space was written.
func (w *Writer) After(prefix string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := strings.TrimSpace(string(w.end))
	if text == "" {
		return ""
	}
	return prefix + text
}
