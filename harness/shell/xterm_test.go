package shell

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestXterm opens windows on a real display, on a host and a router. What runs in them is there.
func TestXterm(t *testing.T) {
	for _, program := range []string{"Xvfb", "xterm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("there is no %s (Debian: apt-get install xvfb xterm): no window is opened", program)
		}
	}
	t.Setenv("DISPLAY", startDisplay(t))

	// The windows' shell writes where it is.
	dir := t.TempDir()
	script := filepath.Join(dir, "shell")
	text := fmt.Sprintf("#!/bin/sh\necho $EDGEBED_HOST $(readlink /proc/self/ns/net) > %s/$EDGEBED_HOST.new\n"+
		"mv %s/$EDGEBED_HOST.new %s/$EDGEBED_HOST.is\n", dir, dir, dir)
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SHELL", script)

	s, _ := start(t, "linear,2,mode=routed")
	execute(t, s, "xterm host1 s0")
	for _, name := range []string{"host1", "s0"} {
		m, err := s.machine(name)
		if err != nil {
			t.Fatal(err)
		}
		var want string
		err = m.Do(func() error {
			want, err = os.Readlink("/proc/thread-self/ns/net")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := await(t, filepath.Join(dir, name+".is")); got != name+" "+want {
			t.Errorf("in the window of %s it is %q, want %q", name, got, name+" "+want)
		}
	}
}

// startDisplay starts an X server without a screen and returns its display.
func startDisplay(t *testing.T) string {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	const passed = 3 // the descriptor on which it says its number
	cmd := exec.Command("Xvfb", "-displayfd", fmt.Sprint(passed), "-nolisten", "tcp")
	cmd.ExtraFiles = []*os.File{write}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	write.Close()

	var number string
	if _, err := fmt.Fscan(read, &number); err != nil {
		t.Fatalf("Xvfb says no number: %v", err)
	}
	return ":" + number
}

// await returns what a file holds once it is there.
func await(t *testing.T, path string) string {
	t.Helper()
	for range 1000 {
		data, err := os.ReadFile(path)
		if err == nil {
			return strings.TrimSpace(string(data))
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%s does not come", path)
	return ""
}

// TestNoDisplay holds what is said where no window can be opened.
func TestNoDisplay(t *testing.T) {
	closed := filepath.Join("/tmp/.X11-unix", "X987")
	if c, err := net.Dial("unix", closed); err == nil {
		c.Close()
		t.Skip("there is a display :987")
	}
	for display, want := range map[string]string{
		"":                 "DISPLAY is not set",
		"localhost:10.0":   "reached by the machine's network",
		"192.168.0.9:0":    "reached by the machine's network",
		":987":             "find the X display :987: dial unix /tmp/.X11-unix/X987",
		"unix:987.1":       "find the X display unix:987.1: dial unix /tmp/.X11-unix/X987",
		":../../../bin/sh": "find the X display :../../../bin/sh: dial unix /tmp/.X11-unix/X: ",
	} {
		if err := findDisplay(display); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("with DISPLAY=%q: %v, want %q", display, err, want)
		}
	}
}
