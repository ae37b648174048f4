package emu

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"edgebed/harness/sandbox"
	"edgebed/harness/topology"
)

// TestCloseLeavesNothing counts file descriptors and looks at the namespace that
// the network was made from.
func TestCloseLeavesNothing(t *testing.T) {
	use := func() {
		n, err := Build(t.Context(), ring6(t, topology.Override{}), Options{Delay: backend()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.Capture("s0-s1", io.Discard); err != nil {
			t.Fatal(err)
		}
		transfer(t, n.Hosts()[0], n.Hosts()[3], 10_000)
		if err := errors.Join(n.Close(), n.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Counters(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("counters after Close: %v, want net.ErrClosed", err)
		}
		if _, err := n.Capture("s0-s1", io.Discard); !errors.Is(err, net.ErrClosed) {
			t.Errorf("capture after Close: %v, want net.ErrClosed", err)
		}
	}
	use() // the first use opens what the Go runtime keeps
	before, links := openFiles(t), linkNames(t)
	for range 3 {
		use()
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d files are open after Close, %d before", after, before)
	}
	if after := linkNames(t); !slices.Equal(after, links) {
		t.Errorf("links are %v after Close, %v before", after, links)
	}
	// A build that fails half-way leaves nothing either.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Build(ctx, ring6(t, topology.Override{}), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled build: %v", err)
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d files are open after a failed build, %d before", after, before)
	}
}

func linkNames(t *testing.T) []string {
	t.Helper()
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range links {
		names = append(names, l.Attrs().Name)
	}
	return names
}

// hold builds a network with a running program and waits for ever.
func hold() error {
	model, err := loadRing6()
	if err != nil {
		return err
	}
	n, err := Build(context.Background(), model, Options{Delay: backend()})
	if err != nil {
		return err
	}
	if err := n.Hosts()[0].Start(exec.Command("/bin/sleep", "3600")); err != nil {
		return err
	}
	pidns, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return err
	}
	fmt.Println(pidns)
	for {
		time.Sleep(time.Hour)
	}
}

// TestKill kills a sandbox that holds a network with its relay and a program.
func TestKill(t *testing.T) {
	for _, userns := range []bool{true, false} {
		t.Run(fmt.Sprintf("user-namespace=%v", userns), func(t *testing.T) {
			before := linkNames(t)
			cmd := sandbox.Command(t.Context(), sandbox.Options{KeepTmp: true, UserNamespace: userns}, role)
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(out).ReadString('\n')
			pidns := strings.TrimSpace(line)
			if err != nil {
				t.Fatalf("the network was not built: %v", errors.Join(err, cmd.Wait()))
			}
			// Init, worker, program, and the relay where there is no netem.
			if processes := processesIn(pidns); processes < 3 {
				t.Errorf("%d processes in the sandbox, want at least 3", processes)
			}
			if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err == nil {
				t.Error("the sandbox ended well, want it killed")
			}
			left := 0
			for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
				if left = processesIn(pidns); left == 0 {
					break
				}
			}
			if left != 0 {
				t.Errorf("%d processes are left", left)
			}
			if after := linkNames(t); !slices.Equal(after, before) {
				t.Errorf("links are %v, were %v", after, before)
			}
		})
	}
}
