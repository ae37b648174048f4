package record

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestSum: a line is as valid with its sum as without, sealing again changes nothing, and
// no change of a byte of what it says goes unseen.
func TestSum(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		line := []byte(rapid.SampledFrom(twoCells).Draw(rt, "line"))
		sealed := seal(line)
		switch {
		case !json.Valid(sealed):
			rt.Fatalf("%s is not JSON", sealed)
		case new(sums).altered(sealed) || new(sums).altered(line):
			rt.Fatalf("%s was not altered", sealed)
		case !bytes.Equal(seal(sealed), sealed):
			rt.Fatalf("sealed twice: %s", seal(sealed))
		case !bytes.Equal(seal(append(line, '\n')), append(slices.Clone(sealed), '\n')):
			rt.Fatalf("with a newline: %s", seal(append(line, '\n')))
		}

		at := rapid.IntRange(0, len(line)-2).Draw(rt, "at")
		sealed[at] ^= rapid.ByteRange(1, 255).Draw(rt, "damage")
		if !new(sums).altered(sealed) {
			rt.Errorf("the damage at %d of %s goes unseen", at, sealed)
		}
	})
}

// TestAltered: a digit of a written result that became another one is shown by every reader,
// taken out by Repair, and its cell is no longer complete; in the campaign's own line, which
// cannot be left out, it stays shown.
func TestAltered(t *testing.T) {
	var sealed []string
	for _, line := range twoCells {
		sealed = append(sealed, string(seal([]byte(line))))
	}
	sound := strings.Join(sealed, "\n") + "\n"
	change := func(number int, from, to string) string {
		lines := slices.Clone(sealed)
		lines[number-1] = strings.Replace(lines[number-1], from, to, 1)
		if lines[number-1] == sealed[number-1] {
			t.Fatalf("line %d has no %s: %s", number, from, sealed[number-1])
		}
		return strings.Join(lines, "\n") + "\n"
	}

	if r, err := Read(folder(t, sound)); err != nil || len(r.Warnings) > 0 || len(r.Complete()) != 2 {
		t.Fatalf("sound records: %v, %v", r.Warnings, err)
	}

	dir := folder(t, change(9, `"ok":true`, `"ok":false`))
	r, err := Read(dir)
	if err != nil || len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "1 of its lines") {
		t.Errorf("Read: %+v, %v", r, err)
	}
	x, err := Examine(dir)
	if err != nil || len(x.Damage) == 0 || x.Damage[0].Line != 9 || !strings.Contains(x.Damage[0].Why, "changed after") {
		t.Errorf("Examine = %+v, %v", x, err)
	}
	if err := Pack(&bytes.Buffer{}, dir, false); err == nil || !strings.Contains(err.Error(), "changed after") {
		t.Errorf("Pack: %v", err)
	}
	if _, err := Repair(dir); err != nil {
		t.Fatal(err)
	}
	if r, err := Read(dir); err != nil || len(r.Warnings) > 0 || len(r.Complete()) != 1 {
		t.Errorf("after the repair: %v, %v, %v", r.Complete(), r.Warnings, err)
	}

	// A sum that is gone goes with what it was of; and two lines in one are no changed line.
	said, _, _ := cutSum([]byte(sealed[8]))
	for name, line := range map[string]string{"no sum": string(said) + "}", "joined": sealed[8] + sealed[9]} {
		lines := slices.Clone(sealed)
		lines[8] = line
		dir := folder(t, strings.Join(lines, "\n")+"\n")
		if err := Pack(&bytes.Buffer{}, dir, false); err == nil {
			t.Errorf("%s: Pack takes it", name)
		}
		x, err := Examine(dir)
		if err != nil || len(x.Damage) == 0 || x.Damage[0].Line != 9 ||
			strings.Contains(x.Damage[0].Why, "changed after") != (name == "no sum") {
			t.Errorf("%s: Examine = %+v, %v", name, x, err)
		}
	}

	// A record that was cut is not sealed as it is.
	dir = folder(t, sound+sealed[8][:20])
	if err := Pack(&bytes.Buffer{}, dir, false); err == nil || !strings.Contains(err.Error(), "cut short") {
		t.Errorf("Pack of a cut line: %v", err)
	}

	dir = folder(t, change(1, `"s"`, `"z"`))
	x, err = Examine(dir)
	if err != nil || len(x.Damage) != 0 || !slices.Equal(x.Results.Altered, []int{1}) {
		t.Errorf("Examine of a changed campaign = %+v, %v", x, err)
	}
	if r, err := Read(dir); err != nil || len(r.Warnings) != 1 {
		t.Errorf("Read of a changed campaign: %v, %v", r.Warnings, err)
	}
}
