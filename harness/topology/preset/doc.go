// Package preset makes networks of well-known shapes from one line, such as
// "ring", "tree,depth=2,fanout=3" or "waxman,switches=30,seed=7". What comes out is
// an ordinary topology: it can be written to a file, drawn, built and changed.
//
// A new shape is one entry in the list of shapes.go, and its line there: name,
// what it looks like, parameters with defaults and limits, and the function that
// puts it together with a builder.
package preset
