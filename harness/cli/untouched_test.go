package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"edgebed/harness/sandbox/outside"
)

// nobody is a user without any privilege.
const nobody = 65534

// TestHostUntouched runs a campaign to each kind of end, as the user that the test
// runs as and, for root, as one without privileges, and checks that the machine is
// what it was: links, addresses, queues, routes, rules, settings of the network,
// mounts, namespaces, control group, processes.
func TestHostUntouched(t *testing.T) {
	t.Parallel()
	needSandbox(t)
	for _, user := range users(t) {
		for _, tc := range []struct {
			name       string
			executions string
			signal     syscall.Signal // 0 lets the campaign end
			code       int            // -1 where a signal ends it
		}{
			{"normal end", "3", 0, exitOK},
			{"Ctrl-C", "2000", syscall.SIGINT, exitInterrupted},
			{"kill -9", "2000", syscall.SIGKILL, -1},
		} {
			t.Run(user.name+", "+tc.name, func(t *testing.T) {
				mark := fmt.Sprintf("EDGEBED_TEST_MARK=%d-%d", os.Getpid(), time.Now().UnixNano())
				scenario := small(t, "10 Mb/s", "1 kB", tc.executions)
				out := filepath.Join(filepath.Dir(scenario), "out")
				user.give(t, filepath.Dir(scenario))
				before := surroundings(t)

				var log bytes.Buffer
				cmd := command(t, &log, "run", scenario, "--jobs", "1", "--reruns", "0", "--out", out)
				cmd.Path, cmd.SysProcAttr = user.program, user.attributes()
				cmd.Env = append(cmd.Env, mark)
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				if tc.signal != 0 {
					waitForRecord(t, out, &log)
					if err := cmd.Process.Signal(tc.signal); err != nil {
						t.Fatal(err)
					}
				}
				var exit *exec.ExitError
				if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
					t.Fatal(err)
				}
				if code := cmd.ProcessState.ExitCode(); code != tc.code {
					t.Errorf("exit code %d, want %d\n%s", code, tc.code, log.String())
				}

				// The kernel takes down what a killed one had.
				for end := time.Now().Add(10 * time.Second); len(marked(t, mark)) > 0 && time.Now().Before(end); {
					time.Sleep(10 * time.Millisecond)
				}
				if left := marked(t, mark); len(left) > 0 {
					t.Errorf("processes %v are left", left)
				}
				if after := surroundings(t); after != before {
					t.Errorf("the machine changed:\n%s", outside.Changed(before, after))
				}
			})
		}
	}
}

// user is who runs a campaign.
type user struct {
	name, program string
	id            uint32
}

// users returns the test's own user, and for root nobody as well, where nobody may
// make namespaces.
func users(t *testing.T) []user {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	list := []user{{fmt.Sprint("user ", os.Geteuid()), self, uint32(os.Geteuid())}}
	if os.Geteuid() != 0 {
		return list
	}

	// The test's program is in a folder that only its user may enter.
	dir := t.TempDir()
	other := user{fmt.Sprint("user ", nobody), filepath.Join(dir, "edgebed"), nobody}
	other.give(t, dir)
	from, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.OpenFile(other.program, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(to, from)
	if err := errors.Join(err, to.Close()); err != nil {
		t.Fatal(err)
	}

	var log bytes.Buffer
	doctor := command(t, &log, "doctor")
	doctor.Path, doctor.SysProcAttr = other.program, other.attributes()
	if err := doctor.Run(); err != nil {
		t.Logf("%s cannot run the emulation here: %v\n%s", other.name, err, log.String())
		return list
	}
	return append(list, other)
}

// give makes a folder of the test the user's, and lets the user reach it.
func (u user) give(t *testing.T, dir string) {
	t.Helper()
	if int(u.id) == os.Geteuid() {
		return
	}
	if err := os.Chown(dir, int(u.id), int(u.id)); err != nil {
		t.Fatal(err)
	}
	for ; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func (u user) attributes() *syscall.SysProcAttr {
	if int(u.id) == os.Geteuid() {
		return nil
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: u.id, Gid: u.id}}
}
