package record

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"strings"
)

// A line ends with a sum of what it says, its last member. Damage that is no error of form,
// such as a digit that became another one, shows by it.
const (
	sumHead = `,"sum":"`
	sumTail = `"}`
	// sumLength is that of the sum itself, in hexadecimal digits.
	sumLength = 8
)

// castagnoli finds every damage of up to 32 bits in a row, and of 3 bits anywhere.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal gives a line its sum, or the sum that it has a new value. The line is one JSON object
// with at least one member, and may end with a newline.
func seal(line []byte) []byte {
	text, newline := bytes.CutSuffix(line, []byte{'\n'})
	said, _, _ := cutSum(text)
	sealed := fmt.Append(bytes.Clone(said), sumHead+sumOf(said)+sumTail)
	if newline {
		sealed = append(sealed, '\n')
	}
	return sealed
}

// cutSum splits a line into what it says, without the closing brace, and its sum. Records
// of earlier builds have none.
func cutSum(text []byte) (said []byte, sum string, ok bool) {
	at := len(text) - len(sumHead) - sumLength - len(sumTail)
	if at > 0 && bytes.HasPrefix(text[at:], []byte(sumHead)) && bytes.HasSuffix(text, []byte(sumTail)) {
		return text[:at], string(text[at+len(sumHead) : at+len(sumHead)+sumLength]), true
	}
	return bytes.TrimSuffix(text, []byte{'}'}), "", false
}

// sumOf is the sum of what a line says.
func sumOf(said []byte) string {
	return fmt.Sprintf("%0*x", sumLength, crc32.Checksum(said, castagnoli))
}

// sums tells, line by line from the first, whether a file says what was written.
type sums struct {
	// sealed says that the last campaign record had a sum, and with it all that the same
	// build wrote.
	sealed bool
}

// altered reports whether the next line has a sum that is not the one of what it says, or has
// lost it.
func (s *sums) altered(text []byte) bool {
	said, sum, ok := cutSum(text)
	if kind, err := typeOf(text); err == nil && kind == typeCampaign {
		s.sealed = ok
	}
	if !ok {
		return s.sealed
	}
	return sum != sumOf(said)
}

// alteredWarning says what lines do not say what was written, by their numbers.
func alteredWarning(name string, lines []int) string {
	const most = 5
	var list []string
	for _, n := range lines[:min(most, len(lines))] {
		list = append(list, fmt.Sprint(n))
	}
	if more := len(lines) - most; more > 0 {
		list = append(list, fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("%s: lines changed after they were written: %d of its lines (%s); figures may show what was "+
		"not measured (edgebed fsck says more)",
		name, len(lines), strings.Join(list, ", "))
}
