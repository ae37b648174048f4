// Package units holds the quantities that edgebed reads from its files and
// writes to its records: rates in bit/s and sizes in bytes. Prefixes are
// decimal, as on network links and in the paper (1 kB is 1000 bytes, 1 Mb/s is
// 1 000 000 bit/s); the binary KiB, MiB and GiB are understood for memory.
package units

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Rate is a data rate in bit/s. Zero means that no rate was set.
type Rate int64

// Common rates.
const (
	BitPerSecond Rate = 1
	Kbps              = 1000 * BitPerSecond
	Mbps              = 1000 * Kbps
	Gbps              = 1000 * Mbps
)

// Size is a number of bytes.
type Size int64

// Common sizes.
const (
	Byte Size = 1
	KB        = 1000 * Byte
	MB        = 1000 * KB
	GB        = 1000 * MB
	KiB       = 1024 * Byte
	MiB       = 1024 * KiB
	GiB       = 1024 * MiB
)

// rateUnits has tc's forms without "/s" too, in both cases: a number of bits can
// only be meant per second here.
var rateUnits = map[string]float64{
	"b/s": 1, "kb/s": 1e3, "Kb/s": 1e3, "Mb/s": 1e6, "Gb/s": 1e9,
	"bit/s": 1, "kbit/s": 1e3, "Kbit/s": 1e3, "Mbit/s": 1e6, "Gbit/s": 1e9,
	"kBit/s": 1e3, "MBit/s": 1e6, "GBit/s": 1e9,
	"bps": 1, "kbps": 1e3, "Kbps": 1e3, "Mbps": 1e6, "Gbps": 1e9,
	"bit": 1, "kbit": 1e3, "Kbit": 1e3, "Mbit": 1e6, "Gbit": 1e9, "mbit": 1e6, "gbit": 1e9,
}

var sizeUnits = map[string]float64{
	"": float64(Byte), "B": float64(Byte), "kB": float64(KB), "MB": float64(MB), "GB": float64(GB),
	"TB":  1e12,
	"KiB": float64(KiB), "MiB": float64(MiB), "GiB": float64(GiB),
}

// explained are units that people write and that do not say what is meant.
var explained = map[string]string{
	"mbps": "tc means megabytes a second by it, others megabits; write Mb/s for megabits",
	"gbps": "tc means gigabytes a second by it, others gigabits; write Gb/s for gigabits",
	"B/s":  "rates count bits here; write 8 b/s for 1 B/s", "kB/s": "rates count bits here; write 8 kb/s for 1 kB/s",
	"KB/s": "rates count bits here; write 8 kb/s for 1 kB/s",
	"MB/s": "rates count bits here; write 8 Mb/s for 1 MB/s", "GB/s": "rates count bits here; write 8 Gb/s for 1 GB/s",
	"mb/s": "m stands for a thousandth; write Mb/s", "KB": "write kB for 1000 bytes, KiB for 1024",
	"kb": "sizes count bytes here; write kB, or a rate as kb/s",
	"Kb": "sizes count bytes here; write kB, or a rate as kb/s",
	"Mb": "sizes count bytes here; write MB, or a rate as Mb/s",
	"Gb": "sizes count bytes here; write GB, or a rate as Gb/s",
	"k":  "write what is counted, for instance kB or kb/s", "K": "write what is counted, for instance kB or kb/s",
	"M": "write what is counted, for instance MB or Mb/s", "G": "write what is counted, for instance GB or Gb/s",
	"m":  "write what is counted, for instance MB or Mb/s",
	"mb": "write MB for megabytes, Mb/s for a rate", "gb": "write GB for gigabytes, Gb/s for a rate",
}

// ParseRate reads a rate such as "10 Mb/s", "1.5Mbit/s" or "100Mbps". The unit
// is required: a bare number does not say whether it is bits or megabits.
func ParseRate(s string) (Rate, error) {
	v, err := parse(s, rateUnits)
	if err != nil {
		return 0, fmt.Errorf("parse rate %q: %w (write it like 10 Mb/s)", s, err)
	}
	return Rate(v), nil
}

// ParseSize reads a size such as "15 kB", "1514 B" or "512 MiB". A bare number
// counts bytes.
func ParseSize(s string) (Size, error) {
	v, err := parse(s, sizeUnits)
	if err != nil {
		return 0, fmt.Errorf("parse size %q: %w (write it like 10 kB)", s, err)
	}
	return Size(v), nil
}

// leadingNumber is a decimal number such as 10, 1.5 or 1e6 at the start of a text.
var leadingNumber = regexp.MustCompile(`^[0-9.]*(?:[eE][-+]?[0-9]+)?`)

// parse splits a number and its unit and returns their product, which must be
// a whole, non-negative number below 2^53.
func parse(s string, unitValues map[string]float64) (int64, error) {
	s = strings.TrimSpace(s)
	number := leadingNumber.FindString(s)
	unit := strings.TrimSpace(s[len(number):])
	if strings.HasPrefix(s, "-") {
		return 0, fmt.Errorf("it is negative")
	}

	v, err := strconv.ParseFloat(number, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("the value is too large")
	} else if err != nil {
		return 0, fmt.Errorf("%q is not a number", number)
	}

	factor, ok := unitValues[unit]
	why := explained[unit]
	switch {
	case ok:
	case unit == "":
		return 0, errors.New("the unit is missing")
	case why != "":
		return 0, fmt.Errorf("unclear unit %q: %s", unit, why)
	default:
		return 0, fmt.Errorf("unknown unit %q", unit)
	}

	product := times(number, v, factor)
	if v > 0 && product < 0.5 {
		return 0, fmt.Errorf("the value is too small; write 0 for none")
	}
	// Larger ones are not whole any more in a float64.
	product = math.Round(product)
	if product >= 1<<53 {
		return 0, fmt.Errorf("the value is too large")
	}
	return int64(product), nil
}

// mantissa returns what a number has before its exponent.
func mantissa(number string) string {
	digits, _, _ := strings.Cut(strings.ToLower(number), "e")
	return digits
}

// times returns a number, of which v is the value, times a factor. A power of ten moves the
// digits: v has been rounded, and with 16 digits the product would be off by one.
func times(number string, v, factor float64) float64 {
	digits, exponent, _ := strings.Cut(strings.ToLower(number), "e")
	shift := slices.Index([]float64{1, 1e3, 1e6, 1e9, 1e12}, factor) * 3
	e, err := strconv.Atoi(cmp.Or(exponent, "0"))
	if shift < 0 || err != nil {
		return v * factor // by 1024 it is exact
	}
	exact, _ := strconv.ParseFloat(digits+"e"+strconv.Itoa(e+shift), 64) // infinite beyond the range
	return exact
}

// durationUnits are the names of units beside those of time.ParseDuration, longest
// first.
var durationUnits = strings.NewReplacer("msecs", "ms", "msec", "ms", "usecs", "us", "usec", "us",
	"secs", "s", "sec", "s", "mins", "m", "min", "m")

// ParseDuration reads a time such as "10 ms", "1.5s" or "2 min". The unit is
// required but for 0.
func ParseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(durationUnits.Replace(strings.Join(strings.Fields(s), "")))
	if err == nil && (d != 0 || !strings.ContainsAny(s, "123456789")) {
		return d, nil
	}
	if _, numberErr := strconv.ParseFloat(strings.TrimSpace(s), 64); numberErr == nil {
		return 0, errors.New("the unit is missing")
	}

	// One with an exponent, such as 1e3 ms, one that is too large, or less than 1 ns.
	number := leadingNumber.FindString(strings.TrimSpace(s))
	unit := strings.TrimSpace(strings.TrimSpace(s)[len(number):])
	v, err := strconv.ParseFloat(number, 64)
	one, unitErr := time.ParseDuration("1" + durationUnits.Replace(unit))
	isNumber := err == nil || errors.Is(err, strconv.ErrRange)
	switch product := v * float64(one); {
	case !isNumber || unitErr != nil || strings.ContainsAny(unit, "0123456789."):
	case product < 0.5 && strings.ContainsAny(mantissa(number), "123456789"):
		return 0, errors.New("the value is too small; write 0 for none")
	case product >= math.MaxInt64:
		return 0, fmt.Errorf("the value is too large, expected at most %v", math.MaxInt64/time.Hour*time.Hour)
	default:
		return time.Duration(math.Round(product)), nil
	}
	return 0, errors.New("write a number and one of the units ns, us, ms, s, min, h")
}

// String formats the rate with a decimal prefix, for instance "10 Mb/s".
func (r Rate) String() string {
	return format(int64(r), []string{"b/s", "kb/s", "Mb/s", "Gb/s"})
}

// Mbps returns the rate in Mb/s.
func (r Rate) Mbps() float64 { return float64(r) / 1e6 }

// Time returns how long a link of this rate takes to send the given bytes. It
// is zero for a rate of zero, which means an unshaped link.
func (r Rate) Time(size Size) time.Duration {
	if r <= 0 {
		return 0
	}
	return time.Duration(float64(size) * 8 / float64(r) * float64(time.Second))
}

// Per returns how many bytes pass at this rate in d.
func (r Rate) Per(d time.Duration) Size {
	return Size(float64(r) / 8 * d.Seconds())
}

// String formats the size with a decimal prefix, for instance "10 kB".
func (s Size) String() string {
	return format(int64(s), []string{"B", "kB", "MB", "GB"})
}

// format writes v with the largest prefix that shows it exactly with at most
// three decimals, so that reading it back gives v again.
func format(v int64, names []string) string {
	scale, i := int64(1), 0
	for i < len(names)-1 && v >= scale*1000 && v%scale == 0 {
		scale *= 1000
		i++
	}
	text := strconv.FormatInt(v/scale, 10)
	if rest := v % scale; rest != 0 {
		text += "." + strings.TrimRight(fmt.Sprintf("%0*d", 3*i, rest), "0")
	}
	return text + " " + names[i]
}

// MarshalText writes the form that UnmarshalText reads.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads the form of ParseRate.
func (r *Rate) UnmarshalText(text []byte) error {
	v, err := ParseRate(string(text))
	if err != nil {
		return err
	}
	*r = v
	return nil
}

// MarshalText writes the form that UnmarshalText reads.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the form of ParseSize.
func (s *Size) UnmarshalText(text []byte) error {
	v, err := ParseSize(string(text))
	if err != nil {
		return err
	}
	*s = v
	return nil
}
