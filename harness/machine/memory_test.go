package machine

import (
	"strings"
	"testing"
)

// TestMemory checks both versions of control groups, and that the tightest limit counts.
func TestMemory(t *testing.T) {
	const one = "25 1 0:3 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
	for name, tc := range map[string]struct {
		files map[string]string
		want  int64 // 0 is none
		names string
	}{
		"none": {map[string]string{"proc/self/cgroup": "0::/a\n", "proc/self/mountinfo": mountsTwo,
			"sys/fs/cgroup/a/memory.max": "max\n"}, 0, ""},
		"the group around it": {map[string]string{"proc/self/cgroup": "0::/a/b\n", "proc/self/mountinfo": mountsTwo,
			"sys/fs/cgroup/a/b/memory.max": "9000000\n", "sys/fs/cgroup/a/memory.max": "4000000\n"},
			4000000, "memory.max of the control group /sys/fs/cgroup/a "},
		"version 1": {map[string]string{"proc/self/cgroup": "4:memory:/a\n", "proc/self/mountinfo": one,
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "5000000\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes":   "9223372036854771712\n"}, 5000000, "memory.limit_in_bytes"},
		"version 1, none": {map[string]string{"proc/self/cgroup": "4:memory:/\n", "proc/self/mountinfo": one,
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 0, ""},
	} {
		got, ok := memory(tree(tc.files))
		if got.Allowed != tc.want || ok != (tc.want > 0) || !strings.Contains(got.Setting, tc.names) {
			t.Errorf("%s: %+v, %v", name, got, ok)
		}
	}
}
