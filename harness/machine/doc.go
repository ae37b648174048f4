// Package machine reads what the kernel allows this process: processor time,
// processes and threads, by control groups of both versions and by the limits of
// the process. Where a limit cannot be read there is none.
package machine
