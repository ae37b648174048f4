package delayline

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestQueueModel compares the queue with a plain slice.
func TestQueueModel(t *testing.T) {
	type entry struct {
		due   int64
		frame []byte
	}
	q, err := newQueue(8 * blockSize)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		for q.count > 0 {
			q.pop()
		}
		var model []entry
		bytesHeld := 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "push") {
				// Many frames of one size at once reach the limit.
				size := rapid.IntRange(0, frameSize).Draw(t, "size")
				for range rapid.IntRange(1, 40).Draw(t, "times") {
					e := entry{int64(len(model)) * 7, bytes.Repeat([]byte{byte(len(model) + size)}, size)}
					room := q.push(e.due, size)
					if room == nil {
						// What is unused is the tail of each block and what was
						// popped of the first.
						if bytesHeld+blockSize+q.used*(frameSize+2*entryHead) < len(q.arena) {
							t.Fatalf("refused %d B with %d of %d B held", size, bytesHeld, len(q.arena))
						}
						break
					}
					if len(room) != size {
						t.Fatalf("got room for %d B, want %d", len(room), size)
					}
					copy(room, e.frame)
					model = append(model, e)
					bytesHeld += size + entryHead + 8
				}
			} else {
				for range rapid.IntRange(1, 40).Draw(t, "pops") {
					if len(model) == 0 {
						break
					}
					bytesHeld -= len(model[0].frame) + entryHead + 8
					q.pop()
					model = model[1:]
				}
			}
			if q.count != len(model) {
				t.Fatalf("count is %d, want %d", q.count, len(model))
			}
			c := q.first()
			for i, want := range model {
				due, frame := q.at(c)
				if due != want.due || !bytes.Equal(frame, want.frame) {
					t.Fatalf("entry %d: due %d with %d B, want %d with %d B", i, due, len(frame), want.due, len(want.frame))
				}
				if i+1 < len(model) {
					c = q.next(c)
				}
			}
			if q.used+len(q.free) != len(q.order) {
				t.Fatalf("%d blocks used and %d free of %d", q.used, len(q.free), len(q.order))
			}
		}
	})
}

// TestQueueReusesMemory checks that a short queue stays in one block, however
// many frames pass.
func TestQueueReusesMemory(t *testing.T) {
	q, err := newQueue(8 * blockSize)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10000 {
		q.push(int64(i), 1500)
		q.push(int64(i), 64)
		q.pop()
		q.pop()
		if q.read >= blockSize || q.write >= blockSize {
			t.Fatalf("after %d frames the queue is at %d", i, q.read)
		}
	}
}

func TestQueueRefusesHugeFrame(t *testing.T) {
	q, err := newQueue(4 * blockSize)
	if err != nil {
		t.Fatal(err)
	}
	if q.push(0, blockSize-entryHead+1) != nil {
		t.Error("a frame larger than a block was accepted")
	}
	if q.push(0, blockSize-entryHead) == nil {
		t.Error("a frame of a block's size was refused")
	}
}

func TestPushDoesNotAllocate(t *testing.T) {
	q, err := newQueue(4 * blockSize)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		for range 300 {
			q.push(1, 1500)
		}
		for q.count > 0 {
			q.pop()
		}
	}); n != 0 {
		t.Errorf("passing frames through the queue made %v allocations", n)
	}
}

// TestSortedQueueModel compares a queue that is sorted at some moment, from which
// some of what is taken goes back, with a slice that is sorted each time.
func TestSortedQueueModel(t *testing.T) {
	q, err := newQueue(8 * blockSize)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		var list [batch]entry
		for q.count > 0 {
			n := q.take(1<<62, list[:])
			q.settle(list[:n], n)
		}
		type waiting struct {
			due    int64
			number int
		}
		var model []waiting
		last := int64(0)
		for number := range rapid.IntRange(1, 300).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0, 1, 2:
				due := rapid.Int64Range(0, 40).Draw(t, "due")
				if !q.sorted {
					due = max(due, last)
				}
				last = max(due, last)
				room := q.push(due, rapid.IntRange(8, 2000).Draw(t, "size"))
				if room == nil {
					continue
				}
				binary.NativeEndian.PutUint64(room, uint64(number))
				model = append(model, waiting{due, number})
				slices.SortStableFunc(model, func(a, b waiting) int { return cmp.Compare(a.due, b.due) })
			case 3:
				q.sort()
			default:
				limit := rapid.Int64Range(0, 50).Draw(t, "limit")
				n := q.take(limit, list[:])
				want := 0
				for want < min(batch, len(model)) && model[want].due <= limit {
					want++
				}
				if n != want {
					t.Fatalf("%d frames are due at %d, want %d", n, limit, want)
				}
				for i, e := range list[:n] {
					if got := binary.NativeEndian.Uint64(q.frame(e)); got != uint64(model[i].number) || e.due != model[i].due {
						t.Fatalf("frame %d, due %d, leaves as number %d, want %d, due %d", got, e.due, i, model[i].number, model[i].due)
					}
				}
				gone := rapid.IntRange(0, n).Draw(t, "gone")
				q.settle(list[:n], gone)
				model = model[gone:]
			}
			if len(model) == 0 {
				last = 0
			} else if q.earliest() != model[0].due {
				t.Fatalf("the next frame is due at %d, want %d", q.earliest(), model[0].due)
			}
			if q.count < len(model) || q.count > 0 != (len(model) > 0) {
				t.Fatalf("the queue counts %d entries, %d wait", q.count, len(model))
			}
			if q.used+len(q.free) != len(q.order) {
				t.Fatalf("%d blocks used and %d free of %d", q.used, len(q.free), len(q.order))
			}
		}
	})
}
