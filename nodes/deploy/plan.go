package deploy

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"

	"edgebed/nodes/wire"
)

// plan is a configuration that was checked: all that is known of the nodes before they run.
type plan struct {
	cfg   Config          // with its defaults
	hosts map[string]Host // by name, with networks that charge
}

// newPlan fills in defaults and refuses a configuration that names unknown hosts.
func newPlan(cfg Config) (*plan, error) {
	p := &plan{cfg: cfg, hosts: make(map[string]Host)}
	if err := p.fill(); err != nil {
		return nil, err
	}
	return p, nil
}

// reachable refuses a host on which nothing can be started from here.
func (h Host) reachable() error {
	if h.Net == nil {
		return fmt.Errorf("host %s needs a network", h.Name)
	}
	return nil
}

// fill fills in the plan.
func (p *plan) fill() error {
	cfg := &p.cfg
	var names []string
	for _, h := range cfg.Hosts {
		_, twice := p.hosts[h.Name]
		switch {
		case twice:
			return fmt.Errorf("host %s stands twice", h.Name)
		case !h.Address.IsValid():
			return fmt.Errorf("host %s needs an address", h.Name)
		}

		if h.Net != nil {
			h.Net = cfg.Cost.Net(h.Net, h.Address)
		}
		p.hosts[h.Name] = h
		names = append(names, h.Name)
	}

	if cfg.Controller == "" {
		cfg.Controller = cfg.Client
	}
	if cfg.Routers == nil {
		cfg.Routers = names
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if len(cfg.Routers) == 0 {
		return errors.New("at least one host needs a router")
	}
	if err := cfg.checkStates(); err != nil {
		return err
	}

	type use struct{ what, host string }
	uses := []use{{"client", cfg.Client}, {"controller", cfg.Controller}}
	for _, r := range cfg.Routers {
		uses = append(uses, use{"router", r})
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Computers)) {
		uses = append(uses, use{"computer", name})
	}
	for _, u := range uses {
		if _, ok := p.hosts[u.host]; !ok {
			return fmt.Errorf("%s on unknown host %q (have %q)", u.what, u.host, names)
		}
	}
	return nil
}

// checkStates refuses computers whose states would have no server, or the wrong
// one.
func (cfg *Config) checkStates() error {
	for _, name := range slices.Sorted(maps.Keys(cfg.Computers)) {
		state := cfg.Computers[name].StateHost
		if state == "" || state == name {
			if cfg.Computers[name].StateReadWrite {
				return fmt.Errorf("computer %s is to read and write its states remotely "+
					"(name another host that keeps them)", name)
			}
			continue
		}

		server, ok := cfg.Computers[state]
		if !ok || (server.StateHost != "" && server.StateHost != state) {
			return fmt.Errorf("computer %s keeps its states on host %q, "+
				"which has no computer with its own state server", name, state)
		}
	}
	return nil
}

// stateHost is the host whose state server a computer uses.
func (p *plan) stateHost(name string) string {
	if s := p.cfg.Computers[name].StateHost; s != "" {
		return s
	}
	return name
}

// keepers are the endpoints of all computers' state servers.
func (p *plan) keepers() []string {
	var list []string
	for name := range p.cfg.Computers {
		list = append(list, endpoint(p.hosts[p.stateHost(name)], wire.PortState))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// routerOf is the endpoint of the router that serves a host: its own, or else
// the first one.
func (p *plan) routerOf(name string) string {
	return endpoint(p.routerHost(name), wire.PortRouter)
}

func (p *plan) routerHost(name string) Host {
	if !slices.Contains(p.cfg.Routers, name) {
		name = p.cfg.Routers[0]
	}
	return p.hosts[name]
}

// endpoint is a host's address with a port.
func endpoint(h Host, port uint16) string { return netip.AddrPortFrom(h.Address, port).String() }
