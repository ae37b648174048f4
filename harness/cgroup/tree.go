package cgroup

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// prefix is what the names of groups begin with.
const prefix = "edgebed-"

// Tree are groups for programs, in the machine's control groups.
type Tree struct {
	hierarchies []*hierarchy
	guard       *exec.Cmd
	said        bytes.Buffer // by the guard
	line        *os.File     // by which the guard sees that this process has ended
}

// hierarchy is one of the kernel's trees of groups, with what is ours in it.
type hierarchy struct {
	controllers []string
	second      bool
	base        string   // the folder that ours is made in
	own         string   // that of this process's group
	folder      string   // ours
	lock        *os.File // of it, as long as it is in use
}

// Make makes a group for each program that has limits, by their names, and starts the guard.
// Without any it is nil, on which methods do nothing. The error says what the machine lacks and
// what to do.
func Make(programs map[string]Limits) (made *Tree, err error) {
	needed := map[string]bool{}
	for _, l := range programs {
		for _, c := range l.controllers() {
			needed[c] = true
		}
	}
	if len(needed) == 0 {
		return nil, nil
	}

	t := &Tree{}
	defer func() {
		if err != nil {
			err = fmt.Errorf("limit programs: %w", errors.Join(err, t.Close()))
		}
	}()
	if t.hierarchies, err = find(os.DirFS("/"), slices.Sorted(maps.Keys(needed))); err != nil {
		return nil, err
	}
	if err := t.add(prefix + strings.ToLower(rand.Text())[:12]); err != nil {
		return nil, err
	}
	if err := t.startGuard(); err != nil {
		return nil, err
	}
	for _, h := range t.hierarchies {
		if err := h.addPrograms(programs); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Ready finds out whether groups for programs can be made, by making and removing them.
func Ready(programs map[string]Limits) error {
	t, err := Make(programs)
	return errors.Join(err, t.Close())
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
		case len(second) > 0:
			// Groups with processes in them have no others below, but for the outermost one: ours
			// are beside that of this process.
			base := second[min(1, len(second)-1)]
			h.second, h.own, h.base = true, "/"+second[0], "/"+base
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

// add makes our folder in each hierarchy, locked, and removes those of processes that have
// ended.
func (t *Tree) add(name string) error {
	for _, h := range t.hierarchies {
		err := locked(h.base, func() error {
			if _, err := sweep(h.base); err != nil {
				return err
			}
			folder := filepath.Join(h.base, name)
			if err := os.Mkdir(folder, 0o755); err != nil {
				return err
			}
			h.folder = folder

			var err error
			h.lock, err = lock(folder)
			return err
		})
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) {
			return fmt.Errorf("make a control group: %w; %s", err, cure)
		}
		if err != nil {
			return fmt.Errorf("make a control group: %w", err)
		}
	}
	return nil
}

// lock opens a folder and locks it, unless another process has it.
func lock(folder string) (*os.File, error) {
	f, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(&fs.PathError{Op: "lock", Path: folder, Err: err}, f.Close())
	}
	return f, nil
}

// locked calls do while no other edgebed makes or removes groups in a folder.
func locked(folder string, do func() error) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return &fs.PathError{Op: "lock", Path: folder, Err: err}
	}
	return do()
}

// sweep removes groups in a folder whose makers and guards have ended, and counts them.
func sweep(folder string) (removed int, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		f, err := lock(filepath.Join(folder, e.Name()))
		if err != nil {
			continue // somebody's, or gone
		}
		if remove(f.Name()) == nil {
			removed++
		}
		f.Close()
	}
	return removed, nil
}

// remove removes a group with the groups in it. Its files are the kernel's.
func remove(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			err = errors.Join(err, remove(filepath.Join(folder, e.Name())))
		}
	}
	return errors.Join(err, os.Remove(folder))
}

// Sweep removes the groups that processes left which were killed with their guards, and returns
// how many there were.
func Sweep() (removed int) {
	for _, c := range []string{cpu, memory} {
		found, err := find(os.DirFS("/"), []string{c})
		if err != nil {
			continue
		}
		for _, h := range found {
			_ = locked(h.base, func() error { // what cannot be removed is left to its owner
				n, err := sweep(h.base)
				removed += n
				return err
			})
		}
	}
	return removed
}

// addPrograms makes the groups of programs, with their limits.
func (h *hierarchy) addPrograms(programs map[string]Limits) error {
	if h.second {
		enable := "+" + strings.Join(h.controllers, " +")
		if err := write(filepath.Join(h.folder, "cgroup.subtree_control"), enable); err != nil {
			return fmt.Errorf("make a control group: %w; %s", err, cure)
		}
	}

	for _, name := range slices.Sorted(maps.Keys(programs)) {
		folder := filepath.Join(h.folder, name)
		if err := os.Mkdir(folder, 0o755); err != nil {
			return fmt.Errorf("make the control group of program %s: %w", name, err)
		}
		for _, c := range h.controllers {
			for _, s := range programs[name].settings(c, h.second) {
				err := write(filepath.Join(folder, s.file), s.value)
				if err != nil && !(s.optional && errors.Is(err, fs.ErrNotExist)) {
					return fmt.Errorf("limit program %s: %w", name, err)
				}
			}
		}
	}
	return nil
}

// write writes into a file of the kernel's.
func write(file, value string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// handed names the environment variable that tells a worker the descriptors of its groups:
// VERSION:CONTROLLERS=FOLDER,OWN for each hierarchy, with semicolons between.
const handed = "EDGEBED_CONTROL_GROUPS"

// Attach hands the groups on to a command that is not started yet, behind its other files.
func (t *Tree) Attach(cmd *exec.Cmd) error {
	if t == nil {
		return nil
	}

	const standard = 3 // descriptors in front of the extra files
	var parts []string
	for _, h := range t.hierarchies {
		own, err := os.Open(h.own)
		if err != nil {
			return fmt.Errorf("hand control groups on: %w", err)
		}
		version := 1
		if h.second {
			version = 2
		}
		next := standard + len(cmd.ExtraFiles)
		parts = append(parts,
			fmt.Sprintf("%d:%s=%d,%d", version, strings.Join(h.controllers, "+"), next, next+1))
		cmd.ExtraFiles = append(cmd.ExtraFiles, h.lock, own)
	}

	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, handed+"="+strings.Join(parts, ";"))
	return nil
}

// Close has the guard remove the groups, with what still runs in them.
func (t *Tree) Close() error {
	if t == nil {
		return nil
	}
	var errs []error
	for _, h := range t.hierarchies {
		if h.lock != nil {
			errs = append(errs, h.lock.Close())
		}
	}
	if t.guard != nil {
		errs = append(errs, t.line.Close())
		if err := t.guard.Wait(); err != nil {
			errs = append(errs, fmt.Errorf("remove control groups: %w\n%s", err, t.said.Bytes()))
		}
		return errors.Join(errs...)
	}
	for _, h := range t.hierarchies {
		if h.folder != "" {
			errs = append(errs, remove(h.folder))
		}
	}
	return errors.Join(errs...)
}

// descriptors reads what Attach has written.
func descriptors(text string) (list []inner, err error) {
	for part := range strings.SplitSeq(text, ";") {
		what, files, ok := strings.Cut(part, "=")
		version, controllers, ok2 := strings.Cut(what, ":")
		folder, own, ok3 := strings.Cut(files, ",")
		a, errA := strconv.Atoi(folder)
		b, errB := strconv.Atoi(own)
		if !ok || !ok2 || !ok3 || errA != nil || errB != nil {
			return nil, fmt.Errorf("read %s: %q names no groups", handed, text)
		}
		list = append(list, inner{strings.Split(controllers, "+"), version == "2", a, b})
	}
	return list, nil
}
