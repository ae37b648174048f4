// Package network has the words that all networks of the testbed share, real
// links and virtual ones alike: what has passed the ports of its switches, and
// TCP's counters. Package emu makes networks of the kernel's devices, package
// simnet networks in virtual time.
package network
