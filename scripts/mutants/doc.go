// Command mutants asks whether a package's own tests notice when its code is wrong.
// In go packages; gremlins (github.com/go-gremlins/gremlins) finds the places where an
// operator or a condition can be turned. A mutant is killed if the package's tests fail
// with it. Out comes what survived, and the share that was killed of those that change
// anything: the file of equivalents says of which ones that is known not to be so. make
// mutants calls it.
//
// Gremlins' own runs leave out what a coverage profile has no block for, such as the
// conditions of a switch and constants, and compile each mutant by itself; this runs them
// all. One build has nearly all of them: each operator that can be turned becomes a call
// of a function that turns it where a variable of the environment says so (mutant
// schemata; Untch, Offutt, Harrold, ISSTA 1993). Where the compiler wants a constant,
// and where it would not accept the call, the mutant is built alone. Either is compiled
// by an overlay, and so with nothing written into the tree. The tests that are quick by
// themselves run first, since they kill most.
package main
