// Package cgroup limits the processor time and the memory of programs with the kernel's
// control groups, of version 2 where they are delegated to the user, and of version 1 as root. A
// group may be in another one, with limits for all that is in it, such as those of a host.
//
// Groups are folders of the machine, which no sandbox takes down. So a process of its own, the
// guard, removes them when the process that made them has ended, in whatever way: it sees that
// a pipe has no other end any more. Where the guard is killed, too, the groups are locked by
// nobody, and whoever makes the next ones removes them (Sweep).
//
//	tree, err := cgroup.Make(map[string]cgroup.Limits{"web": {CPU: 0.5}}) // outside of the sandbox
//	tree.Attach(cmd)                                                      // to the sandbox's worker
//	…
//	groups, err := cgroup.Open()                                          // in the worker
//	err = groups.Start("web", program)
//
// The program's main function calls MaybeMain first.
package cgroup
