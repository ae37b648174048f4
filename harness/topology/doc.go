// Package topology is the model of a network: hosts, switches and links with
// their parameters, read from a file or made by a program, checked, and with the
// paths that frames take.
//
// It needs no kernel. Package emu builds the model with namespaces and devices;
// whoever plans, predicts or draws asks it for paths, rates and delays.
package topology
