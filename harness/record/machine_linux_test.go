package record

import "testing"

func TestProcTexts(t *testing.T) {
	for text, want := range map[string]string{
		"processor\t: 0\nmodel name\t: Fast CPU @ 3 GHz: special\n\nprocessor\t: 1\nmodel name\t: Other\n": "Fast CPU @ 3 GHz: special",
		"processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\nModel\t\t: Raspberry Pi 4\n":          "Raspberry Pi 4",
		"processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n":                                     "Arm implementer 0x41 part 0xd08",
		"nonsense": "",
		"":         "",
	} {
		if got := cpuModel(text); got != want {
			t.Errorf("cpuModel(%q) = %q, want %q", text, got, want)
		}
	}
	if got := memTotal("MemFree: 1 kB\nMemTotal:       16384 kB\n"); got != 16<<20 {
		t.Errorf("memTotal = %d, want %d", got, 16<<20)
	}
	if got := memTotal("MemFree: 1 kB\n"); got != 0 {
		t.Errorf("memTotal without one = %d, want 0", got)
	}
	for text, want := range map[string]bool{
		"         0          0 4294967295\n": true,
		"         0       1000          1\n": false,
		"0 0 1\n1 100000 65536\n":            false,
		"":                                   false,
	} {
		if got := initialUserNamespace(text); got != want {
			t.Errorf("initialUserNamespace(%q) = %v", text, got)
		}
	}
}

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
