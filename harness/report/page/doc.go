// Package page makes the HTML report of a campaign, and of two side by side: one
// file that needs nothing else. What goes in are record.Results and the judgements on
// claims; what comes out is HTML with SVG images whose marks a reader can point at.
// It is the only package that knows HTML: charts come from package figure as data,
// tables and facts from package table. assets/ holds the templates, the style and
// the script.
package page
