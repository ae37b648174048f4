// Package foreign reads networks that other programs' files describe: Topology
// Zoo's GraphML, Graphviz DOT, containerlab's .clab.yml, MiniEdit's .mn, and plain
// lists of edges as CAIDA and others publish them.
//
// Read takes a file and returns a topology with a remark on everything that could
// not be carried over: nothing is dropped in silence. What the formats call nodes
// are switches here, and where they name no hosts each switch gets one.
package foreign
