package view

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/plot/vg"

	"edgebed/harness/topology"
	"edgebed/harness/topology/preset"
	"edgebed/nodes/units"
)

// annotated is the picture of a topology, size wide.
func annotated(n *topology.Topology, size vg.Length) *picture {
	p := newDrawing(n).layOut(size)
	p.annotate()
	return p
}

// TestLabels lays out presets of many shapes: no label covers another one or a node, few
// have no room, and a key says of many links what they are.
func TestLabels(t *testing.T) {
	references := []string{"waxman,switches=15,seed=7", "ring,4,rate=1Mb/s", "mesh,switches=7", "linear,switches=9"}
	for _, p := range preset.List() {
		references = append(references, p.Name)
	}
	for _, reference := range references {
		n := build(t, reference)
		p := annotated(n, 700)
		for i, a := range p.labels {
			for k, b := range p.labels {
				if i != k && overlap(a.box, b.box) {
					t.Errorf("%s: labels %q and %q cover each other", reference, a.lines, b.lines)
				}
			}
			for name, box := range p.nodes {
				if overlap(a.box, box) {
					t.Errorf("%s: label %q covers %s", reference, a.lines, name)
				}
			}
		}

		switch {
		case p.kinds != nil && (len(p.labels) > 0 || len(p.of) != len(p.links)):
			t.Errorf("%s has a key and %d labels", reference, len(p.labels))
		case p.kinds == nil && len(p.labels)+p.left != len(p.links):
			t.Errorf("%s: %d labels and %d without room for %d links", reference, len(p.labels), p.left, len(p.links))
		case 3*p.left > len(p.links):
			t.Errorf("%s: %d of %d labels have no room", reference, p.left, len(p.links))
		}
	}
}

// TestKey checks that a picture of many equal links says once what they are, and for how
// many, and that one of links that differ by direction writes both with arrows.
func TestKey(t *testing.T) {
	n := build(t, "fattree,k=4")
	slow := 2 * units.Mbps
	n.Links[0].Forward.Rate, n.Links[0].Reverse.Rate = &slow, &slow
	var svg bytes.Buffer
	if err := Draw(&svg, n, "svg"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"100 Mb/s 1ms (31 of 32 links)", "2 Mb/s 1ms (1 of 32 links)", "16 hosts, 20 switches, 32 links"} {
		if strings.Count(svg.String(), want) != 1 {
			t.Errorf("the picture says %q %d times", want, strings.Count(svg.String(), want))
		}
	}

	ring := build(t, "ring,4")
	ring.Links[0].Reverse.Rate = &slow
	p := annotated(ring, 500)
	if !slices.ContainsFunc(p.labels, func(l placed) bool {
		return len(l.lines) == 2 && strings.HasSuffix(l.lines[0], " 10 Mb/s 1ms") && strings.HasSuffix(l.lines[1], " 2 Mb/s 1ms")
	}) {
		t.Errorf("no label has both directions: %v", p.labels)
	}
}

// TestManyLinks draws more links than can have labels, each of another kind: the picture
// says so.
func TestManyLinks(t *testing.T) {
	n := build(t, "mesh,switches=46")
	for i := range n.Links {
		delay := time.Duration(i) * time.Microsecond
		n.Links[i].Forward.Delay, n.Links[i].Reverse.Delay = &delay, &delay
	}
	if p := annotated(n, 900); len(n.Links) <= mostLabelled || len(p.labels) > 0 || p.left != len(n.Links) {
		t.Errorf("of %d links %d have labels, %d have none", len(n.Links), len(p.labels), p.left)
	}
	var svg bytes.Buffer
	if err := Draw(&svg, n, "svg"); err != nil || !strings.Contains(svg.String(), "1035 links have no room") {
		t.Errorf("the picture does not say that there are no labels: %v", err)
	}
}

func TestCrosses(t *testing.T) {
	box := vg.Rectangle{Min: vg.Point{X: 10, Y: 10}, Max: vg.Point{X: 20, Y: 20}}
	for _, tc := range []struct {
		ax, ay, bx, by vg.Length
		want           bool
	}{
		{0, 15, 30, 15, true}, {15, 0, 15, 30, true}, {0, 0, 30, 30, true}, {12, 12, 13, 13, true},
		{0, 5, 30, 5, false}, {0, 25, 9, 9, false}, {25, 0, 25, 30, false}, {0, 15, 9, 15, false},
	} {
		s := segment{a: vg.Point{X: tc.ax, Y: tc.ay}, b: vg.Point{X: tc.bx, Y: tc.by}}
		if s.crosses(box) != tc.want {
			t.Errorf("from %v to %v: %v, want %v", s.a, s.b, !tc.want, tc.want)
		}
	}
}
