package foreign

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
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
		Edges []graphMLEdge `xml:"edge"`
	} `xml:"graph"`
}

type graphMLEdge struct {
	Source string        `xml:"source,attr"`
	Target string        `xml:"target,attr"`
	Data   []graphMLData `xml:"data"`
	// offset is where its first tag ends.
	offset int
}

// UnmarshalXML implements xml.Unmarshaler.
func (e *graphMLEdge) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	type plain graphMLEdge
	offset := int(d.InputOffset()) - 1
	if err := d.DecodeElement((*plain)(e), &start); err != nil {
		return err
	}
	e.offset = offset
	return nil
}

type graphMLData struct {
	Key  string `xml:"key,attr"`
	Text string `xml:",chardata"`
}

// parseGraphML reads the text, which is UTF-8 by now whatever it says of itself.
func parseGraphML(s *source) (*graphMLFile, error) {
	var file graphMLFile
	decoder := xml.NewDecoder(bytes.NewReader(s.text))
	decoder.CharsetReader = func(_ string, input io.Reader) (io.Reader, error) { return input, nil }
	err := decoder.Decode(&file)

	syntax, is := errors.AsType[*xml.SyntaxError](err)
	offset := int(decoder.InputOffset())
	switch {
	case errors.Is(err, io.EOF):
		return nil, s.errorf(0, "expected XML with the element <graphml>, got none")
	case is && syntax.Msg == "unexpected EOF":
		return nil, s.errorf(len(s.text), "the XML ends before all of its elements are closed; is the file cut short?")
	case is:
		return nil, s.errorf(offset, "this is no XML: %s", syntax.Msg)
	case err != nil:
		return nil, s.errorf(offset, "%w", err)
	}
	return &file, nil
}

func readGraphML(s *source) (*graph, error) {
	file, err := parseGraphML(s)
	if err != nil {
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
		}
		fresh, err := g.addOnce(added)
		if err != nil {
			return nil, err
		}
		if fresh && added.place == nil {
			unplaced++
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
				return nil, s.errorf(e.offset, "an edge names the unknown node %q", end)
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
