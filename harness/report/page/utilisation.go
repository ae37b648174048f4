package page

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/report/table"
	"edgebed/nodes/units"
)

// utilisation returns the share of each direction's capacity that was used while
// executions ran: the bytes that were sent, over those that the link's rate lets
// through in the executions' delays. Directions that are not shaped, such as those of
// links to hosts, or of cells whose records do not say, are left out.
func utilisation(cells []record.CellResult) map[direction]float64 {
	sent, most := make(map[direction]float64), make(map[direction]float64)
	for _, c := range cells {
		ports := networkOf([]record.CellResult{c}).ports
		for _, e := range c.Counted() {
			for _, p := range e.Ports {
				port := ports[p.Name]
				if !port.Trunk || port.RateBPS <= 0 {
					continue
				}
				way := direction{port.Switch, port.Peer}
				sent[way] += float64(p.TxBytes)
				most[way] += float64(units.Rate(port.RateBPS).Per(time.Duration(e.DelayNS)))
			}
		}
	}

	shares := make(map[direction]float64)
	for way, capacity := range most {
		if capacity > 0 {
			shares[way] = sent[way] / capacity
		}
	}
	return shares
}

// utilisationTables are the busiest link and the mean over links at each point,
// and every link; none where no rate is known.
func utilisationTables(r *record.Results, roles matrix.Roles) []table.Table {
	const remark = "Bytes sent in a direction over those that its rate lets through while the executions run."
	keys := table.Headings(slices.Concat(roles.Rows, roles.X))
	busiest := table.Table{Caption: "Utilisation of links between switches: the busiest direction, and the mean " +
		"over all",
		Remark: remark, Keys: len(keys), Header: slices.Clone(keys)}
	every := table.Table{Caption: "Utilisation of every link between switches",
		Remark: remark, Keys: len(keys) + 2, Header: append(slices.Clone(keys), "From", "To")}
	series := matrix.Points(roles.Columns, r.Cells)
	for _, s := range series {
		name := cmp.Or(table.Joined(s.Texts()...), "Utilisation")
		busiest.Header, every.Header = append(busiest.Header, name), append(every.Header, name)
	}

	for _, panel := range roles.Panels(r.Cells) {
		net := networkOf(panel.Of(r.Cells))
		for _, x := range matrix.Points(roles.X, panel.Of(r.Cells)) {
			point := panel.With(x...)
			var shares []map[direction]float64
			for _, s := range series {
				shares = append(shares, utilisation(s.Of(point.Of(r.Cells))))
			}
			if !slices.ContainsFunc(shares, func(of map[direction]float64) bool { return len(of) > 0 }) {
				continue
			}

			row := point.Texts()
			for _, share := range shares {
				row = append(row, busiestOf(net, share))
			}
			busiest.Rows = append(busiest.Rows, row)
			every.Rows = append(every.Rows, everyLink(net, point.Texts(), shares)...)
		}
	}
	if len(busiest.Rows) == 0 {
		return nil
	}
	return []table.Table{busiest, every}
}

// everyLink is a row for each direction that is shaped in one of the series.
func everyLink(net *network, point []string, shares []map[direction]float64) (rows [][]string) {
	for _, way := range net.directions() {
		row := append(slices.Clone(point), way.from, way.to)
		shaped := false
		for _, share := range shares {
			v, ok := share[way]
			shaped = shaped || ok
			row = append(row, percentage(v, ok))
		}
		if shaped {
			rows = append(rows, row)
		}
	}
	return rows
}

// busiestOf names the direction with the greatest share, and the mean share.
func busiestOf(net *network, shares map[direction]float64) string {
	if len(shares) == 0 {
		return "–"
	}
	var top direction
	sum := 0.0
	for _, way := range net.directions() { // in an order that does not change
		if v, ok := shares[way]; ok {
			sum += v
			if top == (direction{}) || v > shares[top] {
				top = way
			}
		}
	}
	return fmt.Sprintf("%s → %s %s, mean %s",
		top.from, top.to, percentage(shares[top], true), percentage(sum/float64(len(shares)), true))
}

func percentage(share float64, known bool) string {
	if !known {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", 100*share)
}

// utilisationRange says of each direction how much of it is used, from the least
// to the most over the abscissa, for instance "8 % to 45 % in use".
func utilisationRange(roles matrix.Roles, cells []record.CellResult) map[direction]string {
	low, high := make(map[direction]float64), make(map[direction]float64)
	for _, x := range matrix.Points(roles.X, cells) {
		for way, v := range utilisation(x.Of(cells)) {
			if _, seen := low[way]; !seen {
				low[way] = v
			}
			low[way], high[way] = math.Min(low[way], v), math.Max(high[way], v)
		}
	}

	said := make(map[direction]string)
	for way := range low {
		from, to := fmt.Sprintf("%.0f %%", 100*low[way]), fmt.Sprintf("%.0f %%", 100*high[way])
		said[way] = from + " to " + to + " in use"
		if from == to {
			said[way] = from + " in use"
		}
	}
	return said
}
