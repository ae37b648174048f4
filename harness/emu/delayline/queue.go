package delayline

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

const (
	// blockSize is the piece of memory that a queue takes and gives back. It
	// holds several of the largest frames.
	blockSize = 256 << 10
	// entryHead is the due time, the length, and whether it has left (sorted
	// queues only) before each frame.
	entryHead = 16
)

// queue holds the frames of one direction in order of arrival, and hands them out
// in this order, or, once it is sorted, in the order in which they are due. Its
// memory is mapped once and touched as needed: blocks that became free last are
// used first, so a queue that stays short stays in the cache.
type queue struct {
	arena []byte
	free  []uint32 // stack of free blocks
	order []uint32 // ring of blocks in use, from head
	ends  []uint32 // where the entries of each block end, as arena offset
	head  int      // ring index of the first block in use
	used  int      // blocks in use
	read  uint32   // arena offset of the first entry
	write uint32   // arena offset behind the last entry
	count int      // entries; in a sorted queue also those that have left
	// early is a heap of the entries of a sorted queue that have not left, the
	// next one due first; in a queue that is not sorted it is empty. pushed counts
	// entries since the queue was sorted, to keep the order of those due at once.
	early  []entry
	sorted bool
	pushed uint64
}

// entry is a frame that waits in a queue.
type entry struct {
	due    int64
	number uint64 // in order of arrival
	off    uint32 // in the arena
}

// before is the order in which entries leave a sorted queue.
func (e entry) before(f entry) bool {
	return e.due < f.due || e.due == f.due && e.number < f.number
}

// newQueue maps a queue of up to size bytes, a multiple of blockSize. Less is
// taken where the kernel does not overcommit memory that much.
func newQueue(size int) (*queue, error) {
	var arena []byte
	err := error(unix.ENOMEM)
	for ; size >= 4*blockSize; size /= 2 {
		arena, err = unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE,
			unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
		if err == nil {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("map queue of %d bytes: %w", size, err)
	}

	// Huge pages would cost a long pause at the first frame of each.
	if err := unix.Madvise(arena, unix.MADV_NOHUGEPAGE); err != nil && err != unix.EINVAL {
		return nil, fmt.Errorf("advise queue memory: %w", err)
	}

	blocks := len(arena) / blockSize
	q := &queue{
		arena: arena,
		free:  make([]uint32, 0, blocks),
		order: make([]uint32, blocks),
		ends:  make([]uint32, blocks),
	}

	for b := blocks - 1; b >= 0; b-- {
		q.free = append(q.free, uint32(b))
	}

	// The first frames find their memory ready.
	for off := 0; off < blockSize; off += 4096 {
		arena[off] = 0
	}

	return q, nil
}

// push makes room for a frame of n bytes at the end and returns it, or nil if
// the queue is full or n exceeds a block.
func (q *queue) push(due int64, n int) []byte {
	need := uint32(entryHead + (n+7)&^7)
	if need > blockSize {
		return nil
	}

	if q.used == 0 || q.write+need > (q.write-1)/blockSize*blockSize+blockSize {
		if len(q.free) == 0 {
			return nil
		}
		block := q.free[len(q.free)-1]
		q.free = q.free[:len(q.free)-1]
		i := q.head + q.used
		if i >= len(q.order) {
			i -= len(q.order)
		}
		q.order[i] = block
		q.used++
		q.write = block * blockSize
		if q.used == 1 {
			q.read = q.write
		}
		// From here on write is behind at least one entry, so that write-1
		// lies in the block.
	}

	off := q.write
	q.write += need
	q.ends[off/blockSize] = q.write

	binary.NativeEndian.PutUint64(q.arena[off:], uint64(due))
	binary.NativeEndian.PutUint32(q.arena[off+8:], uint32(n))
	binary.NativeEndian.PutUint32(q.arena[off+12:], 0)
	q.count++

	if q.sorted {
		q.raise(off, due)
	}

	return q.arena[off+entryHead : off+entryHead+uint32(n)]
}

// cursor walks over the entries of a queue without removing them.
type cursor struct {
	block int // how many blocks after the head
	off   uint32
}

// first returns a cursor on the first entry.
func (q *queue) first() cursor { return cursor{0, q.read} }

// at returns the entry under the cursor, which must be one of the first count
// entries.
func (q *queue) at(c cursor) (due int64, frame []byte) {
	due = int64(binary.NativeEndian.Uint64(q.arena[c.off:]))
	n := binary.NativeEndian.Uint32(q.arena[c.off+8:])
	return due, q.arena[c.off+entryHead : c.off+entryHead+n]
}

// next returns the cursor on the entry after c.
func (q *queue) next(c cursor) cursor {
	n := binary.NativeEndian.Uint32(q.arena[c.off+8:])
	off := c.off + entryHead + (n+7)&^7
	i := q.head + c.block
	if i >= len(q.order) {
		i -= len(q.order)
	}
	if off < q.ends[q.order[i]] || c.block+1 >= q.used {
		return cursor{c.block, off}
	}
	if i++; i >= len(q.order) {
		i -= len(q.order)
	}
	return cursor{c.block + 1, q.order[i] * blockSize}
}

// pop removes the first entry of a queue that is not empty.
func (q *queue) pop() {
	c := q.next(q.first())
	q.count--
	switch {
	case q.count == 0:
		// Start again in the memory that was used last.
		q.free = append(q.free, q.order[q.head])
		q.head, q.used = 0, 0
	case c.block > 0:
		q.free = append(q.free, q.order[q.head])
		if q.head++; q.head >= len(q.order) {
			q.head = 0
		}
		q.used--
	}
	q.read = c.off
}

// sort makes the queue hand out frames by their due times until it is empty.
func (q *queue) sort() {
	if q.sorted {
		return
	}
	q.sorted = true
	c := q.first()
	for i := range q.count {
		due, _ := q.at(c)
		q.raise(c.off, due)
		if i+1 < q.count {
			c = q.next(c)
		}
	}
}

// earliest returns when the next frame of a queue that is not empty is due.
func (q *queue) earliest() int64 {
	if q.sorted {
		return q.early[0].due
	}
	due, _ := q.at(q.first())
	return due
}

// take writes the frames that are due at limit to list, up to its length, in the
// order in which they leave, and returns how many they are. settle must follow.
func (q *queue) take(limit int64, list []entry) (n int) {
	if q.sorted {
		for n < len(list) && len(q.early) > 0 && q.early[0].due <= limit {
			list[n] = q.early[0]
			q.drop()
			n++
		}
		return n
	}
	for c := q.first(); n < min(len(list), q.count); n++ {
		due, _ := q.at(c)
		if due > limit {
			break
		}
		list[n] = entry{due: due, off: c.off}
		if n+1 < q.count {
			c = q.next(c)
		}
	}
	return n
}

// frame returns the frame of an entry.
func (q *queue) frame(e entry) []byte {
	_, frame := q.at(cursor{off: e.off})
	return frame
}

// settle removes the first gone entries of those that take returned, and leaves the
// others where they were.
func (q *queue) settle(taken []entry, gone int) {
	if !q.sorted {
		for range gone {
			q.pop()
		}
		return
	}
	for _, e := range taken[gone:] {
		q.lift(e)
	}
	for _, e := range taken[:gone] {
		binary.NativeEndian.PutUint32(q.arena[e.off+12:], 1)
	}
	// Memory is given back in order of arrival.
	for q.count > 0 && binary.NativeEndian.Uint32(q.arena[q.read+12:]) == 1 {
		q.pop()
	}
	if q.count == 0 {
		q.sorted, q.pushed = false, 0
	}
}

// raise puts a new entry into the heap.
func (q *queue) raise(off uint32, due int64) {
	q.pushed++
	q.lift(entry{due, q.pushed, off})
}

// lift puts an entry into the heap. It allocates while the heap grows beyond what
// it has ever been, and never frees.
func (q *queue) lift(e entry) {
	h := append(q.early, e)
	i := len(h) - 1
	for i > 0 && e.before(h[(i-1)/2]) {
		h[i] = h[(i-1)/2]
		i = (i - 1) / 2
	}
	h[i] = e
	q.early = h
}

// drop takes the first entry off the heap.
func (q *queue) drop() {
	n := len(q.early) - 1
	h, e := q.early[:n], q.early[n]
	q.early = h
	if n == 0 {
		return
	}
	i := 0
	for {
		child := 2*i + 1
		if child >= n {
			break
		}
		if child+1 < n && h[child+1].before(h[child]) {
			child++
		}
		if e.before(h[child]) {
			break
		}
		h[i] = h[child]
		i = child
	}
	h[i] = e
}
