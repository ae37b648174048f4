package yamlfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// MaxText is the largest file that is read, in bytes.
const MaxText = 16 << 20

// Text returns the content of a text file as UTF-8 without a byte-order mark. It
// takes UTF-8 and UTF-16, the latter with a mark or where zero bytes give it
// away. Anything else, and what is too large to be written by hand, is an *Error
// with its place.
func Text(filename string, data []byte) ([]byte, error) {
	if len(data) > MaxText {
		err := fmt.Errorf("expected at most %d MB of text: the file is larger", MaxText>>20)
		return nil, &Error{File: filename, Err: err}
	}

	// Without a mark an ASCII character first, as all of our files have, shows
	// the order of the bytes.
	fallback := encoding.Encoding(encoding.Nop)
	if len(data) >= 2 && data[0] == 0 != (data[1] == 0) {
		order := unicode.Endianness(unicode.LittleEndian)
		if data[0] == 0 {
			order = unicode.BigEndian
		}
		fallback = unicode.UTF16(order, unicode.IgnoreBOM)
	}
	text, _, err := transform.Bytes(unicode.BOMOverride(fallback.NewDecoder()), data)
	if err != nil {
		return nil, &Error{File: filename, Err: fmt.Errorf("read as UTF-16: %w", err)}
	}

	doc := &Document{file: filename, text: text}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return nil, doc.Offset(i).Errorf("expected UTF-8 text, got the byte 0x%02x; save the file as UTF-8",
				text[i])
		case r < ' ' && r != '\t' && r != '\n' && r != '\r':
			return nil, doc.Offset(i).Errorf("expected text, got the control character 0x%02x; remove it", r)
		}
		i += size
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, doc.Offset(0).Errorf("expected a document, got an empty file")
	}
	return text, nil
}

// Plain returns a document without structure, for errors in texts that are not
// YAML: see Offset. The text must be what Text returns.
func Plain(filename string, text []byte) *Document { return &Document{file: filename, text: text} }

// Offset returns the place of a byte of the text.
func (d *Document) Offset(offset int) Pos {
	before := d.text[:min(max(offset, 0), len(d.text))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	return Pos{File: d.file, Line: line, Column: column, doc: d}
}

// line returns a line of the text, counted from 1.
func (d *Document) line(number int) (string, error) {
	lines := bytes.SplitN(d.text, []byte("\n"), number+1)
	if number < 1 || number > len(lines) {
		return "", errors.New("no such line")
	}
	return string(bytes.TrimRight(lines[number-1], "\r")), nil
}

// ReadFile returns the content of a file, at most a little over MaxText: what is
// larger, or has no end, Text refuses. A named pipe has to have a writer, or there
// would be nothing that ends the wait for one.
func ReadFile(name string) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxText+1))
}
