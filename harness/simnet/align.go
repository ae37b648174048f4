package simnet

import (
	"runtime"
	"sync"
)

// turns is how many times the runtime's scheduler takes a goroutine from its local
// queue before it looks at the global one: to that goroutines go that have given way,
// as gRPC's writers do. So who runs first of two that are ready depends on how many
// turns there have been since the program began, which is the machine's doing.
const turns = 61

// Align brings the scheduler's count of turns to the same place each time, so that what
// follows runs in the same order. It is for a program of one P (GOMAXPROCS 1), and
// nothing else may be ready to run.
func Align() {
	// This goroutine gives way, and comes back when the count is a multiple of turns.
	ran := spin(2*turns, runtime.Gosched)

	// What ran since then, and is made up here to a multiple of turns, is counted. Of those
	// started together the last one runs first, and takes no turn.
	spin(turns+max(1, ran)%turns, func() {})
}

// spin starts goroutines that do nothing, does what is given, and waits for them. It
// returns how many had run before that ended.
func spin(n int, meanwhile func()) int {
	var ended sync.WaitGroup
	ran := 0
	for range n {
		ended.Go(func() { ran++ })
	}
	meanwhile()
	before := ran
	ended.Wait()
	return before
}
