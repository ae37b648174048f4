// Package testbed runs one cell: it builds the emulated network, starts the nodes
// on its hosts, executes the workflows one after the other, measures each, and
// has the audit watch.
//
// Spawn does so in a worker of its own, inside a sandbox: in goes a job, out come
// events, which the campaign writes to the records. Run is what the worker does.
package testbed
