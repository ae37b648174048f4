package cgroup

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// prefix is what the names of groups begin with.
const prefix = "edgebed-"

// Tree are groups for programs and hosts, in the machine's control groups.
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
	base        string     // the folder that ours is made in
	own         string     // that of this process's group, in version 1
	folder      string     // ours
	lock        *os.File   // of it, as long as it is in use
	handed      []*os.File // to commands, and closed with the tree
}

// Make makes groups with limits, by their names, and starts the guard. A group whose name has a
// slash, as host/program, is in another one of them, whose limits hold for it, too. Without any
// limits it is nil, on which methods do nothing. The error says what the machine lacks and what to
// do.
func Make(groups map[string]Limits) (made *Tree, err error) {
	needed := controllers(groups)
	if len(needed) == 0 {
		return nil, nil
	}

	t := &Tree{}
	defer func() {
		if err != nil {
			err = fmt.Errorf("limit programs and hosts: %w", errors.Join(err, t.Close()))
		}
	}()
	if t.hierarchies, err = find(os.DirFS("/"), needed); err != nil {
		return nil, err
	}
	if err := t.add(prefix + strings.ToLower(rand.Text())[:12]); err != nil {
		return nil, err
	}
	if err := t.startGuard(); err != nil {
		return nil, err
	}
	for _, h := range t.hierarchies {
		if err := h.addGroups(groups); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// controllers are those of the kernel that groups need, sorted. What a group used of its share is
// counted only for those with others in them, which are hosts.
func controllers(groups map[string]Limits) []string {
	needed := map[string]bool{}
	for name, l := range groups {
		for _, c := range l.controllers() {
			needed[c] = true
		}
		if groups[outer(name)].CPU > 0 {
			needed[accounting] = true
		}
	}
	return slices.Sorted(maps.Keys(needed))
}

// outer is the name of the group that a group is in; empty where that is the folder of all.
func outer(name string) string {
	around, _ := path.Split(name)
	return strings.TrimSuffix(around, "/")
}

// Ready finds out whether groups can be made, by making and removing them.
func Ready(groups map[string]Limits) error {
	t, err := Make(groups)
	return errors.Join(err, t.Close())
}

// add makes our folder in each hierarchy, locked, and removes those of processes that have
// ended. A hierarchy that may not be written and does nothing but count is left out.
func (t *Tree) add(name string) error {
	for _, h := range slices.Clone(t.hierarchies) {
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
		refused := errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS)
		if refused && h.folder == "" && slices.Equal(h.controllers, []string{accounting}) {
			t.hierarchies = slices.DeleteFunc(t.hierarchies, func(o *hierarchy) bool { return o == h })
			continue
		}
		if refused {
			return fmt.Errorf("make a control group: %w; %s", err, cure)
		}
		if err != nil {
			return fmt.Errorf("make a control group: %w", err)
		}
	}
	return nil
}

// addGroups makes the groups, with their limits.
func (h *hierarchy) addGroups(groups map[string]Limits) error {
	var within map[string][]string
	if h.second { // version 1 needs no permission
		within = h.within(groups)
	}
	if err := h.enable("", within[""]); err != nil {
		return err
	}

	// A group comes before those that are in it.
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		folder := filepath.Join(h.folder, name)
		if err := os.Mkdir(folder, 0o755); err != nil {
			return fmt.Errorf("make the control group of %s: %w", name, err)
		}
		for _, c := range h.controllers {
			for _, s := range groups[name].settings(c, h.second) {
				err := write(filepath.Join(folder, s.file), s.value)
				if err != nil && !(s.optional && errors.Is(err, fs.ErrNotExist)) {
					return fmt.Errorf("limit %s: %w", name, err)
				}
			}
		}
		if err := h.enable(name, within[name]); err != nil {
			return err
		}
	}
	return nil
}

// enable allows controllers for the groups in a group; the empty name is that of the folder of all.
func (h *hierarchy) enable(within string, controllers []string) error {
	if len(controllers) == 0 {
		return nil
	}
	file := filepath.Join(h.folder, within, "cgroup.subtree_control")
	if err := write(file, "+"+strings.Join(controllers, " +")); err != nil {
		return fmt.Errorf("make a control group: %w; %s", err, cure)
	}
	return nil
}

// within lists the hierarchy's controllers that groups in each group need, sorted; the empty name
// is that of the folder of all.
func (h *hierarchy) within(groups map[string]Limits) map[string][]string {
	lists := map[string][]string{}
	for name, l := range groups {
		for _, c := range l.controllers() {
			for at := name; at != "" && slices.Contains(h.controllers, c); {
				if at = outer(at); !slices.Contains(lists[at], c) {
					lists[at] = append(lists[at], c)
				}
			}
		}
	}
	for _, list := range lists {
		slices.Sort(list)
	}
	return lists
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

// Attach hands the groups on to a command that is not started yet, behind its other files.
func (t *Tree) Attach(cmd *exec.Cmd) error {
	if t == nil {
		return nil
	}

	const standard = 3 // descriptors in front of the extra files
	var list []inner
	for _, h := range t.hierarchies {
		one := inner{Controllers: h.controllers, Second: h.second, Folder: standard + len(cmd.ExtraFiles)}
		cmd.ExtraFiles = append(cmd.ExtraFiles, h.lock)
		if !h.second {
			own, err := os.Open(h.own)
			if err != nil {
				return fmt.Errorf("hand control groups on: %w", err)
			}
			h.handed = append(h.handed, own)
			one.Own = standard + len(cmd.ExtraFiles)
			cmd.ExtraFiles = append(cmd.ExtraFiles, own)
		}
		list = append(list, one)
	}
	text, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("hand control groups on: %w", err)
	}

	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, handed+"="+string(text))
	return nil
}

// Close has the guard remove the groups, with what still runs in them.
func (t *Tree) Close() error {
	if t == nil {
		return nil
	}

	var errs []error
	if t.guard != nil {
		errs = append(errs, t.line.Close())
		if err := t.guard.Wait(); err != nil {
			errs = append(errs, fmt.Errorf("remove control groups: %w\n%s", err, t.said.Bytes()))
		}
	} else {
		for _, folder := range t.folders() {
			errs = append(errs, remove(folder))
		}
	}

	// Last, since what nobody has locked passes for left.
	for _, h := range t.hierarchies {
		for _, f := range h.handed {
			errs = append(errs, f.Close())
		}
		if h.lock != nil {
			errs = append(errs, h.lock.Close())
		}
	}
	return errors.Join(errs...)
}

// folders are ours, as far as they are made.
func (t *Tree) folders() (list []string) {
	for _, h := range t.hierarchies {
		if h.folder != "" {
			list = append(list, h.folder)
		}
	}
	return list
}
