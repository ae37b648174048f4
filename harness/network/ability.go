package network

import (
	"errors"
	"maps"
	"slices"
)

// Ability is what a network may be asked for and not every kind of network can do.
type Ability string

// The abilities that set the kinds of networks apart; whatever else a topology or a
// scenario can say, all can do.
const (
	// IPv6 are addresses of hosts of that family.
	IPv6 Ability = "IPv6"
	// Corruption flips bits of frames.
	Corruption Ability = "corruption"
	// Disciplines are queues that drop other frames than those for which there is no room.
	Disciplines Ability = "queue disciplines"
	// AnyCongestionControl is that of TCP beyond CongestionControls.
	AnyCongestionControl Ability = "any congestion control"
	// Sysctls are kernel settings of hosts.
	Sysctls Ability = "sysctls"
	// Programs are those of others, which run on hosts.
	Programs Ability = "programs of others"
	// HostLimits are those of the processors' time that all on a host has.
	HostLimits Ability = "limits of hosts"
)

// CongestionControls are those of TCP that each kind of network has.
var CongestionControls = []string{"cubic", "reno"}

// Kind is a kind of network, by what it cannot do.
type Kind struct{ lacks map[Ability]string }

// Emulated links are the kernel's. What depends on the kernel is found out there.
func Emulated() Kind { return Kind{} }

// DelayLine makes the delay of emulated links where the kernel has no netem, or where
// that is asked for.
func DelayLine() Kind {
	return Kind{map[Ability]string{
		Corruption: "only netem corrupts frames, and the links are of delayline; load sch_netem, or use loss, " +
			"which is what TCP makes of a corrupted frame",
	}}
}

// Virtual links are computed, with the hosts on them, in virtual time.
func Virtual() Kind {
	return Kind{map[Ability]string{
		IPv6: "in virtual time hosts have IPv4 alone; leave it out, " +
			"or use emulated links (network: emulated)",
		Corruption: "in virtual time no frame is corrupted, only netem on emulated links does that; use loss, " +
			"which is what TCP makes of a corrupted frame",
		Disciplines: "in virtual time the only discipline is fifo; remove it, " +
			"or use emulated links (network: emulated), where others are the kernel's",
		AnyCongestionControl: "in virtual time TCP has cubic and reno; choose one of them, " +
			"or use emulated links (network: emulated), where others are the kernel's",
		Sysctls: "a network in virtual time has no kernel to set it in; leave it out, " +
			"or use emulated links (network: emulated)",
		Programs: "programs of others run in real time and use the kernel's network, " +
			"and a network in virtual time has neither; choose --network emulated",
		HostLimits: "in virtual time what software needs of a processor takes no time, " +
			"so that nothing can be held up; leave it out, or use emulated links (network: emulated)",
	}}
}

// Can returns an error, with what to do instead, where networks of the kind lack an
// ability.
func (k Kind) Can(a Ability) error {
	if reason, lacks := k.lacks[a]; lacks {
		return errors.New(reason)
	}
	return nil
}

// Lacks lists what networks of the kind cannot do, sorted.
func (k Kind) Lacks() []Ability { return slices.Sorted(maps.Keys(k.lacks)) }
