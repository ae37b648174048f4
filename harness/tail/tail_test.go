package tail

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// TestEnd: whatever the pieces, the end of all of them is kept, and the beginning where it is asked
// for.
func TestEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOf(rapid.StringMatching("[a-z]{0,9}")).Draw(t, "pieces")
		limit := rapid.IntRange(0, 20).Draw(t, "limit")
		first := rapid.IntRange(0, 20).Draw(t, "first")
		w := Writer{First: first, Max: limit}
		for _, p := range pieces {
			if n, err := fmt.Fprint(&w, p); n != len(p) || err != nil {
				t.Fatalf("wrote %d of %d bytes: %v", n, len(p), err)
			}
		}

		all := strings.Join(pieces, "")
		want := all[max(0, len(all)-limit):]
		switch left := len(all) - first - limit; {
		case left <= 0:
			want = all
		case first > 0:
			want = strings.TrimSpace(fmt.Sprintf("%s\n[%d bytes more]\n%s", all[:first], left, want))
		}
		if want != "" {
			want = ": " + want
		}
		if got := w.After(": "); got != want {
			t.Errorf("kept %q, want %q", got, want)
		}
	})
}

// TestConcurrent is for the race detector; space alone is no text.
func TestConcurrent(t *testing.T) {
	w := Writer{Max: 10}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				fmt.Fprint(&w, " \n")
				if got := w.After("x"); got != "" {
					t.Errorf("got %q", got)
				}
			}
		})
	}
	wg.Wait()
}
