package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

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

// mounted is where control groups are, of all hierarchies.
const mounted = "/sys/fs/cgroup"

// Made returns the folders of the groups that edgebeds have made on this machine, in use or not;
// those of programs are in them.
func Made() (list []string) {
	_ = filepath.WalkDir(mounted, func(folder string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || !strings.HasPrefix(d.Name(), prefix) {
			return nil // what goes while it is looked at is no matter
		}
		list = append(list, folder)
		return fs.SkipDir
	})
	return list
}

// Left returns those of Made that nobody has any more, neither who made them nor a guard that is
// about to remove them. Sweep removes those that this process may.
func Left() (list []string) {
	for _, folder := range Made() {
		// Whoever makes one locks it before others may look.
		_ = locked(filepath.Dir(folder), func() error {
			f, err := lock(folder)
			if err != nil {
				return nil // somebody's, or gone
			}
			if _, err := os.Stat(folder); err == nil { // a guard that has just ended removed it
				list = append(list, folder)
			}
			return f.Close()
		})
	}
	return list
}

// Sweep removes the groups that processes left which were killed with their guards, and returns
// how many there were.
func Sweep() (removed int) {
	for _, c := range []string{cpu, memory, accounting} {
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
