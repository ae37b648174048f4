//go:build !linux

package machine

import "io/fs"

// userTasks knows no limit where the emulation does not run.
func userTasks(fs.FS) (Tasks, bool) { return Tasks{}, false }

// Addresses knows no limit there either.
func Addresses() error { return nil }
