//go:build faketime

package crosscheck

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"edgebed/harness/simnet"
	"edgebed/nodes/wire"
)

// TestVirtual writes what it captures of each experiment in virtual time, and what the ports of
// each shape count, into the folder that the emulated side's test has made.
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

	for _, s := range shapes {
		model, err := s.topology()
		if err != nil {
			t.Fatal(err)
		}
		n, err := simnet.Build(model, simnet.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		host := func(name string) (wire.Net, error) { return n.Host(name) }
		counted, err := s.talk(context.Background(), model, host, n.Idle)
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		text, err := json.Marshal(counted)
		if err == nil {
			err = os.WriteFile(filepath.Join(os.Getenv(envFolder), s.name), text, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
