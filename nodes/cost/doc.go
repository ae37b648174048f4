// Package cost is the time that a node's software takes beyond that of our own:
// what it takes to stand in for another implementation, such as the prototype's
// C++ programs. A Model says how much and for what, a Charger makes nodes wait,
// and fit.yaml holds what was fitted to the prototype's runs ("make calibrate",
// docs/fidelity.md).
package cost
