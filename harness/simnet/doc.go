// Package simnet is a network in virtual time: hosts with gVisor's TCP/IP stack,
// the emulation's switches, routers and paths, and links that compute when a frame leaves
// and arrives, with the arithmetic of the kernel's token bucket (sch_htb), a queue
// in packets or bytes, delay, jitter, losses and duplicates.
//
// It knows no clock but package time. In a program built with -tags faketime the
// runtime's clock jumps to the next timer whenever no goroutine can run: then an
// hour of network time takes as long as its frames need to be computed, and a
// frame is never late. In an ordinary program the same network runs in real time,
// as punctual as Go's timers.
//
// Frames are moved under one lock; one goroutine gives them to the hosts' stacks, one
// after the other, in the order of their times.
package simnet
