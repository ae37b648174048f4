// Command longrun asks whether anything grows: it builds, uses and drops thousands of
// emulated networks in one process, and runs many thousand executions in one worker in
// virtual time, and watches memory, open descriptors, the kernel's network namespaces
// and the time for each. What was so after a tenth of the run must be so at its end.
// In go how many of either; out comes a table of each tenth. make longrun calls it.
package main
