package simnet

import "time"

// A machine that has had nothing to do needs a moment to go on: its processor wakes up
// with cold caches, and so do the threads that a message is handed through. On emulated
// links all hosts share the machine, so that it sleeps when all of them wait for a frame
// that a link delays. Virtual time has no machine; WakeUp puts that moment in. Where
// links have no delay the prototype's runs, which had none, speak against it.

// pause is how long a machine stays awake: a virtual machine's host polls for 200 us
// before it gives the processor away (halt_poll_ns of Linux's KVM).
const pause = 200 * time.Microsecond

// wake notes that a frame reaches a host, and returns when its stack can take it. It
// needs the lock.
func (n *Network) wake(now int64, f frame) int64 {
	if f.delayed && now > n.awake && now-n.active > int64(pause) {
		n.awake = now + int64(n.opts.WakeUp)
	}
	n.active = max(now, n.awake)
	return n.active
}
