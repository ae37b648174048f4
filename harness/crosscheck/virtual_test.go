//go:build faketime

package crosscheck

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"edgebed/harness/simnet"
)

// TestVirtual writes what it captures of each experiment in virtual time into the
// folder that the emulated side's test has made.
func TestVirtual(t *testing.T) {
	runtime.GOMAXPROCS(1)
	for _, e := range experiments {
		n, err := simnet.Build(e.topology(), simnet.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		from, errFrom := n.Host("a")
		to, errTo := n.Host("b")
		var file bytes.Buffer
		capture, err := n.Capture(trunk, &file)
		if errFrom != nil || errTo != nil || err != nil {
			t.Fatal(errFrom, errTo, err)
		}

		if err := e.run(context.Background(), from, to); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Idle(context.Background(), 50*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if err := capture.Stop(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(os.Getenv(envFolder), e.name), file.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}
