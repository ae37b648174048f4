// Package fate decides what happens to each frame on one direction of a link: whether
// it is lost, alone or in a burst, whether it comes twice, and where in the range of
// the jitter its delay falls. The delay line and the network in virtual time ask the
// same Dice, so that with the same seed the same frames are lost on both.
package fate
