package testbed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"edgebed/harness/apart"
	"edgebed/harness/cgroup"
	"edgebed/harness/job"
	"edgebed/harness/network"
	"edgebed/harness/record"
	"edgebed/nodes/deploy"
)

// limitedHosts are the hosts of a cell that have limits, each with a process of its own for its
// nodes. Without any it is nil, on which methods do nothing.
type limitedHosts struct {
	job    *job.Job
	groups *cgroup.Groups
	list   []*limitedHost
	before []cgroup.Usage // of each, when the executions began
}

// limitedHost is one of them.
type limitedHost struct {
	name    string
	cpu     float64
	process *apart.Process
}

// startsAtOnce is how many processes of limited hosts start at the same time.
const startsAtOnce = 8

// startLimited starts the processes of the cell's limited hosts, and has their nodes run there.
func (s *setup) startLimited(ctx context.Context, hosts []deploy.Host) error {
	if len(s.job.Cell.Nodes.Limits) == 0 {
		return nil
	}
	machines, ok := s.network.(programHosts)
	if !ok {
		return fmt.Errorf("limit hosts: %w", network.Virtual().Can(network.HostLimits))
	}
	text, err := json.Marshal(&s.job)
	if err != nil {
		return fmt.Errorf("start the processes of limited hosts: %w", err)
	}

	s.limited = &limitedHosts{job: &s.job, groups: s.groups}
	starting, ctx := errgroup.WithContext(ctx) // one that fails ends the others' starts
	starting.SetLimit(startsAtOnce)
	for i := range hosts {
		host := &hosts[i]
		cpu, limited := s.job.HostLimit(host.Name)
		if !limited {
			continue
		}
		one := &limitedHost{name: host.Name, cpu: cpu}
		s.limited.list = append(s.limited.list, one)
		starting.Go(func() error {
			machine, err := machines.ProgramHost(host.Name)
			if err != nil {
				return err
			}
			// As many as Go takes by itself within such a limit: fewer than two would have a node wait
			// for a collection, and all would use up a share at once.
			processors := max(2, int(math.Ceil(cpu)))
			p, err := apart.Start(ctx, apart.Options{
				Host: host.Name, Job: text, Processors: processors,
				Launch: func(cmd *exec.Cmd) error {
					return machine.Do(func() error { return s.groups.Start(job.OwnGroup(host.Name), cmd) })
				},
			})
			if err != nil {
				return err
			}

			one.process, host.Elsewhere = p, p
			return nil
		})
	}
	return starting.Wait()
}

// host returns a limited host, nil where the named one has no limit.
func (l *limitedHosts) host(name string) *limitedHost {
	if l == nil {
		return nil
	}
	for _, h := range l.list {
		if h.name == name {
			return h
		}
	}
	return nil
}

// living returns a context that ends when a process ends, with the reason as its cause.
func (l *limitedHosts) living(ctx context.Context) (context.Context, context.CancelFunc) {
	living, end := context.WithCancelCause(ctx)
	if l != nil {
		for _, h := range l.list {
			go func() {
				select {
				case <-h.process.Done():
					end(h.process.Err())
				case <-living.Done():
				}
			}()
		}
	}
	return living, func() { end(nil) }
}

// ended returns why a process ended before its time, nil where none did.
func (l *limitedHosts) ended() error {
	if l == nil {
		return nil
	}
	for _, h := range l.list {
		if err := h.process.Err(); err != nil {
			return err
		}
	}
	return nil
}

// processes are their ids.
func (l *limitedHosts) processes() (ids []int) {
	if l != nil {
		for _, h := range l.list {
			ids = append(ids, h.process.Pid())
		}
	}
	return ids
}

// rest has all processes do what would disturb an execution, and waits until their hosts have a
// share to begin it with: a collection may take several.
func (l *limitedHosts) rest(ctx context.Context) error {
	if l == nil {
		return nil
	}
	var resting errgroup.Group
	for _, h := range l.list {
		resting.Go(func() error { return h.process.Rest(ctx) })
	}
	if err := resting.Wait(); err != nil {
		return err
	}
	return recovered(ctx, cgroup.Period+l.job.LastWork(), l.usage)
}

// recovered waits for a whole period in which no host was held up, by what each has used. Where
// programs never let a host have one it waits for the longest time, after which a collection must
// be over.
func recovered(ctx context.Context, longest time.Duration, usage func() ([]cgroup.Usage, error)) error {
	before, err := usage()
	if err != nil {
		return err
	}
	for waited := time.Duration(0); waited < longest; waited += cgroup.Period {
		if err := sleep(ctx, cgroup.Period); err != nil {
			return err
		}
		now, err := usage()
		if err != nil {
			return err
		}

		held := false
		for i := range now {
			held = held || now[i].Since(before[i]).Throttled > 0
		}
		if !held {
			return nil
		}
		before = now
	}
	return nil
}

// usage returns what each host has used since it was made.
func (l *limitedHosts) usage() ([]cgroup.Usage, error) {
	list := make([]cgroup.Usage, len(l.list))
	for i, h := range l.list {
		var err error
		if list[i], err = l.groups.Usage(job.HostGroup(h.name)); err != nil {
			return nil, fmt.Errorf("host %s: %w", h.name, err)
		}
	}
	return list, nil
}

// settings are the limits as the cell's records have them.
func (l *limitedHosts) settings() map[string]string {
	into := map[string]string{}
	if l == nil {
		return into
	}
	limits := network.Settings{}
	for _, h := range l.job.Topology().Hosts {
		text := "none"
		if cpu, limited := l.job.HostLimit(h.Name); limited {
			text = strconv.FormatFloat(cpu, 'g', -1, 64)
		}
		limits.Put(settingCPULimit, h.Name, text)
	}
	limits.Fold(into)
	return into
}

// settingCPULimit is the setting of a cell that says how many processors' time a host has.
const settingCPULimit = "cpu-limit"

// begin notes what the hosts have used before the executions.
func (l *limitedHosts) begin() (err error) {
	if l == nil {
		return nil
	}
	l.before, err = l.usage()
	return err
}

// used returns what the hosts have used since then.
func (l *limitedHosts) used() ([]record.HostLimit, error) {
	if l == nil {
		return nil, nil
	}
	now, err := l.usage()
	if err != nil {
		return nil, err
	}
	var list []record.HostLimit
	for i, h := range l.list {
		u := now[i].Since(l.before[i])
		list = append(list, record.HostLimit{
			Host: h.name, CPU: h.cpu, UsedNS: int64(u.Used), Periods: u.Periods, Throttled: u.Throttled,
			ThrottledNS: int64(u.ThrottledFor),
		})
	}
	return list, nil
}

// close ends the processes.
func (l *limitedHosts) close() error {
	if l == nil {
		return nil
	}
	var closing sync.WaitGroup
	errs := make([]error, len(l.list))
	for i, h := range l.list {
		if h.process != nil {
			closing.Go(func() { errs[i] = h.process.Close() })
		}
	}
	closing.Wait()
	return errors.Join(errs...)
}
