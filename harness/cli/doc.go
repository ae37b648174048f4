// Package cli is edgebed's command line: commands and flags, no logic of the
// rooms behind them.
package cli
