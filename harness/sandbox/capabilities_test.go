package sandbox_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"edgebed/harness/sandbox"
)

// status writes what the kernel says of this process, and of one that it starts.
func status([]string) error {
	own, err := os.Open("/proc/self/status")
	if err != nil {
		return err
	}
	defer own.Close()
	if _, err := io.Copy(os.Stdout, own); err != nil {
		return err
	}
	child := exec.Command("cat", "/proc/self/status")
	child.Stdout = os.Stdout
	return child.Run()
}

// TestCapabilities checks that a worker, and what it starts, has the capabilities that
// it was given and no others, and all of them without a list.
func TestCapabilities(t *testing.T) {
	eachWay(t, func(t *testing.T, opts sandbox.Options) {
		for _, keep := range [][]int{{unix.CAP_NET_ADMIN, unix.CAP_SYS_ADMIN}, {unix.CAP_NET_RAW}, nil} {
			opts.Capabilities = keep
			out, err := sandbox.Command(t.Context(), opts, "status").Output()
			if err != nil {
				t.Fatal(err)
			}

			var want uint64
			for _, c := range keep {
				want |= 1 << c
			}
			seen := 0
			for line := range strings.Lines(string(out)) {
				name, value, _ := strings.Cut(strings.TrimSpace(line), ":\t")
				if name != "CapEff" && name != "CapPrm" && name != "CapBnd" && name != "CapInh" {
					continue
				}
				seen++
				var got uint64
				if _, err := fmt.Sscanf(value, "%x", &got); err != nil {
					t.Fatal(err)
				}
				switch {
				case keep == nil && name == "CapEff" && got&(1<<unix.CAP_NET_ADMIN) == 0:
					t.Errorf("without a list the worker has %#x", got)
				case keep != nil && name == "CapInh" && got&^want != 0, keep != nil && name != "CapInh" && got != want:
					t.Errorf("%s is %#x, want %#x", name, got, want)
				}
			}
			if seen != 8 {
				t.Errorf("%d sets of two processes, want 8:\n%s", seen, out)
			}
		}
	})
}
