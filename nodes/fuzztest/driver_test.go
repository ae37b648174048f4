package fuzztest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestDriver has scripts/fuzz find every fault: it fails, names the input, and says what
// that does alone.
func TestDriver(t *testing.T) {
	if testing.Short() {
		t.Skip("fuzzing takes some seconds for each fault")
	}
	for name, want := range map[string]string{
		"memory": "MB of memory, of at most 256 MB",
		"pieces": "MB of memory, of at most 256 MB",
		"bomb":   "fatal error: runtime: ",
		"time":   "of the processors, of at most 1s",
		"hang":   "panic: the input has not ended after",
	} {
		cmd := exec.Command("../../scripts/fuzz", "10s", "nodes/fuzztest:FuzzFault")
		cmd.Env = append(os.Environ(), fault+"="+name)
		out, _ := cmd.CombinedOutput()
		if err := os.RemoveAll("testdata"); err != nil { // what was found there
			t.Fatal(err)
		}
		if code := cmd.ProcessState.ExitCode(); code != 1 {
			t.Errorf("with the fault %q scripts/fuzz exits with %d, want 1", name, code)
		}
		for _, want := range []string{
			"nodes/fuzztest FuzzFault: FAILED on nodes/fuzztest/testdata/fuzz/FuzzFault/", "That input alone,", want,
		} {
			if !strings.Contains(string(out), want) {
				t.Errorf("with the fault %q scripts/fuzz does not say %q:\n%s", name, want, out)
			}
		}
		if strings.Contains(string(out), "passes alone") {
			t.Errorf("with the fault %q the input passes alone:\n%s", name, out)
		}
	}
}
