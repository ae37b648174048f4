package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// sample is what was seen after a cycle: a network, or an execution.
type sample struct {
	took time.Duration
	// resident is the process's memory in bytes, files are its open descriptors.
	resident int64
	files    int
	// namespaces are the kernel's, those that it has yet to remove included; 0 where
	// this cannot be seen.
	namespaces int
}

// look fills in what a process holds.
func (s *sample) look(pid int) error {
	memory, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return fmt.Errorf("look at the memory: %w", err)
	}
	fields := strings.Fields(string(memory))
	if len(fields) < 2 {
		return fmt.Errorf("look at the memory: statm is %q", memory)
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return fmt.Errorf("look at the memory: %w", err)
	}
	s.resident = pages * int64(os.Getpagesize())

	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return fmt.Errorf("look at the open descriptors: %w", err)
	}
	s.files = len(open)
	return nil
}

// namespaces returns how many network namespaces the kernel has; only root may know.
func namespaces() int {
	slabs, err := os.ReadFile("/proc/slabinfo")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(slabs, []byte("\nnet_namespace "))
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(string(fields[0]))
	return n
}

// parts is into how many parts a run is divided.
const parts = 10

// divide sums up the tenths of a run: of each what is least, since garbage comes and
// goes, and of the times the lower quartile, since others use the machine.
func divide(all []sample) []sample {
	var sums []sample
	for i := range parts {
		part := all[i*len(all)/parts : (i+1)*len(all)/parts]
		if len(part) == 0 {
			continue
		}
		sum := part[0]
		var times []time.Duration
		for _, s := range part {
			sum.resident, sum.files = min(sum.resident, s.resident), min(sum.files, s.files)
			sum.namespaces = min(sum.namespaces, s.namespaces)
			times = append(times, s.took)
		}
		slices.Sort(times)
		sum.took = times[len(times)/4]
		sums = append(sums, sum)
	}
	return sums
}

// allowance is what may differ between a part and a later one.
type allowance struct {
	slower float64 // how many times as long
	memory int64   // bytes, beside a tenth
	files  int
	spaces int
}

// usual is what differs by itself: the collector's moments, and what the kernel has
// not yet removed.
var usual = allowance{slower: 1.5, memory: 4 << 20, files: 0, spaces: 200}

// errGrows means that something was not the same at the end.
var errGrows = errors.New("something grows")

// flat returns an error unless the last part is as the second; the first one is when
// everything is used for the first time.
func flat(sums []sample, may allowance) error {
	if len(sums) < 2 {
		return fmt.Errorf("%d cycles are too few to see anything", len(sums))
	}
	early, late := sums[1], sums[len(sums)-1]
	var errs []error
	if late.resident > early.resident+early.resident/10+may.memory {
		errs = append(errs, fmt.Errorf("%w: memory from %d to %d B", errGrows, early.resident, late.resident))
	}
	if late.files > early.files+may.files {
		errs = append(errs, fmt.Errorf("%w: open descriptors from %d to %d", errGrows, early.files, late.files))
	}
	if late.namespaces > early.namespaces+may.spaces {
		errs = append(errs, fmt.Errorf("%w: network namespaces from %d to %d",
			errGrows, early.namespaces, late.namespaces))
	}
	if float64(late.took) > may.slower*float64(early.took) {
		errs = append(errs, fmt.Errorf("%w: time from %v to %v", errGrows, early.took, late.took))
	}
	return errors.Join(errs...)
}

// report prints the parts of a run of so many cycles, and returns what is wrong.
func report(out io.Writer, name string, all []sample, may allowance) error {
	sums := divide(all)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "%s\ttime of each\tmemory\tdescriptors\tnamespaces\t\n", name)
	for i, s := range sums {
		fmt.Fprintf(table, "%d\t%.2f ms\t%.1f MB\t%d\t%d\t\n", (i+1)*len(all)/len(sums),
			float64(s.took)/float64(time.Millisecond), float64(s.resident)/1e6, s.files, s.namespaces)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if err := flat(sums, may); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
