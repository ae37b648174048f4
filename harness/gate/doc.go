// Package gate judges the records of campaigns: whether the claims of a scenario
// hold in them (Judge, Check), and whether one result is a regression against
// another (Compare). What goes in are record.Results, cut into points and samples
// by package matrix; what comes out are judgements and comparisons that write
// themselves as text, JSON, Markdown and for CI systems. It needs the record files
// only; edgebed check, edgebed compare and the report call it.
package gate
