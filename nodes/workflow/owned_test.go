package workflow

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"edgebed/nodes/units"
)

// TestOwned: all that names a state names the owner's, and nothing else changes.
func TestOwned(t *testing.T) {
	w := &Workflow{
		Functions:    []string{"f", "g"},
		Dependencies: map[string][]string{"s": {"f"}, "t": {"f", "g"}},
		StateSizes:   map[string]units.Size{"s": 1, "t": 2},
		Order:        map[string][]int{"t": {0, 1}},
		AnyOrder:     []string{"s"},
	}
	before := w.Hash()
	want := &Workflow{
		Functions:    []string{"f", "g"},
		Dependencies: map[string][]string{"s~7": {"f"}, "t~7": {"f", "g"}},
		StateSizes:   map[string]units.Size{"s~7": 1, "t~7": 2},
		Order:        map[string][]int{"t~7": {0, 1}},
		AnyOrder:     []string{"s~7"},
	}
	if diff := cmp.Diff(want, w.Owned("7")); diff != "" {
		t.Errorf("owned (-want +got):\n%s", diff)
	}
	if w.Hash() != before || w.Owned("7").Validate() != nil {
		t.Error("the workflow itself was changed, or its copy is not valid")
	}
}
