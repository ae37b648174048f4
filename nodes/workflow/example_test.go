package workflow_test

import (
	"fmt"

	"edgebed/nodes/workflow"
)

// Put the order of a state's users into the graph of an application: b and c are
// parallel, but both use s in that order, so that c must wait for b (paper Sec. 5.2).
func ExampleAugment() {
	w, err := workflow.ParseJSON("diamond.json", []byte(`{
		"functionNames": ["a", "b", "c", "d"],
		"successors": [[1, 2], [3], [3]],
		"dependencies": {"s": ["b", "c"]},
		"state-sizes": {"s": 1000},
		"state-order": {"s": [1, 2]}
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	plain, err := w.Stages()
	if err != nil {
		fmt.Println(err)
		return
	}
	g, err := workflow.Augment(w)
	if err != nil {
		fmt.Println(err)
		return
	}

	fmt.Println("without states:", plain, "with them:", g.Stages())
	fmt.Println("b before c:", g.Precedes(1, 2), "and c needs", g.Ancestors(2))
	fmt.Println("s goes from the client to", g.NextUser("s", workflow.Client), "and then to", g.NextUser("s", 1))
	done := []bool{true, false, false, false}
	fmt.Println("after a, of its successors", w.Callable(done), "only these may start:", g.Callable(done))

	// Output:
	// without states: [[0] [1 2] [3]] with them: [[0] [1] [2] [3]]
	// b before c: true and c needs [0 1]
	// s goes from the client to 1 and then to 2
	// after a, of its successors [1 2] only these may start: [1]
}

// Draw an application at random: the same seed and number give the same one.
func ExampleRandom() {
	w, err := workflow.Random{Size: 5, Density: 0.3, States: 2}.Generate(1, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	again, err := workflow.Random{Size: 5, Density: 0.3, States: 2}.Generate(1, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(w.Len(), "functions,", len(w.StateSizes), "states, the same again:", w.Hash() == again.Hash())

	// Output:
	// 5 functions, 2 states, the same again: true
}
