// Package shell lets a person touch an emulated network: look at it, run programs on
// its hosts, measure and change its links, capture frames. It is what "edgebed
// shell" shows inside a sandbox; its words are mininet's where mininet has them.
//
// A Shell is given a network and two writers; Execute runs one line, Loop reads
// lines from a terminal with history and completion, or from a file.
package shell
