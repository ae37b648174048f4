package client

import (
	"slices"
	"strings"

	"edgebed/nodes/units"
	"edgebed/nodes/wire"
	"edgebed/nodes/workflow"
)

// The prototype's input is a JSON text around as many letters as needed.
const (
	inputHead = `{"input":"`
	inputTail = `"}`
)

// buildInput returns the input text of the given size, which is at least the
// size of its frame, 12 bytes.
func buildInput(size units.Size) string {
	letters := max(0, int(size)-len(inputHead)-len(inputTail))
	return inputHead + strings.Repeat("A", letters) + inputTail
}

// joined is a workflow's name in messages: its functions' names, as the
// prototype prints them.
func joined(functions []string) string { return strings.Join(functions, "-") }

// singleRequest builds pure-faas's request for the function with index i alone:
// a chain or DAG of one function, the states that it uses, and no callback.
func singleRequest(p *prepared, i int, input, uuid string, states map[string]State) *wire.LambdaRequest {
	w := p.w
	function := w.Functions[i]
	request := &wire.LambdaRequest{
		Name:         function,
		Input:        input,
		States:       make(map[string]*wire.State),
		Dependencies: make(map[string]*wire.FunctionList),
		Uuid:         uuid,
	}

	if w.IsChain() {
		request.Chain = []string{function}
	} else {
		request.Dag = &wire.Dag{Names: []string{function}}
	}

	for _, s := range w.StatesOf(i) {
		request.States[s] = toWire(states[s])
		request.Dependencies[s] = &wire.FunctionList{Functions: []string{function}}
	}

	if p.verify {
		request.Verify = &wire.Verify{Index: uint32(i)}
	}
	return request
}

// workflowRequest builds the one request of state-prop and state-local: the
// whole chain or DAG with all dependencies, and the states that anybody uses.
// A state that nobody uses appears with an empty list of dependencies only; under
// the Text variant state-prop embeds it all the same (Workflow.CarriedStates). A
// DAG of one function goes as a chain: routers drop such a DAG together with
// its dependencies, and state-local would not move its states.
func workflowRequest(p *prepared, input, uuid, callback string, states map[string]State) *wire.LambdaRequest {
	w := p.w
	request := &wire.LambdaRequest{
		Name:         w.Functions[0],
		Input:        input,
		States:       make(map[string]*wire.State),
		Callback:     callback,
		Dependencies: make(map[string]*wire.FunctionList),
		Uuid:         uuid,
	}

	if w.IsChain() || w.Len() == 1 {
		request.Chain = slices.Clone(w.Functions)
	} else {
		request.Dag = &wire.Dag{Names: slices.Clone(w.Functions)}
		for _, successors := range w.Successors {
			list := &wire.IndexList{}
			for _, j := range successors {
				list.Functions = append(list.Functions, uint64(j))
			}
			request.Dag.Successors = append(request.Dag.Successors, list)
		}
	}

	for s, functions := range w.Dependencies {
		request.Dependencies[s] = &wire.FunctionList{Functions: slices.Clone(functions)}
	}

	carried := w.UsedStates() // references
	if p.Model != workflow.StateLocal {
		carried = w.CarriedStates()
	}
	for _, s := range carried {
		request.States[s] = toWire(states[s])
	}

	if p.verify {
		request.Verify = &wire.Verify{}
	}
	return request
}

// toWire sets only one of location and content, and never the name, as the
// prototype does inside the states maps.
func toWire(s State) *wire.State {
	if s.Location != "" {
		return &wire.State{Location: s.Location}
	}
	return &wire.State{Content: s.Content}
}
