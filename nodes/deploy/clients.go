package deploy

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// MaxClients is how many clients of NewClientOn a host has ports for.
const MaxClients = portSteps

// seats are the ports of a host's clients, as steps from the usual ones.
type seats struct {
	// next is the first that nobody had yet; left were given back, the first one longest
	// ago.
	next int
	left []leftSeat
}

type leftSeat struct {
	ports int
	ready time.Time // when it may be taken again
}

// Connections to a client's ports may take a moment to end after it; after a client
// that failed, computers may still call there for long.
const (
	afterClient = 2 * time.Second
	afterSpent  = time.Hour
)

// take returns ports that no client has, those that were given back where they are
// ready, and of the others the one that is ready first where there are no new ones.
func (s *seats) take() (ports int, ok bool) {
	first := -1
	for i, seat := range s.left {
		if first < 0 || seat.ready.Before(s.left[first].ready) {
			first = i
		}
	}
	switch {
	case first >= 0 && (s.next == portSteps || !time.Now().Before(s.left[first].ready)):
		ports = s.left[first].ports
		s.left = slices.Delete(s.left, first, first+1)
	case s.next < portSteps:
		ports = s.next
		s.next++
	default:
		return 0, false
	}
	return ports, true
}

// leave gives back ports.
func (s *seats) leave(ports int, after time.Duration) {
	s.left = append(s.left, leftSeat{ports, time.Now().Add(after)})
}

// otherPorts is how many other ports a client tries where some are still in use.
const otherPorts = 10

// NewClientOn returns a fresh client on a host beside others, each of which has ports
// of its own; at most MaxClients are open at a time. Its executions may overlap with
// those of others.
func (d *Deployment) NewClientOn(ctx context.Context, host string) (*Seated, error) {
	at := slices.IndexFunc(d.cfg.Hosts, func(h Host) bool { return h.Name == host })
	if at < 0 {
		return nil, fmt.Errorf("new client: unknown host %q", host)
	}

	var err error
	for range 1 + otherPorts {
		d.mu.Lock()
		if d.seats[host] == nil {
			d.seats[host] = &seats{}
		}
		ports, ok := d.seats[host].take()
		d.mu.Unlock()
		if !ok {
			return nil, fmt.Errorf("new client on host %s: %d are open already", host, MaxClients)
		}

		var c ClientNode
		if c, err = d.startClient(ctx, host, ports); err == nil {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.open[c] = true
			return &Seated{ClientNode: c, deployment: d, host: host, ports: ports, number: at*portSteps + ports}, nil
		}
		d.leave(host, ports, afterSpent)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

func (d *Deployment) leave(host string, ports int, after time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seats[host].leave(ports, after)
}

// Seated is a client of NewClientOn.
type Seated struct {
	ClientNode
	deployment    *Deployment
	host          string
	ports, number int
}

// Number is the client's among those that are open on all hosts: no other one has it.
func (s *Seated) Number() int { return s.number }

// Close closes the client and gives back its ports. It is called once.
func (s *Seated) Close() error {
	after := afterClient
	if s.Spent() {
		after = afterSpent
	}
	err := s.ClientNode.Close()
	s.deployment.mu.Lock()
	delete(s.deployment.open, s.ClientNode)
	s.deployment.mu.Unlock()

	s.deployment.leave(s.host, s.ports, after)
	return err
}
