package testbed

import (
	"context"
	"maps"
	"slices"
	"time"

	"edgebed/harness/network"
	"edgebed/harness/record"
	"edgebed/nodes/computer"
)

const (
	// sampleEvery is the time between samples at first; it doubles whenever there are
	// too many.
	sampleEvery = 100 * time.Millisecond
	// mostSamples is how many a cell has at most, and mostSampled how many numbers of
	// all ports.
	mostSamples = 200
	mostSampled = 100_000
)

// sampler looks at ports and computers while executions run under load.
type sampler struct {
	*crowd
	every time.Duration
	most  int
	last  network.Counters
	taken record.Samples
	// computers by host: each is in all samples, also while it is stopped.
	computers map[string]*record.ComputerSamples
}

func newSampler(c *crowd, before network.Counters) *sampler {
	s := &sampler{crowd: c, every: sampleEvery, last: before, computers: map[string]*record.ComputerSamples{}}
	// An even number: of each two samples the second is kept when there are too many.
	s.most = max(20, min(mostSamples, mostSampled/max(1, len(before.Ports)))) &^ 1
	for _, p := range before.Ports {
		s.taken.Ports = append(s.taken.Ports, record.PortSamples{Name: p.Name})
	}
	// From the cell and not from the computers: those of limited hosts would take their time to
	// answer, of what the load has.
	for _, g := range c.job.Cell.Nodes.Computers {
		for _, host := range g.Hosts {
			s.computers[host] = &record.ComputerSamples{Host: host}
		}
	}
	return s
}

// run takes samples until the context ends.
func (s *sampler) run(ctx context.Context) {
	for due := s.began.Add(s.every); sleep(ctx, time.Until(due)) == nil; due = due.Add(s.every) {
		if err := s.take(); err != nil {
			s.stop(err)
			return
		}
		if len(s.taken.AtNS) >= s.most {
			s.thin()
		}
		// One that is late is not made up for.
		for time.Until(due.Add(s.every)) < 0 {
			due = due.Add(s.every)
		}
	}
}

// take takes one sample.
func (s *sampler) take() error {
	now, err := s.network.Counters()
	if err != nil {
		return err
	}
	s.taken.AtNS = append(s.taken.AtNS, int64(time.Since(s.began)))

	for i, p := range now.Sub(s.last).Ports {
		to := &s.taken.Ports[i]
		to.SentBytes, to.QueuedBytes = append(to.SentBytes, p.TxBytes), append(to.QueuedBytes, p.Backlog)
	}
	s.last = now

	stats := s.deployment.ComputerStats()
	for host, to := range s.computers {
		var of computer.Stats // zero where it is stopped
		if is, ok := stats[host]; ok {
			of = is
		}
		to.Running, to.Waiting = append(to.Running, of.Running), append(to.Waiting, of.Queued+of.Waiting)
	}
	return nil
}

// thin makes one sample of each two.
func (s *sampler) thin() {
	s.every *= 2
	second := func(list []int64) []int64 { return slices.Collect(everySecond(list)) }
	s.taken.AtNS = second(s.taken.AtNS)
	for i := range s.taken.Ports {
		p := &s.taken.Ports[i]
		for k := 1; k < len(p.SentBytes); k += 2 {
			p.SentBytes[k] += p.SentBytes[k-1]
		}
		p.SentBytes, p.QueuedBytes = second(p.SentBytes), second(p.QueuedBytes)
	}
	for _, c := range s.computers {
		c.Running, c.Waiting = slices.Collect(everySecond(c.Running)), slices.Collect(everySecond(c.Waiting))
	}
}

// everySecond yields the elements with odd indices.
func everySecond[T any](list []T) func(yield func(T) bool) {
	return func(yield func(T) bool) {
		for k := 1; k < len(list); k += 2 {
			if !yield(list[k]) {
				return
			}
		}
	}
}

// samples returns what was seen; ports that nothing left are not in it.
func (s *sampler) samples() *record.Samples {
	if len(s.taken.AtNS) == 0 {
		return nil
	}
	some := func(v int64) bool { return v != 0 }
	s.taken.Ports = slices.DeleteFunc(s.taken.Ports, func(p record.PortSamples) bool {
		return !slices.ContainsFunc(p.SentBytes, some) && !slices.ContainsFunc(p.QueuedBytes, some)
	})
	for _, host := range slices.Sorted(maps.Keys(s.computers)) {
		s.taken.Computers = append(s.taken.Computers, *s.computers[host])
	}
	return &s.taken
}
