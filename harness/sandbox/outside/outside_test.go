package outside

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"edgebed/harness/cgroup"
)

// TestLeftGroup: a control group that nobody has is told of, however deep it lies.
func TestLeftGroup(t *testing.T) {
	own := ""
	cgroup.Folders(os.DirFS("/"), "memory", func(folder string, _ bool) {
		if own == "" {
			own = "/" + folder
		}
	})
	if own == "" {
		t.Skip("there are no control groups here")
	}
	group := filepath.Join(own, fmt.Sprintf("edgebed-outside-%d", os.Getpid()))

	for range 10 {
		before, err := Describe()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(group, 0o755); err != nil {
			t.Skip("no control group can be made here:", err)
		}
		after, err := Describe()
		if errors.Is(os.Remove(group), fs.ErrNotExist) {
			continue // another edgebed swept it meanwhile
		}
		if want := "+cgroup " + group + "\n"; err != nil || !strings.Contains(Changed(before, after), want) {
			t.Errorf("the change is %q, %v; want also %q", Changed(before, after), err, want)
		}
		return
	}
	t.Fatal("others remove the group each time")
}
