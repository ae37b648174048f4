// Package figure draws the figures that a scenario asks for, for print. What goes in
// are record.Results and a record.Figure; what comes out are Charts, which are data
// (Charts), and SVG and PNG files of them (Render). It is the only package that knows
// gonum's plot: others that draw charts take scales, ticks and the styles of series
// from here, so that a curve looks alike everywhere.
package figure
