//go:build faketime

package simnet

import (
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"edgebed/harness/topology"
)

// leaves is how many hosts a switch of the scale benchmark has, clients the share
// of hosts that open connections.
const (
	leaves  = 10
	clients = 10
)

// tree returns a topology of hosts on switches around one in the middle.
func tree(t testing.TB, hosts int) *topology.Topology {
	t.Helper()
	var b strings.Builder
	b.WriteString("version: 1\nname: tree\nsubnet: 10.0.0.0/8\nlink-classes:\n  trunk: {rate: 100 Mb/s, delay: 1 ms}\nswitches: [core")
	for s := range hosts / leaves {
		fmt.Fprintf(&b, ", s%d", s)
	}
	b.WriteString("]\nhosts:\n")
	for h := range hosts {
		fmt.Fprintf(&b, "  - {name: h%d, address: %v, switch: s%d}\n", h, address(h), h/leaves)
	}
	b.WriteString("links:\n")
	for s := range hosts / leaves {
		fmt.Fprintf(&b, "  - {between: [core, s%d], class: trunk}\n", s)
	}
	model, err := topology.Parse("tree", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return model
}

func address(host int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 1, byte(host / 200), byte(1 + host%200)})
}

// used is the processor time of this process, which no virtual clock shows.
func used(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkScale builds networks of 100 to 1,000 hosts, of which every tenth calls
// a server on the next switch twenty times with 10 kB each way, all at once, and
// tells what a host and a call take, and the exponent of their growth.
func BenchmarkScale(b *testing.B) {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(800) // as in the worker
	sizes := []int{100, 200, 500, 1000}
	took := map[int]float64{}
	for b.Loop() {
		// Other programs on the machine cost caches: the fastest of three counts.
		for range 3 {
			for _, hosts := range sizes {
				now := scale(b, hosts)
				if before, ok := took[hosts]; !ok || now < before {
					took[hosts] = now
				}
			}
		}
	}
	first, last := sizes[0], sizes[len(sizes)-1]
	exponent := math.Log(took[last]/took[first]) / math.Log(float64(last)/float64(first))
	tell("exponent of the processor time from %d to %d hosts: %.2f\n", first, last, exponent)
	if exponent > 1.15 {
		b.Errorf("the processor time grows with an exponent of %.2f, want at most 1.15", exponent)
	}
}

// tell writes a line past the runtime, which puts headers before what goes to
// standard output.
func tell(format string, args ...any) {
	if fd, err := unix.Dup(unix.Stderr); err == nil {
		f := os.NewFile(uintptr(fd), "stderr")
		fmt.Fprintf(f, format, args...)
		f.Close()
	}
}

// scale runs one size and returns its processor time in seconds.
func scale(b *testing.B, hosts int) float64 {
	const calls, size = 20, 10_000
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := used(b)
	n, err := Build(tree(b, hosts), Options{Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer n.Close()
	built := used(b) - began

	ctx := context.Background()
	var work sync.WaitGroup
	for c := 0; c < hosts; c += clients {
		server := (c + leaves + 1) % hosts
		l, err := n.hosts[server].Listen(ctx, fmt.Sprintf("%v:80", address(server)))
		if err != nil {
			b.Fatal(err)
		}
		work.Go(func() {
			defer l.Close()
			serve(l, calls, size)
		})
		work.Go(func() {
			conn, err := n.hosts[c].DialContext(ctx, fmt.Sprintf("%v:80", address(server)))
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			for range calls {
				if _, err := conn.Write(make([]byte, size)); err != nil {
					b.Error(err)
				}
				if _, err := io.CopyN(io.Discard, conn, size); err != nil {
					b.Error(err)
				}
			}
		})
	}
	work.Wait()
	total := used(b) - began
	runtime.GC()
	runtime.ReadMemStats(&after)

	made := hosts / clients * calls
	tell("%5d hosts: %.2f ms and %.0f kB a host to build, %.2f ms a call, %.2f s together\n", hosts,
		built.Seconds()*1e3/float64(hosts), float64(after.HeapAlloc-before.HeapAlloc)/1e3/float64(hosts),
		(total-built).Seconds()*1e3/float64(made), total.Seconds())
	return total.Seconds()
}

// serve echoes so many messages of a size on one connection.
func serve(l net.Listener, calls, size int) {
	conn, err := l.Accept()
	if err != nil {
		return
	}
	defer conn.Close()
	message := make([]byte, size)
	for range calls {
		if _, err := io.ReadFull(conn, message); err != nil {
			return
		}
		if _, err := conn.Write(message); err != nil {
			return
		}
	}
}
