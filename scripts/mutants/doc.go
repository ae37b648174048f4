// Command mutants asks whether a package's own tests notice when its code is wrong.
// In go packages; gremlins (github.com/go-gremlins/gremlins) finds the places where an
// operator or a condition can be turned. Each such mutant is compiled in the place of
// the package, by an overlay and so with nothing written into the tree, and killed if
// the package's tests fail. Out comes what survived, and the share that was killed of
// those that change anything: the file of equivalents says of which ones that is known
// not to be so. make mutants calls it.
//
// Gremlins' own runs leave out what a coverage profile has no block for, such as the
// conditions of a switch and constants; this runs them all.
package main
