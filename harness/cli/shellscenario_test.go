package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestIsScenario checks what the shell takes for a scenario: topologies keep their names.
func TestIsScenario(t *testing.T) {
	topology := filepath.Join(t.TempDir(), "t.yaml")
	if err := os.WriteFile(topology, []byte("name: t\nswitches: [s]\nhosts: [{name: h, switch: s}]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		"exp400": true, "web-server": true, "ring-size": true, withPrograms(t, serverAndClient): true,
		"ring": false, "ring6": false, "hourglass": false, "tree,depth=2": false, "nothing": false, topology: false,
	} {
		if got := isScenario(name); got != want {
			t.Errorf("%s is a scenario: %v", name, got)
		}
	}
}

// TestShellOnScenario runs the shell with the nodes and programs of a scenario, as one types
// it.
func TestShellOnScenario(t *testing.T) {
	file := withPrograms(t, serverAndClient)
	var stderr bytes.Buffer
	if code := Run(t.Context(), []string{"shell", file, "-c", "invoke"}, &bytes.Buffer{}, &stderr); code != exitUsage ||
		!strings.Contains(stderr.String(), "--allow-exec") {
		t.Errorf("without consent: exit code %d, %s", code, stderr.String())
	}
	stderr.Reset()
	if code := Run(t.Context(), []string{"shell", "ring", "--where", "a=b"}, &bytes.Buffer{}, &stderr); code != exitUsage ||
		!strings.Contains(stderr.String(), "--where is for scenarios") {
		t.Errorf("a selection of a topology: exit code %d, %s", code, stderr.String())
	}

	needSandbox(t)
	var log bytes.Buffer
	cmd := command(t, &log, "shell", file, "--allow-exec", "-c", "invoke", "-c", "tables host0")
	cmd.Stdout = &log
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	for _, want := range []string{"execution 0: ", "client.goodput", "10.1.0.2"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the shell does not say %q:\n%s", want, log.String())
		}
	}
}
