// Command gate-rates measures how often edgebed compare errs, on real runs: how
// often it alarms on unchanged ones, and whether it finds slow-downs that were
// built into the program, and names the right curves.
//
//	gate-rates [flags] [-- ARGUMENTS OF edgebed run]
//
// It builds the program as it is, and once more for each patch in the folder
// injections, runs each as often as asked for, in turns, and compares every two
// unchanged runs and every unchanged run with every injected one. What is
// finished is not run again: a stopped measurement goes on where it was.
package main
