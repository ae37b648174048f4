package emu

import "golang.org/x/sys/unix"

// Capabilities returns those that networks need of the process that builds them:
// namespaces of the network, their devices and settings, packet sockets, what hosts of large
// networks ask for, and the priority of the delay line.
func Capabilities() []int {
	return []int{
		unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_NET_BROADCAST, unix.CAP_SYS_NICE,
	}
}
