package emu

import (
	"context"
	"fmt"
	"os/exec"

	"github.com/vishvananda/netlink/nl"
)

// Machine is what hosts and routers have in common: a network namespace in which programs can
// run. Its methods may be called from several goroutines.
type Machine struct {
	kind, name string
	ns         *namespace
	socket     *nl.NetlinkSocket // until all is told that it has to know
}

// Name returns the machine's name in the topology.
func (m *Machine) Name() string { return m.name }

// Do calls fn on an operating system thread that is in the machine's network
// namespace: sockets that fn makes are the machine's, and processes that it starts
// run there. Goroutines that it starts do not.
func (m *Machine) Do(fn func() error) error { return m.ns.do(fn) }

// Start starts a program on the machine. Everything else about the command, and
// waiting for it, is the caller's. Do not ask for a parent-death signal: the
// kernel sends it when the thread ends that started the program, and that may be
// any of this process's threads. The sandbox ends what is left.
func (m *Machine) Start(cmd *exec.Cmd) error {
	if err := m.Do(cmd.Start); err != nil {
		return fmt.Errorf("start %s on %s %s: %w", cmd.Path, m.kind, m.name, err)
	}
	return nil
}

// up waits until the machine's devices have noticed that they are connected.
func (m *Machine) up(ctx context.Context, devices []int) error {
	if _, err := connected(ctx, m.socket, devices); err != nil {
		return fmt.Errorf("bring %s %s up: %w", m.kind, m.name, err)
	}
	return nil
}

// letGo closes the socket by which the machine was set up.
func (m *Machine) letGo() {
	if m.socket != nil {
		m.socket.Close()
		m.socket = nil
	}
}

func (m *Machine) close() error {
	m.letGo()
	if m.ns == nil {
		return nil
	}
	return m.ns.Close()
}
