package delayline

import (
	"bytes"
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
