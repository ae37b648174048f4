// Package workflow describes what an application asks the edge to run: chains
// and DAGs of functions, the states they depend on, the order in which tasks
// may touch a state, and seeded generators of such workloads. It is pure Go and
// knows no network.
package workflow

import "edgebed/nodes/units"

// Model is an execution model (paper Sec. 4 and 5).
type Model string

// The execution models, and the names that the prototype's flags and files use.
const (
	// PureFaaS: the client calls one function after the other, and sends the
	// states along with each call (prototype: embedded).
	PureFaaS Model = "pure-faas"
	// StateProp: functions call the next ones and pass the states on (prototype:
	// hopbyhop).
	StateProp Model = "state-prop"
	// StateLocal: functions call the next ones and pass on where the states are;
	// each fetches those that it needs (prototype: remotestate).
	StateLocal Model = "state-local"
)

// Models lists the execution models in the paper's order.
var Models = []Model{PureFaaS, StateProp, StateLocal}

// Form says how state-prop and state-local move states along a workflow.
type Form string

const (
	// Carry is the prototype's form: states, or references to them, travel
	// with the invocations.
	Carry Form = "carry"
	// Direct is the paper's design of Sec. 5.3: a state goes straight from each
	// user to the next one in causal order.
	Direct Form = "direct"
)

// Variant is a reading of the paper for the generators: its text, or the
// scripts that its authors published. They differ.
type Variant string

const (
	// Artifact follows the published scripts.
	Artifact Variant = "artifact"
	// Text follows the paper's words.
	Text Variant = "text"
)

// Workflow is one application: functions, their precedences, and the states
// that they use.
type Workflow struct {
	// Functions holds a function name for each position of the chain or each
	// index of the DAG. Names may repeat.
	Functions []string
	// Successors is nil for a chain. For a DAG it holds the direct successors
	// of every function but the last, which is the only exit; index 0 is the
	// only entry.
	Successors [][]int
	// Dependencies maps a state to the names of the functions that use it. A
	// name that stands at several positions depends at each of them. An empty
	// list means a state that nobody uses.
	Dependencies map[string][]string
	// StateSizes holds the initial size of every state.
	StateSizes map[string]units.Size
	// Order is the access order of a state's users where the author gives it:
	// function indices, first user first (paper Sec. 5.1). States not listed
	// take the order that the precedences imply.
	Order map[string][]int
}
