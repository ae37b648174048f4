package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"edgebed/harness/emu"
	"edgebed/harness/topology"
	"edgebed/topologies"
)

// delayedEach says which networks have links with delay, and so perhaps a relay.
const delayedEach = 10

// networks builds, uses and drops networks of the paper in this process, which is in a
// sandbox.
func networks(ctx context.Context, n int) ([]sample, error) {
	data, err := topologies.Files.ReadFile("ring6.yaml")
	if err != nil {
		return nil, err
	}
	ring, err := topology.Parse("ring6.yaml", data)
	if err != nil {
		return nil, err
	}

	before, err := devices()
	if err != nil {
		return nil, err
	}
	var all []sample
	for i := range n {
		delay := time.Duration(0)
		if i%delayedEach == 0 {
			delay = time.Millisecond
		}
		if err := ring.SetClass("trunk", topology.Class{Override: topology.Override{Delay: &delay}}); err != nil {
			return nil, err
		}

		began := time.Now()
		if err := useNetwork(ctx, ring); err != nil {
			return nil, fmt.Errorf("network %d of %d: %w", i+1, n, err)
		}
		s := sample{took: time.Since(began), namespaces: namespaces()}
		if err := s.look(os.Getpid()); err != nil {
			return nil, err
		}
		all = append(all, s)
	}

	after, err := devices()
	if err == nil && after != before {
		err = fmt.Errorf("%d devices are left, there were %d", after, before)
	}
	return all, err
}

// devices counts those of this namespace.
func devices() (int, error) {
	list, err := net.Interfaces()
	return len(list), err
}

// useNetwork builds a network, sends a little from a host to the one opposite, and
// drops the network.
func useNetwork(ctx context.Context, t *topology.Topology) (err error) {
	n, err := emu.Build(ctx, t, emu.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()

	from, to := n.Hosts()[0], n.Hosts()[len(n.Hosts())/2]
	l, err := to.Listen(ctx, to.Address().String()+":80")
	if err != nil {
		return err
	}
	defer l.Close()
	sent, err := from.DialContext(ctx, l.Addr().String())
	if err != nil {
		return err
	}
	defer sent.Close()
	received, err := l.Accept()
	if err != nil {
		return err
	}
	defer received.Close()

	text := "a frame or so"
	if _, err := io.WriteString(sent, text); err != nil {
		return err
	}
	_, err = io.ReadFull(received, make([]byte, len(text)))
	return err
}
