package load

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of a trace.
type Limits struct {
	// Clients is how many there are, Arrivals how many there may be, Last when the last
	// one may be.
	Clients, Arrivals int
	Last              time.Duration
}

// ReadCSV reads a trace: a line for each arrival, in any order, with its time in seconds
// and, where there are several clients, after a comma its client from 0 on. A first line
// of words, empty lines and lines that begin with # say nothing. Errors name file and
// line.
func ReadCSV(file string, data []byte, limits Limits) (Recorded, error) {
	r := csv.NewReader(bytes.NewReader(data))
	r.Comment, r.FieldsPerRecord, r.TrimLeadingSpace, r.ReuseRecord = '#', -1, true, true
	trace := make(Recorded, limits.Clients)

	for first, n := true, 0; ; first = false {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: read arrivals: %w", file, err)
		}

		line, _ := r.FieldPos(0)
		if first && isWord(row[0]) {
			continue // the columns' names
		}
		client, at, err := arrival(row, limits)
		if n++; err == nil && n > limits.Arrivals {
			err = fmt.Errorf("expected at most %d arrivals", limits.Arrivals)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, line, err)
		}
		trace[client] = append(trace[client], at)
	}

	for _, times := range trace {
		slices.Sort(times)
	}
	if trace.Number() == 0 {
		return nil, fmt.Errorf("%s: expected arrivals, a time in seconds on each line; got none", file)
	}
	return trace, nil
}

// isWord reports whether a field begins with a letter and is no number, as NaN is.
func isWord(field string) bool {
	field = strings.TrimSpace(field)
	begin, _ := utf8.DecodeRuneInString(field)
	_, err := strconv.ParseFloat(field, 64)
	return unicode.IsLetter(begin) && err != nil
}

// arrival reads one line.
func arrival(row []string, limits Limits) (client int, at time.Duration, err error) {
	seconds, err := strconv.ParseFloat(strings.TrimSpace(row[0]), 64)
	if err != nil {
		return 0, 0, fmt.Errorf("expected a time in seconds, got %.40q", row[0])
	}
	if !(seconds >= 0 && seconds <= limits.Last.Seconds()) {
		return 0, 0, fmt.Errorf("expected a time of 0 to %v seconds, got %v", limits.Last.Seconds(), seconds)
	}
	if len(row) > 1 {
		client, err = strconv.Atoi(strings.TrimSpace(row[1]))
		if err != nil {
			return 0, 0, fmt.Errorf("expected the number of a client, got %.40q", row[1])
		}
	}
	if client < 0 || client >= limits.Clients {
		return 0, 0, fmt.Errorf("client %d: there are %d, from 0 on", client, limits.Clients)
	}
	return client, time.Duration(seconds * float64(time.Second)), nil
}
