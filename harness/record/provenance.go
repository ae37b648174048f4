package record

import (
	"runtime"
	"runtime/debug"
)

// version and commit are set by a release build with
// -ldflags "-X edgebed/harness/record.version=v1.2.3 -X edgebed/harness/record.commit=...".
var version, commit string

// unknown stands for what could not be found out.
const unknown = "unknown"

// MachineInfo describes the machine that this process runs on. What cannot be
// found out is "unknown" or zero. Privileged is about this process: it is true
// for root of the initial user namespace.
func MachineInfo() Machine {
	m := Machine{Kernel: unknown, CPU: unknown, Cores: runtime.NumCPU()}
	fillMachine(&m)
	return m
}

// ToolInfo describes this program: the version and commit that its build was
// given, or else those that the go command stamped into it.
func ToolInfo() Tool {
	info, _ := debug.ReadBuildInfo()
	return toolInfo(info, version, commit)
}

// toolInfo is ToolInfo for a given build; info may be nil.
func toolInfo(info *debug.BuildInfo, version, commit string) Tool {
	t := Tool{Version: version, Commit: commit, Go: runtime.Version()}
	if info != nil {
		if t.Version == "" {
			t.Version = info.Main.Version
		}
		if t.Commit == "" {
			t.Commit = revision(info)
		}
	}
	if t.Version == "" {
		t.Version = "(devel)"
	}
	if t.Commit == "" {
		t.Commit = unknown
	}
	return t
}

// revision is the commit stamped into a build, with "+dirty" where the tree
// had changes; empty where the go command found no repository.
func revision(info *debug.BuildInfo) string {
	var commit, dirty string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+dirty"
		}
	}
	if commit == "" {
		return ""
	}
	return commit + dirty
}
