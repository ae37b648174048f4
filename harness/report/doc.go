// Package report turns the records of a campaign into figures, tables and texts
// that say what was run. What goes in are record.Results; what comes out are the
// files of a result folder: figures (package figure), report.html (package page),
// report.md and CSV files (here, from the tables of package table). It needs the
// record file only, so it works on any machine and at any later time. edgebed run and
// edgebed report call it.
package report
