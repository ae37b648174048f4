// Package scenarios holds the scenario files that come with edgebed. They are
// built into the binary, so that it runs them from anywhere.
package scenarios

import "embed"

// Files holds the scenarios by file name, for instance "exp400.yaml".
//
//go:embed *.yaml
var Files embed.FS
