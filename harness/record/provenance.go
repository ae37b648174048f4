package record

import (
	"cmp"
	"runtime"
	"runtime/debug"
)

// version, commit and date (of the commit, RFC 3339) are set by make with
// -ldflags "-X edgebed/harness/record.version=v1.2.3 -X edgebed/harness/record.commit=...".
var version, commit, date string

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

// CommitDate returns when the commit that ToolInfo names was made, in RFC 3339,
// or "unknown".
func CommitDate() string {
	info, _ := debug.ReadBuildInfo()
	return commitDate(info, date)
}

// commitDate is CommitDate for a given build; info may be nil.
func commitDate(info *debug.BuildInfo, date string) string {
	if date == "" && info != nil {
		date = setting(info, "vcs.time")
	}
	return cmp.Or(date, unknown)
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
	commit := setting(info, "vcs.revision")
	if commit != "" && setting(info, "vcs.modified") == "true" {
		commit += "+dirty"
	}
	return commit
}

// setting is a setting of a build, or empty.
func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}
