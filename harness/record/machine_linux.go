package record

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// fillMachine asks the kernel.
func fillMachine(m *Machine) {
	var uts unix.Utsname
	if unix.Uname(&uts) == nil {
		m.Kernel = fmt.Sprintf("%s %s %s", unix.ByteSliceToString(uts.Sysname[:]),
			unix.ByteSliceToString(uts.Release[:]), unix.ByteSliceToString(uts.Machine[:]))
	}
	if cpu := cpuModel(readText("/proc/cpuinfo")); cpu != "" {
		m.CPU = cpu
	}
	m.MemoryBytes = memTotal(readText("/proc/meminfo"))
	m.Privileged = privileged(os.Geteuid(), readText("/proc/self/uid_map"))
}

// cpuModel finds the processor's name in the text of /proc/cpuinfo; Arm
// kernels give no name, only the implementer's and part's numbers.
func cpuModel(cpuinfo string) string {
	fields := make(map[string]string)
	for line := range strings.Lines(cpuinfo) {
		key, value, ok := strings.Cut(line, ":")
		if key = strings.TrimSpace(key); ok && fields[key] == "" {
			fields[key] = strings.TrimSpace(value)
		}
	}
	for _, key := range []string{"model name", "Model", "cpu model", "Processor"} {
		if fields[key] != "" {
			return fields[key]
		}
	}
	if fields["CPU implementer"] != "" {
		return fmt.Sprintf("Arm implementer %s part %s", fields["CPU implementer"], fields["CPU part"])
	}
	return ""
}

// memTotal finds the memory in bytes in the text of /proc/meminfo, 0 where it
// is missing.
func memTotal(meminfo string) int64 {
	for line := range strings.Lines(meminfo) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "MemTotal: %d kB", &kib); n == 1 {
			return kib * 1024
		}
	}
	return 0
}

// privileged reports whether a user is root outside of all user namespaces.
func privileged(user int, uidMap string) bool { return user == 0 && initialUserNamespace(uidMap) }

// initialUserNamespace reports whether a uid_map maps every user to itself, as
// only the first user namespace's does (user_namespaces(7)).
func initialUserNamespace(uidMap string) bool {
	f := strings.Fields(uidMap)
	return len(f) == 3 && f[0] == "0" && f[1] == "0" && f[2] == "4294967295"
}

// readText returns the text of a small file, empty where it cannot be read.
func readText(name string) string {
	text, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	return string(text)
}
