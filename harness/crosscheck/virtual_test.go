//go:build faketime

package crosscheck

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

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
		if errFrom != nil || errTo != nil {
			t.Fatal(errFrom, errTo)
		}

		capture := func(port string, w io.Writer) (func() error, error) {
			c, err := n.Capture(port, w)
			return c.Stop, err
		}
		file, err := e.captured(context.Background(), network{from, to, capture, n.Idle})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(os.Getenv(envFolder), e.name), file, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}
