// Package statestore is the state server: an in-memory key-value store that
// stands beside every e-computer and every client and holds the states that
// live there (paper Sec. 6.1), and the client of such a server. It speaks the
// prototype's StateServer service: Put overwrites, there are no versions and
// nothing expires.
package statestore
