package record

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"edgebed/harness/escape"
)

// ExecutionsCSV writes one row per execution: a column for each axis of the
// matrix, then what Execution holds, except for its ports, and the audit's verdict
// on its cell. Axes with a unit
// have it in their heading and plain numbers below; times are in seconds.
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
				e.Started.UTC().Format("2006-01-02T15:04:05.000Z"),
				seconds(e.DelayNS), seconds(e.CycleNS))

			for _, v := range []int64{int64(e.Hops), e.PTimeMS,
				e.SwitchBytes, e.SwitchPackets, e.TrunkBytes, e.TrunkPackets, e.Drops,
				e.Retransmissions, e.ActiveOpens, e.PayloadBytes, e.PayloadHopBytes, e.PredictedTrunkBytes,
				e.DeliveredBytes(), e.Table1Bytes} {
				row = append(row, strconv.FormatInt(v, 10))
			}

			if err := out.Write(escape.CSVRow(append(row, c.verdict()))); err != nil {
				return err
			}
		}
	}

	out.Flush()
	return out.Error()
}

// verdict is the audit's on the cell, empty where there is none.
func (c CellResult) verdict() string {
	if c.End == nil || c.End.Audit == nil {
		return ""
	}
	return string(c.End.Audit.Verdict)
}

// PortsCSV writes one row per execution and switch port.
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
		point := pointColumns(axes, c.Cell)
		for _, e := range c.Executions {
			for _, p := range e.Ports {
				row := append(make([]string, 0, len(header)), point...)
				row = append(row, strconv.FormatUint(c.Cell.Seed, 10), strconv.Itoa(e.Index),
					strconv.FormatBool(e.WarmUp), p.Name)

				for _, v := range []int64{p.TxBytes, p.TxPackets, p.RxBytes, p.RxPackets} {
					row = append(row, strconv.FormatInt(v, 10))
				}
				if err := out.Write(escape.CSVRow(row)); err != nil {
					return err
				}
			}
		}
	}

	out.Flush()
	return out.Error()
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
