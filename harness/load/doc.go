// Package load says when clients begin executions: processes of arrivals, alike on
// every machine for the same seed, and their merged order.
package load
