package view

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"

	"edgebed/harness/topology"
)

// segment is a link as it is drawn.
type segment struct {
	a, b vg.Point
	// label is what is written at it, a line for each direction where these differ.
	label []string
}

// length in points, at least 1.
func (s segment) length() vg.Length {
	return vg.Length(max(1, math.Hypot(float64(s.b.X-s.a.X), float64(s.b.Y-s.a.Y))))
}

// at returns the point at a share of the segment.
func (s segment) at(share vg.Length) vg.Point {
	return vg.Point{X: s.a.X + share*(s.b.X-s.a.X), Y: s.a.Y + share*(s.b.Y-s.a.Y)}
}

// crosses reports whether the segment leads through a box (Liang and Barsky's way of
// clipping).
func (s segment) crosses(box vg.Rectangle) bool {
	enter, leave := 0.0, 1.0
	d := s.b.Sub(s.a)
	for _, side := range [][2]vg.Length{
		{-d.X, s.a.X - box.Min.X}, {d.X, box.Max.X - s.a.X}, {-d.Y, s.a.Y - box.Min.Y}, {d.Y, box.Max.Y - s.a.Y},
	} {
		along, room := float64(side[0]), float64(side[1])
		switch {
		case along == 0 && room < 0:
			return false
		case along < 0:
			enter = max(enter, room/along)
		case along > 0:
			leave = min(leave, room/along)
		}
	}
	return enter <= leave
}

// linkLabel is what a picture says of a link between two points: with an arrow for each
// direction where they differ.
func linkLabel(t *topology.Topology, l topology.LinkSpec, a, b vg.Point) []string {
	first, second, both := strings.Cut(Label(t, l), " / ")
	if !both {
		return []string{first}
	}

	there, back := "→", "←"
	switch dx, dy := b.X-a.X, b.Y-a.Y; {
	case math.Abs(float64(dy)) > math.Abs(float64(dx)) && dy > 0:
		there, back = "↑", "↓"
	case math.Abs(float64(dy)) > math.Abs(float64(dx)):
		there, back = "↓", "↑"
	case dx < 0:
		there, back = "←", "→"
	}
	return []string{there + " " + first, back + " " + second}
}

// placed is a label with its place.
type placed struct {
	box   vg.Rectangle
	lines []string
}

// shares are where along its link a label may lie, the best first.
var shares = []vg.Length{0.5, 1. / 3, 2. / 3, 0.42, 0.58, 0.25, 0.75, 0.2, 0.8}

// place finds each label a place on its link, or else beside it, where it covers no node
// and no other label, and no other link if there is such a place. Where there is none the
// label is left out. size returns the room that a label needs.
func place(links []segment, nodes []vg.Rectangle, size func([]string) vg.Point) (labels []placed, left int) {
	order := make([]int, len(links))
	for i := range order {
		order[i] = i
	}
	// The shorter a link, the fewer places it has.
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(links[i].length(), links[j].length()) })

	taken := slices.Clone(nodes)
	free := func(box vg.Rectangle) bool {
		return !slices.ContainsFunc(taken, func(t vg.Rectangle) bool { return overlap(box, t) })
	}
	for _, i := range order {
		clear := func(box vg.Rectangle) bool {
			for k, l := range links {
				if k != i && l.crosses(box) {
					return false
				}
			}
			return true
		}

		candidates := boxes(links[i], size(links[i].label))
		k := slices.IndexFunc(candidates, func(box vg.Rectangle) bool { return free(box) && clear(box) })
		if k < 0 {
			k = slices.IndexFunc(candidates, free)
		}
		if k < 0 {
			left++
			continue
		}
		taken = append(taken, candidates[k])
		labels = append(labels, placed{candidates[k], links[i].label})
	}
	return labels, left
}

// boxes are where the label of a link may lie: on it, then on either side, then on either
// side beyond the nodes at its ends.
func boxes(l segment, size vg.Point) []vg.Rectangle {
	half := vg.Point{X: size.X / 2, Y: size.Y / 2}
	length := l.length()
	normal := vg.Point{X: (l.a.Y - l.b.Y) / length, Y: (l.b.X - l.a.X) / length}
	aside := vg.Length(math.Abs(float64(normal.X*half.X))+math.Abs(float64(normal.Y*half.Y))) + 2

	var all []vg.Rectangle
	for _, by := range []vg.Length{0, aside, -aside, aside + radius, -aside - radius} {
		for _, share := range shares {
			middle := l.at(share).Add(vg.Point{X: normal.X * by, Y: normal.Y * by})
			all = append(all, vg.Rectangle{Min: middle.Sub(half), Max: middle.Add(half)})
		}
	}
	return all
}

func overlap(a, b vg.Rectangle) bool {
	return a.Min.X < b.Max.X && b.Min.X < a.Max.X && a.Min.Y < b.Max.Y && b.Min.Y < a.Max.Y
}

// crowded reports whether nodes cover each other.
func (p *picture) crowded() bool {
	names := slices.Sorted(maps.Keys(p.nodes))
	for i, name := range names {
		for _, other := range names[:i] {
			if overlap(p.nodes[name], p.nodes[other]) {
				return true
			}
		}
	}
	return false
}

const (
	// manyLinks is from how many links on a key says once what many of them are.
	manyLinks = 10
	// mostLabelled is how many links have labels at most: of more few would find a place, and
	// each is compared with each other one.
	mostLabelled = 1000
	// mostKinds is how many kinds of links a key has at most.
	mostKinds = 5
)

// kinds are the labels that links have in common, in their order, and which of them each
// link has; none where the links are few, or differ too much, or have directions that
// differ, which a key could not tell apart.
func kinds(links []segment) (labels []string, of []int) {
	if len(links) < manyLinks {
		return nil, nil
	}
	for _, l := range links {
		if len(l.label) > 1 {
			return nil, nil
		}
		k := slices.Index(labels, l.label[0])
		if k < 0 {
			k = len(labels)
			labels = append(labels, l.label[0])
		}
		of = append(of, k)
	}
	if len(labels) > mostKinds {
		return nil, nil
	}
	return labels, of
}

// heading says what is drawn.
func heading(t *topology.Topology) string {
	count := func(n int, one, more string) string {
		if n == 1 {
			return "1 " + one
		}
		return fmt.Sprintf("%d %s", n, more)
	}
	return fmt.Sprintf("%s: %s, %s, %s", t.Name, count(len(t.Hosts), "host", "hosts"),
		count(len(t.Switches), "switch", "switches"), count(len(t.Links), "link", "links"))
}
