package foreign

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/net/html/charset"

	"edgebed/nodes/yamlfile"
)

// source is the text of a file.
type source struct {
	file string
	text []byte // UTF-8
	doc  *yamlfile.Document
	// lines are where they start.
	lines []int
}

// newSource decodes a file: UTF-8, UTF-16, or for XML what its first line says.
func newSource(file string, data []byte) (*source, error) {
	if m := declaration.FindSubmatchIndex(data); m != nil {
		label := string(data[m[2]:m[3]])
		decoded, err := decodeXML(data, label)
		if err != nil {
			return nil, yamlfile.Plain(file, data).Offset(m[2]).Errorf("%w", err)
		}
		data = decoded
	}

	text, err := yamlfile.Text(file, data)
	if err != nil {
		return nil, err
	}
	s := &source{file: file, text: text, doc: yamlfile.Plain(file, text), lines: []int{0}}
	for i, c := range text {
		if c == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s, nil
}

// declaration is what an XML file says of its encoding in single bytes.
var declaration = regexp.MustCompile(`^(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?\sencoding\s*=\s*["']([^"'<>]*)["']`)

// decodeXML returns text in a declared encoding as UTF-8.
func decodeXML(data []byte, label string) ([]byte, error) {
	known, name := charset.Lookup(label)
	switch {
	case strings.HasPrefix(name, "utf-"):
		return data, nil // a text that says so in single bytes is not in UTF-16
	case known == nil:
		return nil, fmt.Errorf("the encoding %q is not known; save the file as UTF-8", label)
	}

	decoded, err := known.NewDecoder().Bytes(data)
	if err != nil {
		return nil, fmt.Errorf("read as %s: %w", label, err)
	}
	return decoded, nil
}

// errorf says what is wrong at a byte of the text.
func (s *source) errorf(offset int, format string, args ...any) error {
	return s.doc.Offset(offset).Errorf(format, args...)
}

// lineOffset returns where a character of the text is, by line and column from 1.
func (s *source) lineOffset(line, column int) int {
	offset := s.lines[min(max(line, 1), len(s.lines))-1]
	for i := range string(s.text[offset:]) {
		if column--; column <= 0 {
			return offset + i
		}
	}
	return len(s.text)
}

// explain says of which format a file is that an error is about; one with a place keeps it.
func (s *source) explain(kind string, err error) error {
	if at, ok := errors.AsType[*yamlfile.Error](err); ok && err == error(at) && at.File == s.file {
		placed := *at
		placed.Err = fmt.Errorf("read as %s: %w", kind, at.Err)
		return &placed
	}
	return fmt.Errorf("read %s as %s: %w", s.file, kind, err)
}
