package foreign

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"edgebed/harness/topology"
)

// row is a line of an edge list.
type row struct {
	words []string
	// offset is where it stands in the text.
	offset int
}

// readEdges reads a link a line: two names, separated by blanks, tabs, commas,
// semicolons or bars, as in CAIDA's "1|11537|0". Lines that begin with # or % are
// comments. Tables (.csv, .tsv) may have values in quotes. Where the first line names
// columns (source,target,rate), those that are called as ends and parameters of links are
// read; all others are left out.
func readEdges(s *source) (*graph, error) {
	r := edgeReader{source: s, graph: newGraph(), ends: [2]int{0, 1}}
	r.once = true

	// Of a list that names its columns, an empty value keeps the others where they are.
	comma, separated := separator(s.text)
	rows := wordRows(s)
	table := slices.Contains([]string{".csv", ".tsv"}, strings.ToLower(filepath.Ext(s.file)))
	if separated && (table || len(rows) > 0 && r.header(rows[0].words)) {
		fields, err := tableRows(s, comma)
		if err != nil {
			return nil, err
		}
		if table || len(fields) > 0 && r.header(fields[0].words) {
			rows = fields
		}
	}

	if len(rows) > 0 && r.header(rows[0].words) {
		r.remark("the first line (%s) was taken for names of columns", oneLine(strings.Join(rows[0].words, ", ")))
		rows = rows[1:]
	}
	for _, row := range rows {
		if err := r.row(row); err != nil {
			return nil, err
		}
	}

	r.conclude()
	return r.graph, nil
}

// wordRows takes the lines apart at all that may separate names.
func wordRows(s *source) []row {
	var rows []row
	offset := 0
	for line := range strings.Lines(string(s.text)) {
		words := strings.FieldsFunc(line, func(r rune) bool {
			return unicode.IsSpace(r) || strings.ContainsRune(",;|", r)
		})
		if !isComment(strings.TrimSpace(line)) && strings.TrimSpace(line) != "" {
			rows = append(rows, row{words, offset})
		}
		offset += len(line)
	}
	return rows
}

func isComment(line string) bool { return strings.HasPrefix(line, "#") || strings.HasPrefix(line, "%") }

// separator returns what separates the columns of a table: the first of comma, semicolon, tab and
// bar that its first line has outside quotes. False means none of them.
func separator(text []byte) (rune, bool) {
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || isComment(line) {
			continue
		}

		plain, quoted := strings.Builder{}, false
		for _, r := range line {
			if r == '"' {
				quoted = !quoted
			} else if !quoted {
				plain.WriteRune(r)
			}
		}
		for _, r := range ",;\t|" {
			if strings.ContainsRune(plain.String(), r) {
				return r, true
			}
		}
		return 0, false
	}
	return 0, false
}

// tableRows reads a table whose values may be in quotes.
func tableRows(s *source, comma rune) ([]row, error) {
	table := csv.NewReader(bytes.NewReader(s.text))
	table.Comma, table.Comment, table.FieldsPerRecord = comma, '#', -1
	table.TrimLeadingSpace = comma != '\t' // which would be taken for such a space where a value is empty

	var rows []row
	for {
		words, err := table.Read()
		mistake, is := errors.AsType[*csv.ParseError](err)
		switch {
		case errors.Is(err, io.EOF):
			return rows, nil
		case is:
			at := s.lineOffset(mistake.Line, 1) + max(mistake.Column-1, 0) // which counts bytes
			return nil, s.errorf(at, `a quotation mark stands inside a value, or has no second one; `+
				`write "a ""b"" c" for a value with some`)
		case err != nil:
			return nil, err
		}

		for i, word := range words {
			words[i] = strings.TrimSpace(word)
		}
		line, _ := table.FieldPos(0)
		if strings.Join(words, "") != "" && !isComment(words[0]) {
			rows = append(rows, row{words, s.lineOffset(line, 1)})
		}
	}
}

// edgeReader makes a graph of rows.
type edgeReader struct {
	*source
	*graph
	// ends are the columns of a link's two nodes.
	ends [2]int
	// columns are what others are called, nil without a first line that says so.
	columns []string
	// more counts rows with columns that nothing was said of.
	more int
	// odd counts values that are not understood, and oddest says what is wrong with the first.
	odd    int
	oddest error
}

// Words by which columns are known, in lower case and without those of columnNoise.
var (
	sourceColumns = []string{"source", "src", "from", "tail", "start", "node1", "node"}
	targetColumns = []string{"target", "destination", "dest", "dst", "to", "head", "end", "node2", "neighbor",
		"neighbour", "peer"}
	otherColumns = []string{"weight", "cost", "metric", "type", "id", "name", "label", "length", "distance", "capacity",
		"speed", "bandwidth", "bw", "latency", "relationship"}
	columnNoise = []string{"node", "id", "name", "label", "router", "switch", "host", "as", "asn", "link"}
)

// columnWords are those of a column's name.
func columnWords(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

// isColumn tells whether a name is among those of a kind of column.
func isColumn(name string, kind []string) bool {
	words := columnWords(strings.ToLower(name))
	if joined := strings.Join(words, ""); slices.Contains(kind, joined) {
		return true
	}
	plain := slices.DeleteFunc(words, func(w string) bool { return slices.Contains(columnNoise, w) })
	return slices.Contains(kind, strings.Join(plain, ""))
}

// parameterOf returns the parameter of links that a column's name is of, and the unit in it:
// rate_mbps has "rate" and "Mb/s". A name that says something else beside, such as
// delay_variation, or that may be of bytes, as MB/s is, is of none.
func parameterOf(name string) (key, unit string) {
	words := columnWords(name)
	for n := len(words); n > 0; n-- {
		key := strings.ToLower(strings.Join(words[:n], "-"))
		switch key {
		case "capacity", "speed":
			key = "rate"
		}
		if known, _ := parameter(&topology.Override{}, key, ""); !known {
			continue
		}

		rest := strings.Join(words[n:], "")
		unit, known := columnUnits[strings.ToLower(rest)]
		if !known || strings.Contains(rest, "B") {
			return "", ""
		}
		return key, unit
	}
	return "", ""
}

// columnUnits are units in the names of columns.
var columnUnits = map[string]string{
	"bps": "b/s", "kbps": "kb/s", "mbps": "Mb/s", "gbps": "Gb/s", "kbits": "kb/s", "mbits": "Mb/s", "gbits": "Gb/s",
	"kbs": "kb/s", "mbs": "Mb/s", "gbs": "Gb/s", "kbit": "kb/s", "mbit": "Mb/s", "gbit": "Gb/s",
	"us": "us", "ms": "ms", "s": "s", "sec": "s", "percent": "%", "packets": "", "": "",
}

// header takes a row for names of columns if it looks like it: one is called as a link's first
// end and another as its second, or all as something of a link.
func (r *edgeReader) header(words []string) bool {
	ends, all := [2]int{-1, -1}, len(words) > 1
	for i, word := range words {
		key, _ := parameterOf(word)
		switch {
		case ends[0] < 0 && isColumn(word, sourceColumns):
			ends[0] = i
		case ends[1] < 0 && isColumn(word, targetColumns):
			ends[1] = i
		case key == "" && !isColumn(word, slices.Concat(sourceColumns, targetColumns, otherColumns)):
			all = false
		}
	}

	switch {
	case ends[0] >= 0 && ends[1] >= 0:
		r.ends = ends
	case !all:
		return false
	}
	r.columns = words
	return true
}

// row adds a link.
func (r *edgeReader) row(row row) error {
	if len(row.words) <= max(r.ends[0], r.ends[1]) || row.words[r.ends[0]] == "" || row.words[r.ends[1]] == "" {
		return r.errorf(row.offset, "%.40q does not name two nodes", strings.Join(row.words, " "))
	}
	if r.columns == nil && len(row.words) > 2 {
		r.more++
	}

	e := edge{from: row.words[r.ends[0]], to: row.words[r.ends[1]]}
	for _, name := range []string{e.from, e.to} {
		if err := r.add(node{id: name}); err != nil {
			return r.errorf(row.offset, "%w", err)
		}
	}

	for i, name := range r.columns {
		key, unit := parameterOf(name)
		if key == "" || i >= len(row.words) || row.words[i] == "" || slices.Contains(r.ends[:], i) {
			continue
		}
		if _, err := parameter(&e.forward, key, row.words[i]+unit); err != nil {
			r.odd++
			if r.oddest == nil {
				r.oddest = r.errorf(row.offset, "%w", err)
			}
		}
	}
	if err := r.connect(e); err != nil {
		return r.errorf(row.offset, "%w", err)
	}
	return nil
}

// conclude says what was left out.
func (r *edgeReader) conclude() {
	if r.more > 0 {
		r.remark("%d lines have more than two columns, which were left out", r.more)
	}
	if r.odd > 0 {
		r.remark("%d values of links are not understood and were left out: %v", r.odd, r.oddest)
	}

	unused := map[string]bool{}
	for i, name := range r.columns {
		if key, _ := parameterOf(name); key == "" && !slices.Contains(r.ends[:], i) {
			unused[fmt.Sprintf("%q", name)] = true
		}
	}
	if len(unused) > 0 {
		r.remark("the columns %s were left out", some(slices.Sorted(maps.Keys(unused))))
	}
}
