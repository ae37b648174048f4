package record

import "testing"

// TestPrivileged: only root of the machine itself is, not that of a container's users.
func TestPrivileged(t *testing.T) {
	const initial, mapped = "         0          0 4294967295\n", "         0       1000          1\n"
	for _, tc := range []struct {
		user int
		text string
		want bool
	}{{0, initial, true}, {1000, initial, false}, {0, mapped, false}, {1000, mapped, false}} {
		if got := privileged(tc.user, tc.text); got != tc.want {
			t.Errorf("user %d with the map %q is privileged: %v", tc.user, tc.text, got)
		}
	}

	// What the kernel says of a processor is what is recorded.
	if model := cpuModel(readText("/proc/cpuinfo")); model != "" && MachineInfo().CPU != model {
		t.Errorf("the processor is %q, want %q", MachineInfo().CPU, model)
	}
}
