package emu

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// Backend says what makes the delay, jitter and loss of links. Their rate is
// always the kernel's HTB.
type Backend string

// The back ends.
const (
	// Auto is netem where the kernel has it, and the delay line elsewhere.
	Auto Backend = "auto"
	// Netem is the kernel's netem queue.
	Netem Backend = "netem"
	// DelayLine is the user-space relay of package delayline.
	DelayLine Backend = "delayline"
	// None is what a network uses that has no delay, jitter or loss. It cannot
	// be asked for.
	None Backend = "none"
)

// Backends lists what Options.Delay accepts.
var Backends = []Backend{Auto, Netem, DelayLine}

// Options are the settings of a network that are not in its topology.
type Options struct {
	// Delay chooses the back end; empty means Auto.
	Delay Backend
	// CongestionControl of TCP on all hosts; empty means cubic, the default of
	// Linux distributions, whatever this machine's is.
	CongestionControl string
	// Sysctls are kernel settings of the hosts' network namespaces, on top of
	// DefaultSysctls: names like net.ipv4.tcp_rmem.
	Sysctls map[string]string
	// Seed of the delay line's losses and jitter.
	Seed uint64
	// LiveDelay gives every link a delay stage, also those without delay, so
	// that SetClass and SetLinks can add delay, jitter or loss later.
	LiveDelay bool
}

// defaultCongestionControl is what distributions use.
const defaultCongestionControl = "cubic"

// DefaultSysctls returns the kernel settings of every host: those of TCP that
// can move a delay or traffic curve, at the values of a stock kernel, except
// that nothing learned from one connection is kept for the next.
func DefaultSysctls() map[string]string {
	return map[string]string{
		"net.ipv4.tcp_no_metrics_save":       "1",
		"net.ipv4.tcp_slow_start_after_idle": "1",
		"net.ipv4.tcp_rmem":                  "4096 131072 6291456",
		"net.ipv4.tcp_wmem":                  "4096 16384 4194304",
		"net.ipv4.tcp_window_scaling":        "1",
		"net.ipv4.tcp_sack":                  "1",
		"net.ipv4.tcp_timestamps":            "1",
		"net.ipv4.tcp_ecn":                   "2",
		"net.ipv4.tcp_moderate_rcvbuf":       "1",
		"net.ipv4.tcp_tw_reuse":              "2",
		// Clear of the nodes' ports (package wire).
		"net.ipv4.ip_local_port_range": "32768 60999",
		// Lets programs that run as the sandbox's root ping without CAP_NET_RAW.
		"net.ipv4.ping_group_range": "0 0",
	}
}

var sysctlName = regexp.MustCompile(`^net(\.[A-Za-z0-9_-]+)+$`)

// CheckSysctl returns an error where a kernel setting cannot be one of a host: only
// those of a network namespace can.
func CheckSysctl(name string) error {
	if !sysctlName.MatchString(name) {
		return fmt.Errorf("check sysctl %q: hosts have their own settings of the network only; "+
			"expected one like net.ipv4.tcp_rmem", name)
	}
	if name == "net.ipv4.tcp_congestion_control" {
		return fmt.Errorf("check sysctl %s: use congestion-control instead, which works without privileges", name)
	}
	return nil
}

// sysctls returns the hosts' settings in the order of their names.
func (o Options) sysctls() ([]sysctl, error) {
	all := DefaultSysctls()
	maps.Copy(all, o.Sysctls)
	var list []sysctl
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if err := CheckSysctl(name); err != nil {
			return nil, err
		}
		list = append(list, sysctl{name: name, value: all[name]})
	}
	return list, nil
}

// withDefaults fills in what was left empty and checks the rest.
func (o Options) withDefaults() (Options, error) {
	if o.Delay == "" {
		o.Delay = Auto
	}
	if !slices.Contains(Backends, o.Delay) {
		return o, fmt.Errorf("check delay back end %q: expected one of %v", o.Delay, Backends)
	}
	if o.CongestionControl == "" {
		o.CongestionControl = defaultCongestionControl
	}
	return o, nil
}
