package record

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"

	"edgebed/harness/escape"
)

// ExecutionsCSV writes one row per execution: a column for each axis of the
// matrix, then what Execution holds, except for its ports, and the audit's verdict
// on its cell. Axes with a unit have it in their heading and plain numbers below; times
// are in seconds. What is not counted of an execution under load is left empty.
func ExecutionsCSV(w io.Writer, r *Results) error {
	axes := r.Campaign.Axes
	header := make([]string, 0, len(axes)+24)
	for _, a := range axes {
		header = append(header, heading(a))
	}

	header = append(header, "seed", "index", "warm_up", "ok", "reason", "workload", "started",
		"delay_s", "cycle_s", "hops", "ptime_ms",
		"switch_bytes", "switch_packets", "trunk_bytes", "trunk_packets", "drops",
		"retransmissions", "active_opens", "payload_bytes", "payload_hop_bytes", "predicted_trunk_bytes",
		"delivered_bytes", "table1_bytes", "cell_audit")
	underLoad := r.underLoad()
	if underLoad {
		header = append(header, "client", "client_group", "due", "waited_s")
	}

	out := csv.NewWriter(w)
	if err := out.Write(escape.CSVRow(header)); err != nil {
		return err
	}

	for _, c := range r.Cells {
		point := pointColumns(axes, c.Cell)
		for _, e := range c.Executions {
			row := append(make([]string, 0, len(header)), point...)
			row = append(row, strconv.FormatUint(c.Cell.Seed, 10), strconv.Itoa(e.Index),
				strconv.FormatBool(e.WarmUp), strconv.FormatBool(e.OK), e.Reason, e.Workload,
				e.Started.UTC().Format(csvTime),
				seconds(e.DelayNS), e.unlessShared(seconds(e.CycleNS)),
				strconv.Itoa(e.Hops), strconv.FormatInt(e.PTimeMS, 10))

			for _, v := range []int64{
				e.SwitchBytes, e.SwitchPackets, e.TrunkBytes, e.TrunkPackets, e.Drops,
				e.Retransmissions, e.ActiveOpens, e.PayloadBytes, e.PayloadHopBytes, e.PredictedTrunkBytes,
				e.DeliveredBytes(), e.Table1Bytes} {
				row = append(row, e.unlessShared(strconv.FormatInt(v, 10)))
			}

			row = append(row, c.verdict())
			if underLoad {
				row = append(row, e.Arrival.columns()...)
			}
			if err := out.Write(escape.CSVRow(row)); err != nil {
				return err
			}
		}
	}

	out.Flush()
	return out.Error()
}

// csvTime is how files for spreadsheets write a time of day.
const csvTime = "2006-01-02T15:04:05.000Z"

// unlessShared returns a column of what is counted of an execution alone: nothing under
// load, where the cell has the count.
func (e Execution) unlessShared(column string) string {
	if e.Arrival != nil {
		return ""
	}
	return column
}

// columns are those of an arrival; empty for an execution that ran alone.
func (a *Arrival) columns() []string {
	if a == nil {
		return []string{"", "", "", ""}
	}
	return []string{a.Client, a.Group, a.Due.UTC().Format(csvTime), seconds(a.WaitedNS)}
}

// underLoad reports whether a cell of the results is.
func (r *Results) underLoad() bool {
	return slices.ContainsFunc(r.Cells, func(c CellResult) bool { _, ok := c.UnderLoad(); return ok })
}

// verdict is the audit's on the cell, empty where there is none.
func (c CellResult) verdict() string {
	if c.End == nil || c.End.Audit == nil {
		return ""
	}
	return string(c.End.Audit.Verdict)
}

// PortsCSV writes one row per execution and switch port; of a cell under load one row per
// port, without the index of an execution.
func PortsCSV(w io.Writer, r *Results) error {
	axes := r.Campaign.Axes

	header := make([]string, 0, len(axes)+8)
	for _, a := range axes {
		header = append(header, heading(a))
	}
	header = append(header, "seed", "index", "warm_up", "port", "tx_bytes", "tx_packets", "rx_bytes", "rx_packets")

	out := csv.NewWriter(w)
	if err := out.Write(escape.CSVRow(header)); err != nil {
		return err
	}

	for _, c := range r.Cells {
		point := append(pointColumns(axes, c.Cell), strconv.FormatUint(c.Cell.Seed, 10))
		for _, e := range c.Executions {
			of := append(slices.Clip(point), strconv.Itoa(e.Index), strconv.FormatBool(e.WarmUp))
			if err := writePorts(out, of, e.Ports); err != nil {
				return err
			}
		}
		if l, ok := c.UnderLoad(); ok {
			if err := writePorts(out, append(slices.Clip(point), "", ""), l.Traffic.Ports); err != nil {
				return err
			}
		}
	}

	out.Flush()
	return out.Error()
}

// writePorts writes a row for each port, which begins with what it is of.
func writePorts(out *csv.Writer, of []string, ports []Port) error {
	for _, p := range ports {
		row := append(slices.Clip(of), p.Name)
		for _, v := range []int64{p.TxBytes, p.TxPackets, p.RxBytes, p.RxPackets} {
			row = append(row, strconv.FormatInt(v, 10))
		}
		if err := out.Write(escape.CSVRow(row)); err != nil {
			return err
		}
	}
	return nil
}

// SamplesCSV writes one row per sample of a cell under load and port or computer, in
// seconds from when the clients began.
func SamplesCSV(w io.Writer, r *Results) error {
	axes := r.Campaign.Axes
	header := make([]string, 0, len(axes)+8)
	for _, a := range axes {
		header = append(header, heading(a))
	}
	header = append(header, "seed", "time_s", "port", "sent_bytes", "queued_bytes", "computer", "running", "waiting")

	out := csv.NewWriter(w)
	if err := out.Write(escape.CSVRow(header)); err != nil {
		return err
	}

	for _, c := range r.Cells {
		l, ok := c.UnderLoad()
		if !ok || l.Samples == nil {
			continue
		}
		point := append(pointColumns(axes, c.Cell), strconv.FormatUint(c.Cell.Seed, 10))
		for k, at := range l.Samples.AtNS {
			for _, columns := range l.Samples.columns(k) {
				row := append(append(slices.Clip(point), seconds(at)), columns...)
				if err := out.Write(escape.CSVRow(row)); err != nil {
					return err
				}
			}
		}
	}

	out.Flush()
	return out.Error()
}

// columns are the rows of a sample.
func (s *Samples) columns(k int) (rows [][]string) {
	for _, p := range s.Ports {
		if k < min(len(p.SentBytes), len(p.QueuedBytes)) {
			rows = append(rows, []string{p.Name, strconv.FormatInt(p.SentBytes[k], 10),
				strconv.FormatInt(p.QueuedBytes[k], 10), "", "", ""})
		}
	}
	for _, h := range s.Computers {
		if k < min(len(h.Running), len(h.Waiting)) {
			rows = append(rows, []string{"", "", "", h.Host, strconv.Itoa(h.Running[k]), strconv.Itoa(h.Waiting[k])})
		}
	}
	return rows
}

// HasSamples reports whether a cell of the results has samples over time.
func (r *Results) HasSamples() bool {
	return slices.ContainsFunc(r.Cells, func(c CellResult) bool {
		l, ok := c.UnderLoad()
		return ok && l.Samples != nil
	})
}

// heading is the title of an axis's column, for instance "rate [Mb/s]".
func heading(a Axis) string {
	if a.Unit == "" {
		return a.Name
	}
	return fmt.Sprintf("%s [%s]", a.Name, a.Unit)
}

// pointColumns are the columns of a cell's point: numbers on axes with a unit,
// else the value as the scenario writes it.
func pointColumns(axes []Axis, c Cell) []string {
	columns := make([]string, len(axes))
	for i, a := range axes {
		p, ok := c.Coord(a.Name)
		switch {
		case !ok:
		case a.Unit != "":
			columns[i] = strconv.FormatFloat(p.Number, 'f', -1, 64)
		default:
			columns[i] = p.Value
		}
	}
	return columns
}

// seconds formats nanoseconds as seconds, exactly.
func seconds(ns int64) string {
	sign := ""
	if ns < 0 {
		sign = "-"
	}
	whole, part := ns/1e9, ns%1e9
	if whole < 0 {
		whole = -whole
	}
	if part < 0 {
		part = -part
	}
	return fmt.Sprintf("%s%d.%09d", sign, whole, part)
}
