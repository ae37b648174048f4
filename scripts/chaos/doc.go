// Command chaos harms campaigns. In goes a seed and how many faults; small campaigns,
// in virtual time and on emulated links, are run, and at random moments their processes
// (parents, workers, relays, programs of hosts) are killed and stopped, links taken down,
// disks filled, limits shrunk, folders moved away and records torn. After each fault the
// machine must be as it was, and nothing of the campaign may run; in the end, when it has
// been gone on with, the records must be those of a campaign that nothing happened to. Out
// comes what was done, and how much was lost, invented, leaked or hung. make chaos calls it.
package main
