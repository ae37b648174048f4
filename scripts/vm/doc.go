// Command vm runs edgebed inside a virtual machine with the distribution's own
// kernel, which has netem and lets users make namespaces, whatever the kernel of
// this machine can. It needs QEMU and no privileges, and installs nothing.
//
//	vm test              the tests of the network, the way without root, and both
//	                     delay back ends side by side (make vmtest)
//	vm run -- ARGUMENTS  edgebed run ARGUMENTS; its results come to -out
//
// The machine is emulated in software and its clock counts instructions: what
// is measured in it hardly depends on this machine's speed or load.
package main
