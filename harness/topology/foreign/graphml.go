package foreign

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"edgebed/nodes/units"
)

// graphMLFile is the part of GraphML that Topology Zoo uses (graphml.graphdrawing.org;
// topology-zoo.org).
type graphMLFile struct {
	Keys []struct {
		ID   string `xml:"id,attr"`
		Name string `xml:"attr.name,attr"`
		For  string `xml:"for,attr"`
	} `xml:"key"`
	Graphs []struct {
		// Default is "directed" where edges are directions of links.
		Default string        `xml:"edgedefault,attr"`
		Data    []graphMLData `xml:"data"`
		Nodes   []struct {
			ID   string        `xml:"id,attr"`
			Data []graphMLData `xml:"data"`
		} `xml:"node"`
		Edges []struct {
			Source string        `xml:"source,attr"`
			Target string        `xml:"target,attr"`
			Data   []graphMLData `xml:"data"`
		} `xml:"edge"`
	} `xml:"graph"`
}

type graphMLData struct {
	Key  string `xml:"key,attr"`
	Text string `xml:",chardata"`
}

func readGraphML(_ string, data []byte) (*graph, error) {
	var file graphMLFile
	if err := xml.NewDecoder(bytes.NewReader(data)).Decode(&file); err != nil {
		return nil, err
	}
	if len(file.Graphs) == 0 {
		return nil, fmt.Errorf("it holds no <graph>")
	}

	g := newGraph()
	if n := len(file.Graphs); n > 1 {
		g.remark("the file holds %d graphs: the first was taken", n)
	}

	keys := map[string]string{}
	for _, k := range file.Keys {
		keys[k.ID] = k.Name
	}
	values := func(list []graphMLData) map[string]string {
		m := map[string]string{}
		for _, d := range list {
			m[keys[d.Key]] = strings.TrimSpace(d.Text)
		}
		return m
	}

	first := file.Graphs[0]
	g.name = values(first.Data)["Network"]
	g.directed = first.Default == "directed"
	g.once = g.directed
	unplaced := 0
	for _, n := range first.Nodes {
		v := values(n.Data)
		latitude, errA := strconv.ParseFloat(v["Latitude"], 64)
		longitude, errB := strconv.ParseFloat(v["Longitude"], 64)

		added := node{id: n.ID, label: v["label"]}
		if errA == nil && errB == nil {
			added.place = &[2]float64{latitude, longitude}
		} else {
			unplaced++
		}
		if err := g.add(added); err != nil {
			return nil, err
		}
	}
	if unplaced > 0 {
		g.remark("%d of %d nodes have no place: links to them have the default delay of %v",
			unplaced, len(g.nodes), defaultDelay)
	}

	unused, odd := map[string]bool{}, 0
	for _, e := range first.Edges {
		for _, end := range []string{e.Source, e.Target} {
			if _, ok := g.index[end]; !ok {
				return nil, fmt.Errorf("an edge names the unknown node %q", end)
			}
		}

		made, said := edge{from: e.Source, to: e.Target}, values(e.Data)
		if rate := speed(said); rate > 0 {
			made.forward.Rate = &rate
		} else if said["LinkSpeedRaw"]+said["LinkSpeed"] != "" {
			odd++
		}
		for name := range said {
			if !slices.Contains(speedKeys, name) {
				unused[name] = true
			}
		}
		if err := g.connect(made); err != nil {
			return nil, err
		}
	}
	if odd > 0 {
		g.remark("%d links have a speed that is not understood: they have the default of %v", odd, defaultRate)
	}
	if len(unused) > 0 {
		g.remark("what links say under %s was left out", strings.Join(slices.Sorted(maps.Keys(unused)), ", "))
	}

	return g, nil
}

// speedKeys are what speed reads.
var speedKeys = []string{"LinkSpeedRaw", "LinkSpeed", "LinkSpeedUnits"}

// speed returns the link speed that Topology Zoo gives, 0 where it gives none.
func speed(v map[string]string) units.Rate {
	raw, err := strconv.ParseFloat(v["LinkSpeedRaw"], 64)
	if err != nil {
		raw, err = strconv.ParseFloat(v["LinkSpeed"], 64)
		raw *= map[string]float64{"T": 1e12, "G": 1e9, "M": 1e6, "K": 1e3, "k": 1e3}[v["LinkSpeedUnits"]]
	}
	if err != nil || !(raw > 0) || raw > 1e15 {
		return 0
	}

	return units.Rate(raw)
}
