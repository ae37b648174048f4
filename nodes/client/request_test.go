package client

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"edgebed/nodes/units"
	"edgebed/nodes/wire"
	"edgebed/nodes/workflow"
)

func TestBuildInput(t *testing.T) {
	for _, tt := range []struct {
		size units.Size
		want string
	}{
		{0, `{"input":""}`}, {12, `{"input":""}`}, {13, `{"input":"A"}`}, {16, `{"input":"AAAA"}`},
	} {
		if got := buildInput(tt.size); got != tt.want {
			t.Errorf("size %d: %s, want %s", tt.size, got, tt.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(12, 100000).Draw(t, "size")
		if got := len(buildInput(units.Size(size))); got != size {
			t.Fatalf("%d bytes, want %d", got, size)
		}
	})
}

// TestRequestSizes are the sizes that protoc gives for the prototype's requests
// of the worked chain on the leg from the router to the computer.
func TestRequestSizes(t *testing.T) {
	const a, b, c = "10.1.0.2", "10.1.0.3", "10.1.0.4"
	w := &workflow.Workflow{
		Functions:    []string{a, b, c},
		Dependencies: map[string][]string{"s0": {a, c}, "s1": {b}},
		StateSizes:   map[string]units.Size{"s0": 10000, "s1": 20000},
	}
	input, id := buildInput(10000), "01234567-0123-4123-8123-0123456789ab"
	embedded := map[string]State{"s0": {Content: initial(w, "s0")}, "s1": {Content: initial(w, "s1")}}
	located := map[string]State{"s0": {Location: stateAt}, "s1": {Location: stateAt}}
	local := &prepared{w: w, Run: carry(workflow.StateLocal)}
	for _, tt := range []struct {
		name string
		in   *wire.LambdaRequest
		want int
	}{
		{"pure-faas f1", singleRequest(&prepared{w: w}, 0, input, id, embedded), 20096},
		{"pure-faas f2", singleRequest(&prepared{w: w}, 1, input, id, embedded), 30099},
		{"pure-faas f3", singleRequest(&prepared{w: w}, 2, input, id, embedded), 20096},
		{"state-prop", workflowRequest(&prepared{w: w}, input, id, callbackAt, embedded), 40175},
		{"state-local", workflowRequest(local, input, id, callbackAt, located), 10192},
	} {
		// What the router adds.
		tt.in.Hops, tt.in.Forward = 1, true
		if got := proto.Size(tt.in); got != tt.want {
			t.Errorf("%s: %d bytes, want %d", tt.name, got, tt.want)
		}
	}
}

func TestWorkflowRequest(t *testing.T) {
	w := &workflow.Workflow{
		Functions:    []string{"a", "b", "c"},
		Successors:   [][]int{{1, 2}, {2}},
		Dependencies: map[string][]string{"s": {"c", "a"}, "free": nil},
		StateSizes:   map[string]units.Size{"s": 2, "free": 3},
	}
	states := map[string]State{"s": {Location: "p:1", Content: []byte("xx")}, "free": {Content: []byte("yyy")}}
	local := &prepared{w: w, Run: carry(workflow.StateLocal), verify: true}
	got := workflowRequest(local, "in", "u", "c:1", states)
	want := &wire.LambdaRequest{
		Name: "a", Input: "in", Uuid: "u", Callback: "c:1",
		States: map[string]*wire.State{"s": {Location: "p:1"}},
		Dag: &wire.Dag{Names: []string{"a", "b", "c"}, Successors: []*wire.IndexList{
			{Functions: []uint64{1, 2}}, {Functions: []uint64{2}},
		}},
		Dependencies: map[string]*wire.FunctionList{"s": {Functions: []string{"c", "a"}}, "free": {}},
		Verify:       &wire.Verify{},
	}
	if !proto.Equal(got, want) {
		t.Errorf("request %v, want %v", got, want)
	}

	// The text embeds the full state, but it has no references to what nobody uses.
	w.Variant = workflow.Text
	if got := workflowRequest(local, "in", "u", "c:1", states); !proto.Equal(got, want) {
		t.Errorf("state-local under text: request %v, want %v", got, want)
	}
	want.States["free"] = &wire.State{Content: []byte("yyy")}
	if got := workflowRequest(&prepared{w: w, verify: true}, "in", "u", "c:1", states); !proto.Equal(got, want) {
		t.Errorf("state-prop under text: request %v, want %v", got, want)
	}
}
