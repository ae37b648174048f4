package cgroup

import (
	"fmt"
	"time"

	"edgebed/nodes/units"
)

// Limits are what a program gets at most, with all processes that it starts, or all that is in a
// group of several.
type Limits struct {
	// CPU is how many processors' time, 0.01 to 1024, such as 0.5 for half of one; any, by
	// default. It has its share in each tenth of a second, and waits for the next one when that
	// is used up.
	CPU float64 `yaml:"cpu" json:",omitzero"`
	// Memory is how much it may have, 1 MB to 1 TB, with what the kernel keeps of files that it
	// reads and writes. A program that needs more is ended, with the reason "memory limit".
	Memory units.Size `yaml:"memory" json:",omitzero"`
}

// Period is in which a group gets its share of processors' time.
const Period = 100 * time.Millisecond

// Bounds of limits.
const (
	LeastCPU, MostCPU       = 0.01, 1024
	leastMemory, mostMemory = units.MB, 1000 * units.GB
)

// Check returns what is wrong with the limits, and the key that it is about.
func (l Limits) Check() (key string, err error) {
	switch {
	case l.CPU != 0 && !(l.CPU >= LeastCPU && l.CPU <= MostCPU):
		return "cpu", fmt.Errorf("%g processors are out of range: expected %g to %d", l.CPU, LeastCPU, MostCPU)
	case l.Memory != 0 && (l.Memory < leastMemory || l.Memory > mostMemory):
		return "memory",
			fmt.Errorf("memory of %v is out of range: expected %v to %v", l.Memory, leastMemory, mostMemory)
	}
	return "", nil
}

// controllers are those of the kernel that the limits need.
func (l Limits) controllers() []string {
	var list []string
	if l.CPU > 0 {
		list = append(list, cpu)
	}
	if l.Memory > 0 {
		list = append(list, memory)
	}
	return list
}

// The kernel's names of controllers.
const (
	cpu    = "cpu"
	memory = "memory"
	// accounting counts what version 1 gives with cpu. Version 2 counts by itself. It limits nothing:
	// where groups cannot be made in it nobody knows what of its share a group has used.
	accounting = "cpuacct"
)

// setting is a file of a group and what is written into it.
type setting struct {
	file, value string
	optional    bool // it may be missing, as on kernels that account no swap
}

// settings are the files of a group that make the limits hold, for one controller.
func (l Limits) settings(controller string, second bool) []setting {
	period := Period.Microseconds()
	quota := int64(l.CPU * float64(period))
	switch {
	case controller == cpu && l.CPU > 0 && second:
		return []setting{{"cpu.max", fmt.Sprintf("%d %d", quota, period), false}}
	case controller == cpu && l.CPU > 0:
		return []setting{
			{"cpu.cfs_period_us", fmt.Sprint(period), false}, {"cpu.cfs_quota_us", fmt.Sprint(quota), false},
		}
	case controller == memory && l.Memory > 0 && second:
		return []setting{{"memory.max", fmt.Sprint(int64(l.Memory)), false}, {"memory.swap.max", "0", true}}
	case controller == memory && l.Memory > 0:
		size := fmt.Sprint(int64(l.Memory))
		return []setting{{"memory.limit_in_bytes", size, false}, {"memory.memsw.limit_in_bytes", size, true}}
	}
	return nil
}
