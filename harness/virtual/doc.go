// Package virtual is the worker that runs a cell in virtual time: the same nodes
// and executions as on emulated links, on package simnet's network. Its program,
// edgebed-virtual, is built with -tags faketime, with which the Go runtime's clock
// stands still while a goroutine can run, and jumps to the next timer when none
// can.
package virtual
