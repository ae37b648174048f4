package simnet

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestInsert: frames leave in the order in which they are due, and those that are
// due at once in the order in which they came.
func TestInsert(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q fifo
		type waiting struct {
			due  int64
			size int
		}
		var model []waiting
		for number := range rapid.IntRange(1, 100).Draw(t, "steps") {
			if len(model) > 0 && rapid.IntRange(0, 2).Draw(t, "step") == 0 {
				if due, f := q.first().due, q.pop(); due != model[0].due || f.size != model[0].size {
					t.Fatalf("frame %d, due %d, is first, want %+v", f.size, due, model[0])
				}
				model = model[1:]
				continue
			}
			due := rapid.Int64Range(0, 20).Draw(t, "due")
			q.insert(dueFrame{frame{size: number}, due})
			model = append(model, waiting{due, number})
			slices.SortStableFunc(model, func(a, b waiting) int { return int(a.due - b.due) })
		}
		if q.len() != len(model) {
			t.Fatalf("%d frames wait, want %d", q.len(), len(model))
		}
	})
}

// TestFreed: a queue does not keep what has left it, however long it is in use.
func TestFreed(t *testing.T) {
	var q fifo
	for k := range 1000 {
		q.push(dueFrame{frame: frame{size: 1 + k}})
		q.push(dueFrame{frame: frame{size: 1 + k}})
		q.pop()
		if kept := len(q.items); kept >= 2*q.len() {
			t.Fatalf("%d places for %d frames", kept, q.len())
		}
	}
	for q.len() > 1 {
		q.pop()
	}
	for k, f := range q.items[:cap(q.items)] {
		if f.size != 0 && k != q.head {
			t.Errorf("place %d of %d still has a frame of %d B", k, cap(q.items), f.size)
		}
	}
}
