// Command edgebed-virtual runs a cell in virtual time. It is started by edgebed
// run --network virtual, which lies beside it: a job comes in on the standard
// input, reports go to the standard output.
//
// It must be built with CGO_ENABLED=0 go build -tags faketime.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"

	"edgebed/harness/virtual"
)

func main() {
	out, log, err := virtual.Streams()
	if err != nil {
		os.Exit(1) // with nothing to say it on
	}
	// Goroutines that run at the same time would make the order of what they do
	// the machine's.
	runtime.GOMAXPROCS(1)
	// Nothing may wait in a system call while others could run: no signals are
	// caught. The caller ends this process by killing it.
	if err := virtual.Main(context.Background(), os.Stdin, out); err != nil {
		fmt.Fprintln(log, "edgebed-virtual:", err)
		os.Exit(1)
	}
}
