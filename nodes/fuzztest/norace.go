//go:build !race

package fuzztest

// raced says that the race detector looks on.
const raced = false
