package cgroup

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Folders calls visit with the folders of the process's control group for a controller and of
// the groups around it, innermost first, below root. Those of version 2 come with
// second set.
func Folders(root fs.FS, controller string, visit func(folder string, second bool)) {
	own := map[string]string{} // path in the hierarchy, by controller; "" is version 2
	for line := range lines(root, "proc/self/cgroup") {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		for _, name := range strings.Split(parts[1], ",") {
			own[name] = parts[2]
		}
	}

	for line := range lines(root, "proc/self/mountinfo") {
		before, after, ok := strings.Cut(line, " - ")
		fields, super := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(super) < 3 {
			continue
		}
		second := super[0] == "cgroup2"
		if !second && (super[0] != "cgroup" || !slices.Contains(strings.Split(super[2], ","), controller)) {
			continue
		}
		key := controller
		if second {
			key = ""
		}
		group, ok := own[key]
		if !ok {
			continue
		}

		// The mount may show a part of the hierarchy only, as in a container.
		mounted, point := fields[3], strings.TrimPrefix(fields[4], "/")
		rest, inside := strings.CutPrefix(group, mounted)
		if mounted == "/" {
			rest, inside = group, true
		}
		if !inside {
			rest = ""
		}
		for rest = path.Join("/", rest); ; rest = path.Dir(rest) {
			visit(path.Join(point, rest), second)
			if rest == "/" {
				break
			}
		}
	}
}

// lines yields those of a small file, none where it cannot be read.
func lines(root fs.FS, name string) func(yield func(string) bool) {
	text, _ := fs.ReadFile(root, name)
	return strings.Lines(string(text))
}
