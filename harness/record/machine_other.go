//go:build !linux

package record

import "runtime"

// fillMachine says what Go knows: campaigns run on Linux only, but their
// records are read anywhere.
func fillMachine(m *Machine) { m.Kernel = runtime.GOOS + " " + runtime.GOARCH }
