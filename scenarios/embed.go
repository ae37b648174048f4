// Package scenarios holds the scenario files that come with edgebed. They are
// built into the binary, so that it runs them from anywhere.
package scenarios

import (
	"embed"
	"io/fs"
)

// Files holds the scenarios by file name, for instance "exp400.yaml".
//
//go:embed *.yaml
var Files embed.FS

// Examples returns the scenarios beyond the paper by file name, for instance
// "ring-size.yaml": each has few lines and asks one question.
func Examples() fs.FS {
	sub, err := fs.Sub(examples, "examples")
	if err != nil {
		panic(err) // the name is valid
	}
	return sub
}

//go:embed examples/*.yaml examples/*.json
var examples embed.FS

// Programs returns the scenarios that start programs of others, by file name, for
// instance "web-server.yaml"; they need --allow-exec, emulated links, and the programs.
func Programs() fs.FS {
	sub, err := fs.Sub(programs, "programs")
	if err != nil {
		panic(err) // the name is valid
	}
	return sub
}

//go:embed programs/*.yaml
var programs embed.FS
