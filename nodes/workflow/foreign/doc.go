// Package foreign reads workflows that others describe: WfCommons' WfFormat, jobs of
// the Alibaba cluster trace of 2018, the prototype's chains and DAGs, and edgebed's
// own description in YAML, which a scenario can also hold itself.
//
// All but the prototype's become a workflow in the same way. A task is a function
// with an output of its own size and a time of its own, where the file says them.
// Where several tasks have none before them, a task "start" precedes them, and where
// several have none after them, a task "end" follows: an execution has one entry and
// one exit (prototype). Both take no time. What cannot be run, such as tasks that wait
// for each other in a circle, or a file without a size, is an error with its place.
package foreign
