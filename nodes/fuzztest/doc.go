// Package fuzztest holds what one input of a fuzz test takes against limits of memory and
// time. Only tests use it.
//
// A limit on the process, as ulimit sets one, does not do that: the fuzzer keeps 100 MB for
// changing inputs both in the process that steers and in the one that tries, memory that
// the collector has not looked at yet counts, and the process that steers may be the one
// that reaches the limit, which then names no input. Here the input is to blame, and the
// fuzzer writes it down.
package fuzztest
