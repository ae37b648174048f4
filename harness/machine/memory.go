package machine

import (
	"fmt"
	"io/fs"
	"os"
	"path"

	"edgebed/harness/cgroup"
)

// Memory is how much the process may have, with all that it starts.
type Memory struct {
	// Allowed in bytes.
	Allowed int64
	// Setting names what limits it and says how to change it.
	Setting string
}

// MemoryLimit returns the tightest limit of memory of the control groups, or false where there is
// none.
func MemoryLimit() (Memory, bool) { return memory(os.DirFS("/")) }

// noMemoryLimit is less than what version 1 of control groups has where nothing limits memory.
const noMemoryLimit = 1 << 60

func memory(root fs.FS) (tightest Memory, ok bool) {
	cgroup.Folders(root, "memory", func(folder string, second bool) {
		name := "memory.limit_in_bytes"
		if second {
			name = "memory.max"
		}
		allowed, limited := number(root, path.Join(folder, name))
		if limited && allowed < noMemoryLimit && (!ok || allowed < tightest.Allowed) {
			ok = true
			tightest = Memory{allowed, fmt.Sprintf("raise %s of the control group /%s "+
				"(systemd: MemoryMax=, docker and podman: --memory)", name, folder)}
		}
	})
	return tightest, ok
}
