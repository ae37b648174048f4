package shell

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"edgebed/harness/topology"
	"edgebed/harness/topology/view"
	"edgebed/nodes/units"
	"edgebed/nodes/yamlfile"
)

func (s *Shell) listHosts(context.Context, []string) error {
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	for _, h := range s.network.Hosts() {
		addresses := h.Address().String()
		if a := h.Address6(); a.IsValid() {
			addresses += "\t" + a.String()
		}
		fmt.Fprintf(table, "%s\t%s\t%v\tat %s\n", h.Name(), addresses, h.HardwareAddr(), h.Switch())
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
	for _, ends := range [][2]string{{args[0], args[1]}, {args[1], args[0]}} {
		before, wasDown := s.down[ends]
		p, err := s.network.Topology().Params(ends[0], ends[1])
		if err != nil {
			return err
		}

		switch {
		case args[2] == "down" && !wasDown:
			if err := s.network.SetLink(ends[0], ends[1], topology.Override{Loss: &all}); err != nil {
				return err
			}
			s.down[ends] = p.Loss
		case args[2] == "up" && wasDown:
			if err := s.network.SetLink(ends[0], ends[1], topology.Override{Loss: &before}); err != nil {
				return err
			}
			delete(s.down, ends)
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
		if err := override(&o, args[k], args[k+1]); err != nil {
			return err
		}
	}
	_, isDown := s.down[[2]string{args[0], args[1]}]
	if isDown && o.Loss != nil {
		return fmt.Errorf("set %s %s loss: the link is down; take it up first", args[0], args[1])
	}

	return errors.Join(s.network.SetLink(args[0], args[1], o), s.network.SetLink(args[1], args[0], o))
}

// override reads one parameter of a link.
func override(o *topology.Override, name, text string) error {
	switch name {
	case "rate":
		rate, err := units.ParseRate(strings.ReplaceAll(strings.ReplaceAll(text, "bit/s", "b/s"), "bit", "b/s"))
		o.Rate = &rate

		return err
	case "delay", "jitter":
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%s %q: expected a duration like 10ms", name, text)
		}
		if name == "delay" {
			o.Delay = &d
		} else {
			o.Jitter = &d
		}

		return nil
	case "loss":
		var loss topology.Loss
		err := loss.UnmarshalText([]byte(text))
		o.Loss = &loss

		return err
	case "loss-burst":
		length, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("loss-burst %q: expected a number of frames", text)
		}
		o.LossBurst = &length

		return nil
	case "duplicate":
		var share topology.Loss
		err := share.UnmarshalText([]byte(text))
		o.Duplicate = &share

		return err
	case "queue":
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("queue %q: expected a number of packets", text)
		}
		o.Queue = &n

		return nil
	}

	return fmt.Errorf("unknown parameter %q%s", name,
		yamlfile.Suggest(name, []string{"rate", "delay", "jitter", "loss", "loss-burst", "duplicate", "queue"}))
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
