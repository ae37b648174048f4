// Package topologies holds the networks that come with edgebed, as the YAML
// files that users read and copy.
package topologies

import "embed"

// Files holds the topology files by name, for instance "ring6.yaml".
//
//go:embed *.yaml
var Files embed.FS

// Schema is the JSON Schema of topology files, which make docs writes.
//
//go:embed schema.json
var Schema []byte
