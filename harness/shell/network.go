package shell

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"edgebed/harness/emu"
	"edgebed/harness/topology"
	"edgebed/harness/topology/view"
)

func (s *Shell) listHosts(context.Context, []string) error {
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	for _, h := range s.network.Hosts() {
		all := h.Interfaces()
		for k, f := range all {
			addresses := f.Address().String()
			if a := f.Address6(); a.IsValid() {
				addresses += "\t" + a.String()
			}
			name, at := h.Name(), f.Switch()
			if k > 0 {
				name += "-" + f.Name()
			}
			if len(all) > 1 {
				at += ", port " + f.Port()
			}
			fmt.Fprintf(table, "%s\t%s\t%v\tat %s\n", name, addresses, f.HardwareAddr(), at)
		}
	}

	return table.Flush()
}

func (s *Shell) listLinks(context.Context, []string) error {
	t := s.network.Topology()
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	suffixes := t.Suffixes()
	for i, l := range t.AllLinks() {
		for dir, p := range t.Directions(l) {
			ends := [2]string{l.Between[dir], l.Between[1-dir] + suffixes[i]}
			state := p.String()
			if _, ok := s.down[ends]; ok {
				state = "down"
			}
			fmt.Fprintf(table, "%s > %s\t%s\n", ends[0], ends[1], state)
		}
	}

	return table.Flush()
}

func (s *Shell) dump(context.Context, []string) error {
	return view.WriteTable(s.out, s.network.Topology())
}

// upDown takes a link down: every frame on it is lost.
func (s *Shell) upDown(_ context.Context, args []string) error {
	if len(args) != 3 || args[2] != "up" && args[2] != "down" {
		return usageError("link")
	}

	all := topology.Loss(1)
	ways := [2][2]string{{args[0], args[1]}, {args[1], args[0]}}
	_, isDown := s.down[ways[0]]

	// Names are looked up before anything else, also where there is nothing to do.
	var losses [2]topology.Loss
	var changes []topology.Change
	for i, way := range ways {
		p, err := s.network.Topology().Params(way[0], way[1])
		if err != nil {
			return err
		}
		losses[i] = p.Loss
		o := topology.Override{Loss: &all}
		if isDown {
			loss := s.down[way]
			o.Loss = &loss
		}
		changes = append(changes, topology.Change{From: way[0], To: way[1], Override: o})
	}
	if isDown == (args[2] == "down") {
		return nil
	}
	if err := s.network.SetLinks(changes...); err != nil {
		return s.stands(err, ways)
	}

	for i, way := range ways {
		if isDown {
			delete(s.down, way)
		} else {
			s.down[way] = losses[i]
		}
	}
	return nil
}

// set changes parameters of a link.
func (s *Shell) set(_ context.Context, args []string) error {
	if len(args) < 4 || len(args)%2 != 0 {
		return usageError("set")
	}

	var o topology.Override
	for k := 2; k < len(args); k += 2 {
		if err := o.Set(args[k], args[k+1]); err != nil {
			return err
		}
	}
	_, isDown := s.down[[2]string{args[0], args[1]}]
	if isDown && o.Loss != nil {
		return fmt.Errorf("set %s %s loss: the link is down; take it up first", args[0], args[1])
	}

	ways := [2][2]string{{args[0], args[1]}, {args[1], args[0]}}
	err := s.network.SetLinks(
		topology.Change{From: args[0], To: args[1], Override: o},
		topology.Change{From: args[1], To: args[0], Override: o})
	return s.stands(err, ways)
}

// stands adds to the error of a change what the directions of the link have now, where that
// is known.
func (s *Shell) stands(err error, ways [2][2]string) error {
	if _, partial := errors.AsType[*emu.PartialError](err); err == nil || partial {
		return err
	}
	for _, way := range ways {
		if p, unknown := s.network.Topology().Params(way[0], way[1]); unknown == nil {
			err = fmt.Errorf("%w\n%s > %s still has %v", err, way[0], way[1], p)
		}
	}
	return err
}

func (s *Shell) counters(context.Context, []string) error {
	c, err := s.network.Counters()
	if err != nil {
		return err
	}

	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "port\tsent B\tpackets\treceived B\tpackets\tdrops\twaiting B\t")
	for _, p := range c.Ports {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t\n",
			p.Name, p.TxBytes, p.TxPackets, p.RxBytes, p.RxPackets, p.Drops, p.Backlog)
	}

	return table.Flush()
}

// watch shows the rate of every port that sends, once a second.
func (s *Shell) watch(ctx context.Context, args []string) error {
	rounds := -1
	if len(args) > 0 {
		n, err := strconv.Atoi(args[0])
		if err != nil || n < 1 {
			return usageError("watch")
		}
		rounds = n
	}

	before, err := s.network.Counters()
	if err != nil {
		return err
	}
	at := time.Now()
	for ; rounds != 0; rounds-- {
		if pause(ctx, time.Second) != nil {
			return nil // Ctrl-C is how a watch ends
		}

		now, err := s.network.Counters()
		if err != nil {
			return err
		}
		elapsed := time.Since(at)
		at = time.Now()

		var parts []string
		for _, p := range now.Sub(before).Ports {
			if p.TxBytes > 0 {
				parts = append(parts, fmt.Sprintf("%s %.3g Mb/s", p.Name, float64(p.TxBytes)*8/1e6/elapsed.Seconds()))
			}
		}
		if parts == nil {
			parts = []string{"nothing is sent"}
		}
		fmt.Fprintln(s.out, strings.Join(parts, "  "))
		before = now
	}

	return nil
}
