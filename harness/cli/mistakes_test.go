package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"edgebed/harness/golden"
	"edgebed/harness/topology"
	"edgebed/nodes/workflow"
	"edgebed/nodes/yamlfile"
)

// TestMistakes holds what wrong files are answered against the messages in
// testdata/mistakes.golden. The files, in testdata/errors, are scenarios,
// topologies and workflows by the start of their names. Each must be refused within
// moments, with a place where it has one.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/errors/*-*.*")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 120 {
		t.Fatalf("%d wrong files, want 120 at least", len(files))
	}
	var got bytes.Buffer
	for _, file := range files {
		began := time.Now()
		message := refusal(t, file)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s was refused after %v", file, took)
		}
		if message == "" {
			t.Errorf("%s was accepted", file)
		}
		if !strings.Contains(message, "testdata/errors/") {
			t.Errorf("%s: the message names no file: %s", file, message)
		}
		fmt.Fprintf(&got, "== %s\n%s\n", filepath.Base(file), strings.TrimRight(message, "\n"))
	}
	golden.Check(t, "mistakes.golden", got.Bytes())
}

// refusal returns what the user is told about a wrong file, nothing where it is
// accepted.
func refusal(t *testing.T, file string) string {
	t.Helper()
	if strings.HasPrefix(filepath.Base(file), "scenario-") {
		var stdout, stderr bytes.Buffer
		if code := Run(t.Context(), []string{"validate", file}, &stdout, &stderr); code != exitUsage && code != exitOK {
			t.Errorf("%s: exit code %d, want %d", file, code, exitUsage)
		}
		return stderr.String()
	}

	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(filepath.Base(file), "workflow-") {
		_, err = workflow.ParseJSON(file, data)
	} else {
		_, err = topology.Parse(file, data)
	}
	if err == nil {
		return ""
	}
	return yamlfile.Explain(err)
}
