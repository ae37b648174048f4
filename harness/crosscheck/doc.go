// Package crosscheck holds the network in virtual time against the emulated one,
// frame by frame: the same transfers on both, each captured at the link that they
// share. It has tests only.
package crosscheck
