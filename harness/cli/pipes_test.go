package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestNoFile: an input that is no file ends a command with its place and what is
// wrong, instead of a wait that nothing ends.
func TestNoFile(t *testing.T) {
	scenario := small(t, "10 Mb/s", "1 kB", "1")
	dir := filepath.Dir(scenario)
	pipe := filepath.Join(dir, "pipe.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(scenario)
	if err != nil {
		t.Fatal(err)
	}
	named := func(topology string) string {
		t.Helper()
		file := filepath.Join(dir, strings.ReplaceAll(topology, "/", "-")+".scenario.yaml")
		changed := strings.Replace(string(text), "file: two.yaml", "file: "+topology, 1)
		if err := os.WriteFile(file, []byte(changed), 0o666); err != nil {
			t.Fatal(err)
		}
		return file
	}

	for name, tc := range map[string]struct {
		args []string
		want []string
	}{
		"scenario is a pipe":      {[]string{"validate", pipe}, []string{"pipe.yaml", "empty"}},
		"topology is a pipe":      {[]string{"validate", named("pipe.yaml")}, []string{"pipe.yaml:1:1:", "empty"}},
		"topology has no end":     {[]string{"validate", named("/dev/zero")}, []string{".scenario.yaml:6:", "/dev/zero", "larger"}},
		"a shell's topology":      {[]string{"topo", "show", "/dev/zero"}, []string{"/dev/zero", "larger"}},
		"a pipe for the topology": {[]string{"topo", "show", pipe}, []string{"pipe.yaml", "empty"}},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		var log bytes.Buffer
		cmd := command(t, &log, tc.args...)
		done := make(chan error, 1)
		go func() { done <- cmd.Run() }()
		select {
		case <-done:
		case <-ctx.Done():
			_ = cmd.Process.Kill()
			<-done
			t.Errorf("%s: still waiting after 20 s", name)
		}
		cancel()

		if code := cmd.ProcessState.ExitCode(); code != exitUsage {
			t.Errorf("%s: exit code %d, want %d", name, code, exitUsage)
		}
		for _, want := range tc.want {
			if !strings.Contains(log.String(), want) {
				t.Errorf("%s: the error does not say %q:\n%s", name, want, log.String())
			}
		}
	}
}
