package report

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"edgebed/harness/record"
	"edgebed/nodes/units"
)

// This file says how much of the links' capacity executions use.

// utilisation returns the share of each direction's capacity that was used while
// executions ran: the bytes that were sent, over those that the link's rate lets
// through in the executions' delays. Directions of unknown rate, such as those of
// links to hosts, which are not shaped, are left out.
func utilisation(cells []record.CellResult, meaning map[string]direction) map[direction]float64 {
	sent, most := make(map[direction]float64), make(map[direction]float64)
	for _, c := range cells {
		rates := make(map[direction]units.Rate)
		for _, d := range meaning {
			if !isPort(meaning, direction{d.to, d.from}) {
				continue // a host's
			}
			text := cmp.Or(c.Cell.Settings["link-rate."+d.from+"-"+d.to], c.Cell.Settings["link-rate"])
			if rate, err := units.ParseRate(text); err == nil && rate > 0 {
				rates[d] = rate
			}
		}
		for _, e := range c.Counted() {
			for _, p := range e.Ports {
				if d, ok := meaning[p.Name]; ok && rates[d] > 0 {
					sent[d] += float64(p.TxBytes)
					most[d] += float64(rates[d].Per(time.Duration(e.DelayNS)))
				}
			}
		}
	}
	shares := make(map[direction]float64)
	for d, capacity := range most {
		if capacity > 0 {
			shares[d] = sent[d] / capacity
		}
	}
	return shares
}

// utilisationTables are the busiest link and the mean over links at each point,
// and every link; nil where no rate is known.
func utilisationTables(r *record.Results, parts roles) []tableView {
	busiest, every := table{keys: len(parts.rows) + len(parts.x)}, table{keys: len(parts.rows) + len(parts.x) + 2}
	for _, a := range append(append([]record.Axis(nil), parts.rows...), parts.x...) {
		busiest.header, every.header = append(busiest.header, axisHeading(a)), append(every.header, axisHeading(a))
	}
	every.header = append(every.header, "From", "To")
	series := combinations(parts.columns, r.Cells)
	for _, s := range series {
		name := cmp.Or(joined(texts(s)), "Utilisation")
		busiest.header, every.header = append(busiest.header, name), append(every.header, name)
	}
	for _, place := range places(parts, r.Cells) {
		net, meaning := networkOf(counted(at(r.Cells, place...)))
		for _, x := range combinations(parts.x, at(r.Cells, place...)) {
			cells := at(at(r.Cells, place...), x...)
			row := append(texts(place), texts(x)...)
			top := append([]string(nil), row...)
			var shares []map[direction]float64
			known := false
			for _, s := range series {
				share := utilisation(at(cells, s...), meaning)
				shares = append(shares, share)
				top = append(top, busiestOf(net, share))
				known = known || len(share) > 0
			}
			if !known {
				continue
			}
			busiest.rows = append(busiest.rows, top)
			for _, way := range net.directions() {
				line := append(append([]string(nil), row...), way.from, way.to)
				shaped := false
				for _, share := range shares {
					v, ok := share[way]
					shaped = shaped || ok
					line = append(line, percentage(v, ok))
				}
				if shaped {
					every.rows = append(every.rows, line)
				}
			}
		}
	}
	if len(busiest.rows) == 0 {
		return nil
	}
	remark := "Bytes sent in a direction over those that its rate lets through while the executions run."
	views := []tableView{busiest.view("Utilisation of links between switches: the busiest direction, and the mean over all"),
		every.view("Utilisation of every link between switches")}
	for i := range views {
		views[i].Remark = remark
	}
	return views
}

// busiestOf names the direction with the greatest share, and the mean share.
func busiestOf(net *graph, shares map[direction]float64) string {
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
	if len(shares) == 0 {
		return "–"
	}
	return fmt.Sprintf("%s → %s %s, mean %s", top.from, top.to, percentage(shares[top], true), percentage(sum/float64(len(shares)), true))
}

func percentage(share float64, known bool) string {
	if !known {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", 100*share)
}

// utilisationRange says of each direction how much of it is used, from the least
// to the most over the abscissa, for instance "8 % to 45 % in use".
func utilisationRange(parts roles, cells []record.CellResult, meaning map[string]direction) map[direction]string {
	low, high := make(map[direction]float64), make(map[direction]float64)
	for _, x := range combinations(parts.x, cells) {
		for way, v := range utilisation(at(cells, x...), meaning) {
			if _, seen := low[way]; !seen {
				low[way] = v
			}
			low[way], high[way] = math.Min(low[way], v), math.Max(high[way], v)
		}
	}
	said := make(map[direction]string)
	for way := range low {
		from, to := fmt.Sprintf("%.0f %%", 100*low[way]), fmt.Sprintf("%.0f %%", 100*high[way])
		if said[way] = from + " to " + to + " in use"; from == to {
			said[way] = from + " in use"
		}
	}
	return said
}
