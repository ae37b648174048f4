// Package alone is for tests: a program in a module of its own that imports the emulation
// and the model of a network, and nothing else of edgebed. In testdata is the program; the
// test builds and runs it as somebody else would.
package alone
