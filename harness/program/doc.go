// Package program runs programs of others on hosts of an emulated network: any
// command, with addresses and ports of hosts put into its arguments, environment and
// files. It waits until they are ready, keeps what they say, starts them again where
// the scenario says so, takes what they measure, and ends them.
//
// In go Programs, as scenarios have them, and Hosts that can start commands; out come
// outcomes and quantities. That nothing is left whatever happens is the sandbox's work:
// every process here is in its PID namespace.
package program
