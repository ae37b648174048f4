// Package job says what there is to run: a cell of a scenario with its topology
// and workflows, prepared once and checked; which hosts run what; and what it
// will take and move. A worker gets a job as JSON and answers with events, which
// a Reporter receives.
package job
