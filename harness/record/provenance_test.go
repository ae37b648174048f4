package record

import (
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

func TestToolInfo(t *testing.T) {
	stamped := &debug.BuildInfo{
		Main:     debug.Module{Version: "v1.2.3"},
		Settings: []debug.BuildSetting{{Key: "vcs.modified", Value: "true"}, {Key: "vcs.revision", Value: "abc"}},
	}
	for name, c := range map[string]struct {
		info            *debug.BuildInfo
		version, commit string
		want            Tool
	}{
		"stamped":      {stamped, "", "", Tool{Version: "v1.2.3", Commit: "abc+dirty"}},
		"release":      {stamped, "v2", "def", Tool{Version: "v2", Commit: "def"}},
		"not stamped":  {&debug.BuildInfo{}, "", "", Tool{Version: "(devel)", Commit: "unknown"}},
		"without info": {nil, "", "", Tool{Version: "(devel)", Commit: "unknown"}},
	} {
		c.want.Go = runtime.Version()
		if got := toolInfo(c.info, c.version, c.commit); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	if got := ToolInfo(); got.Go == "" || got.Version == "" || got.Commit == "" {
		t.Errorf("ToolInfo = %+v, want no empty field", got)
	}
}

func TestCommitDate(t *testing.T) {
	stamped := &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.time", Value: "2026-11-22T12:00:00Z"}}}
	for name, c := range map[string]struct {
		info       *debug.BuildInfo
		date, want string
	}{
		"stamped":      {stamped, "", "2026-11-22T12:00:00Z"},
		"given":        {stamped, "2026-11-23T12:00:00Z", "2026-11-23T12:00:00Z"},
		"not stamped":  {&debug.BuildInfo{}, "", "unknown"},
		"without info": {nil, "", "unknown"},
	} {
		if got := commitDate(c.info, c.date); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if CommitDate() == "" {
		t.Error("CommitDate is empty, want a date or unknown")
	}
}

func TestMachineInfo(t *testing.T) {
	m := MachineInfo()
	if m.Kernel == "" || m.CPU == "" || m.Cores < 1 {
		t.Errorf("MachineInfo = %+v", m)
	}
	if runtime.GOOS == "linux" && (!strings.HasPrefix(m.Kernel, "Linux ") || m.MemoryBytes < 1<<20) {
		t.Errorf("MachineInfo = %+v, want the kernel and the memory", m)
	}
}
