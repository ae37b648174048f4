// Package workflow describes what an application asks the edge to run: chains
// and DAGs of functions, the states they depend on, the order in which tasks
// may touch a state, and seeded generators of such workloads. It is pure Go and
// knows no network.
package workflow

import (
	"time"

	"edgebed/nodes/units"
)

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
	// AnyOrder names the states whose order of use does not matter (paper Sec.
	// 5.1, case (i)); none of them stands in Order. Their users may be parallel
	// in the DAG, but still use the state one after the other, so that no update
	// is lost: Augment picks an order that agrees with everything else and is the
	// same each time. Pure-faas then calls the users in this order, and the direct
	// form hands the state from each to the next. The carry form, in which states
	// travel along precedences, has no way between parallel users and refuses them
	// here too (CheckCarry).
	AnyOrder []string
	// Outputs holds the size of each function's output by position, negative where
	// it is that of the argument (Run.Argument); nil means all of them are. They are
	// for workflows from elsewhere, whose files have sizes.
	Outputs []units.Size
	// Sent holds, in the places of Successors, how much of its output a function sends to
	// each of them: its first bytes, as many as that, and all of it where the number is
	// negative; nil means all to each.
	Sent [][]units.Size
	// Times holds how long each function computes by position, negative where its
	// computer says it; nil means all do.
	Times []time.Duration
	// Variant is the reading of the paper under which the workflow is executed;
	// empty means Artifact. Under Text, state-prop's carry form embeds all states,
	// whether somebody uses them or not (paper Sec. 4: the full state), and
	// pure-faas gives each function of a DAG the outputs of its predecessors.
	// Under Artifact, as in the prototype, states that nobody uses stay with the
	// client, and all functions of a pure-faas DAG get the client's input.
	Variant Variant
}
