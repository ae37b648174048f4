package yamlfile_test

import (
	"fmt"
	"time"

	"edgebed/nodes/yamlfile"
)

// Read a file of your own into a struct: every mistake is named with its place.
func ExampleDecode() {
	var plant struct {
		Name  string        `yaml:"name" required:"true"`
		Water time.Duration `yaml:"water"`
	}
	err := yamlfile.Decode("plant.yaml", []byte("name: fern\nwatr: 10 ms\n"), &plant)
	fmt.Println(err)

	err = yamlfile.Decode("plant.yaml", []byte("name: fern\nwater: 10 ms\n"), &plant)
	fmt.Println(plant.Name, plant.Water, err)

	// Output:
	// plant.yaml:2:1: watr: unknown key "watr"; did you mean water? (valid: name, water)
	// fern 10ms <nil>
}
