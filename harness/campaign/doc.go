// Package campaign runs all the cells of a plan and writes their records. The
// cell is the unit: each runs in a worker of its own, several at once as long
// as the machine keeps up. Which cells run side by side is learnt while they
// run: see admission.
package campaign
