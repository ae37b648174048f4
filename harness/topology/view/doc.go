// Package view shows a topology: as a table, as pairs of hosts with the way between
// them, as a picture (SVG or PNG), and as text for Graphviz and Mermaid.
package view
