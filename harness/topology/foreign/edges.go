package foreign

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"
)

// readEdges reads a link a line: two names, separated by blanks, tabs, commas,
// semicolons or bars, as in CAIDA's "1|11537|0". Lines that begin with # or % are
// comments; further columns are left out.
func readEdges(_ string, data []byte) (*graph, error) {
	g := newGraph()
	g.once = true
	more, number := 0, 0

	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		number++
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' || line[0] == '%' {
			continue
		}

		words := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t,;|", r) })
		if len(words) < 2 {
			return nil, fmt.Errorf("line %d: %.40q names fewer than two nodes", number, line)
		}
		if len(words) > 2 {
			more++
		}

		for _, name := range words[:2] {
			if err := g.add(node{id: name}); err != nil {
				return nil, fmt.Errorf("line %d: %w", number, err)
			}
		}
		if err := g.connect(edge{from: words[0], to: words[1]}); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", number+1, err)
	}
	if more > 0 {
		g.remark("%d lines have more than two columns, which were left out", more)
	}

	return g, nil
}
