// Package prototype holds our runs of the prototype's workloads against its own.
package prototype
