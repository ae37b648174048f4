//go:build faketime

// The bodies of functions that have none here are in package runtime.
