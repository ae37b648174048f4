package yamlfile

import (
	"strings"
	"testing"
)

// TestSlip: what a later check says of a key that is missing because it is misspelt is not
// told beside the slip; what it says of others is.
func TestSlip(t *testing.T) {
	const text = "links: [{nmae: x, rate: 5}]\nother: {}\n"
	doc, err := Parse("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Links []struct {
			Name string `yaml:"name" required:"true"`
			Rate int    `yaml:"rate"`
		} `yaml:"links"`
		Other struct {
			Name string `yaml:"name"`
		} `yaml:"other"`
	}
	err = doc.Decode(&v)
	later := Join(
		doc.Errorf(Path{"links", 0, "name"}, "a link without a name"),
		doc.Errorf(Path{"links", 0, "rate"}, "the rate is odd"),
		doc.Errorf(Path{"other", "name"}, "nothing has no name"))
	got := Beyond(err, later).Error()
	for want, times := range map[string]int{
		`unknown key "nmae"; did you mean name?`: 1, "missing": 0, "without a name": 0, "the rate is odd": 1, "nothing has no name": 1,
	} {
		if strings.Count(got, want) != times {
			t.Errorf("%q stands %d times, want %d:\n%s", want, strings.Count(got, want), times, got)
		}
	}
}

// TestMissingKeys: the keys that a mapping lacks are told at once.
func TestMissingKeys(t *testing.T) {
	var v struct {
		A string `yaml:"a" required:"true"`
		B string `yaml:"b" required:"true"`
		C string `yaml:"c" required:"true"`
	}
	for text, want := range map[string]string{
		"{}":   `f.yaml:1:1: missing required keys "a", "b" and "c"`,
		"a: x": `f.yaml:1:1: missing required keys "b" and "c"`,
	} {
		if err := Decode("f.yaml", []byte(text), &v); err == nil || err.Error() != want {
			t.Errorf("%s gives %v, want %s", text, err, want)
		}
	}
}
