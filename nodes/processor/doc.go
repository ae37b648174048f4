// Package processor is the execution model of the prototype's e-computer
// (Edge/processor.cpp, container.cpp): processors shared by containers of workers
// that run functions, told the time by a clock. Nothing in it knows the network;
// package computer puts a node around it.
package processor
