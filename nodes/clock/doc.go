// Package clock tells emulated processors the time and wakes them when a task
// ends. Thread is the machine's clock with less lateness than Go's timers have;
// clocktest has one that a test moves.
package clock
