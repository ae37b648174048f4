package shell

import (
	"slices"
	"strings"

	"edgebed/harness/topology"
)

// completer completes words for the terminal: commands and hosts at the start of a
// line, hosts, switches and ports after it.
type completer struct{ s *Shell }

// Do implements readline.AutoCompleter.
func (c completer) Do(line []rune, pos int) (suffixes [][]rune, length int) {
	text := string(line[:pos])
	start := strings.LastIndexByte(text, ' ') + 1
	prefix := text[start:]

	var list []string
	for _, w := range c.candidates(strings.Fields(text[:start])) {
		if strings.HasPrefix(w, prefix) {
			list = append(list, w[len(prefix):]+" ")
		}
	}
	slices.Sort(list)
	for _, w := range slices.Compact(list) {
		suffixes = append(suffixes, []rune(w))
	}

	return suffixes, len([]rune(prefix))
}

// ends are the switches, and the hosts that have a link with parameters.
func (c completer) ends() []string {
	var ends []string
	t := c.s.network.Topology()
	suffixes := t.Suffixes()
	for i, l := range t.AllLinks() {
		ends = append(ends, l.Between[0], l.Between[1], l.Between[1]+suffixes[i])
	}
	return ends
}

// candidates are the words that may follow.
func (c completer) candidates(before []string) []string {
	if len(before) == 0 {
		return c.s.words()
	}

	switch before[0] {
	case "link", "set":
		switch {
		case len(before) < 3:
			return c.ends()
		case before[0] == "link":
			return []string{"up", "down"}
		}

		return topology.Parameters()
	case "capture":
		return append(c.s.network.Ports(), "stop")
	case "invoke":
		if c.s.bench == nil || len(before) > 1 {
			return nil
		}

		return c.s.bench.Job().Functions()
	case "help", "?":
		return c.s.words()
	}

	var hosts []string
	for _, h := range c.s.network.Hosts() {
		hosts = append(hosts, h.Name())
	}

	return hosts
}
