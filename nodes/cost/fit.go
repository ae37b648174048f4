package cost

import (
	"bytes"
	_ "embed"
	"fmt"
	"maps"
	"slices"

	"edgebed/nodes/yamlfile"
)

//go:embed fit.yaml
var fitText []byte

// FitFile is where fit.yaml stands in the source tree.
const FitFile = "nodes/cost/fit.yaml"

// FitText is the text of fit.yaml, which decides results that were made with it.
func FitText() []byte { return bytes.Clone(fitText) }

// Fit is a model that was fitted to measurements.
type Fit struct {
	Model Model `yaml:"model" required:"true"`
	// Date of the measurements, and what they were.
	Date   string `yaml:"date" required:"true"`
	Source string `yaml:"source" required:"true"`
}

// Fitted returns the fit for nodes on a kind of network, such as "emulated".
// What our own nodes take differs between networks, and with it what the
// prototype's take beyond.
func Fitted(network string) (Fit, error) {
	fits := map[string]Fit{}
	if err := yamlfile.Decode(FitFile, fitText, &fits); err != nil {
		return Fit{}, err
	}
	fit, ok := fits[network]
	if !ok {
		return fit, fmt.Errorf("no software cost was fitted for nodes on the network %q%s: make calibrate fits one",
			network, yamlfile.Suggest(network, slices.Sorted(maps.Keys(fits))))
	}
	if err := fit.Model.Validate(); err != nil {
		return fit, fmt.Errorf("read %s: %s: %w", FitFile, network, err)
	}
	return fit, nil
}
