package cgroup

import (
	"fmt"
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

// cure is what to do where no groups can be made.
const cure = "run as root, or in a scope that is delegated to you " +
	"(systemd-run --user --scope -p Delegate=yes edgebed ...), or leave limits out"

// find returns the hierarchies of controllers, and where groups can be made in each.
func find(root fs.FS, controllers []string) (list []*hierarchy, err error) {
	for _, c := range controllers {
		var first, second []string // of each version, innermost first
		Folders(root, c, func(folder string, isSecond bool) {
			if isSecond {
				second = append(second, folder)
			} else {
				first = append(first, folder)
			}
		})

		h := &hierarchy{controllers: []string{c}}
		switch {
		case len(first) > 0:
			h.own, h.base = "/"+first[0], "/"+first[0]
		case c == accounting:
			continue // nobody knows then what of its share a group has used, or version 2 does
		case len(second) > 0:
			// Groups with processes in them have no others below, but for the outermost one: ours
			// are beside that of this process.
			base := second[min(1, len(second)-1)]
			h.second, h.base = true, "/"+base
			enabled, _ := fs.ReadFile(root, base+"/cgroup.subtree_control")
			if !slices.Contains(strings.Fields(string(enabled)), c) {
				return nil, fmt.Errorf("the control group /%s has no %s for those in it; %s", base, c, cure)
			}
		default:
			return nil, fmt.Errorf("no control groups of the kernel's controller %s are mounted here; %s", c, cure)
		}

		same := func(other *hierarchy) bool { return other.base == h.base }
		if k := slices.IndexFunc(list, same); k >= 0 {
			list[k].controllers = append(list[k].controllers, c)
			continue
		}
		list = append(list, h)
	}
	return list, nil
}
