package client

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"edgebed/nodes/units"
	"edgebed/nodes/wire"
	"edgebed/nodes/workflow"
)

// TestPureFaaSDAGInputs: with the scripts' reading each function of a DAG gets the
// client's input; with the text's, and in the direct form, what its predecessors
// gave, and the result is the last function's.
func TestPureFaaSDAGInputs(t *testing.T) {
	w := &workflow.Workflow{Functions: []string{"a", "b", "c", "d"}, Successors: [][]int{{1, 2}, {3}, {3}}}
	const client = `{"input":"AAAAAAAA"}`
	output := func(name string) string { return `{"input":"` + strings.Repeat(name, 8) + `"}` }
	given := map[string]string{"a": client, "b": output("a"), "c": output("a"), "d": `{"input":"bcbcbcbc"}`}
	artifact := map[string]string{"a": client, "b": client, "c": client, "d": client}
	for _, tt := range []struct {
		variant workflow.Variant
		form    workflow.Form
		inputs  map[string]string
		output  string
	}{
		{"", workflow.Carry, artifact, client},
		{workflow.Artifact, workflow.Carry, artifact, client},
		{workflow.Text, workflow.Carry, given, output("d")},
		{"", workflow.Direct, given, output("d")},
	} {
		_, r, c := setUp(t, time.Minute, func(_ context.Context, in *wire.LambdaRequest) (*wire.LambdaResponse, error) {
			return &wire.LambdaResponse{Retcode: wire.RetOK, Output: output(in.GetName()), Hops: 2}, nil
		})
		w.Variant = tt.variant
		run := carry(workflow.PureFaaS)
		run.Form = tt.form
		result, err := c.Execute(t.Context(), w, run, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if result.Output != tt.output {
			t.Errorf("%q, %s: output %s, want %s", tt.variant, tt.form, result.Output, tt.output)
		}
		for _, in := range r.Requests() {
			if got, want := in.GetInput(), tt.inputs[in.GetName()]; got != want {
				t.Errorf("%q, %s: %s gets %s, want %s", tt.variant, tt.form, in.GetName(), got, want)
			}
		}
	}
}

func TestPureFaaSChain(t *testing.T) {
	_, r, c := setUp(t, time.Minute, copyInput)
	w := &workflow.Workflow{
		Functions:    []string{"f", "g", "f"},
		Dependencies: map[string][]string{"s": {"f"}},
		StateSizes:   map[string]units.Size{"s": 5, "free": 3},
	}
	result, err := c.Execute(t.Context(), w, carry(workflow.PureFaaS), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if result.Hops != 6 || result.PTime != 30*time.Millisecond || result.Responder != "" || result.Load30 != 3 {
		t.Errorf("result %+v", result)
	}
	uuids := make(map[string]bool)
	for i, in := range r.Requests() {
		want := []string{"f", "g", "f"}[i]
		if in.GetName() != want || !slices.Equal(in.GetChain(), []string{want}) ||
			in.GetCallback() != "" || in.GetForward() {
			t.Errorf("request %d: %v", i, in)
		}
		if got := string(in.GetStates()["s"].GetContent()); (i == 1) != (got == "") {
			t.Errorf("request %d has state %q", i, got)
		}
		uuids[in.GetUuid()] = true
	}
	if len(uuids) != 3 || !uuids[result.UUID] {
		t.Errorf("uuids %v, result's %s", uuids, result.UUID)
	}
	if got := len(result.States["free"].Content); got != 3 {
		t.Errorf("the unused state has %d bytes, want 3", got)
	}
	one, err := c.Execute(t.Context(), chain("f"), carry(workflow.PureFaaS), Options{})
	if err != nil || one.Responder != "c:1" {
		t.Errorf("single function: %+v, %v, want a responder", one, err)
	}
}

// TestPureFaaSDAGParallel: both branches are called before either answers, and
// each function gets the client's input.
func TestPureFaaSDAGParallel(t *testing.T) {
	both := make(chan struct{})
	var mu sync.Mutex
	arrived := 0
	_, r, c := setUp(t, time.Minute, func(ctx context.Context, in *wire.LambdaRequest) (*wire.LambdaResponse, error) {
		out, _ := copyInput(ctx, in)
		out.Output = "the output is not passed on"
		if in.GetName() == "b" || in.GetName() == "c" {
			mu.Lock()
			if arrived++; arrived == 2 {
				close(both)
			}
			mu.Unlock()
			select {
			case <-both:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		return out, nil
	})
	w := &workflow.Workflow{Functions: []string{"a", "b", "c", "d"}, Successors: [][]int{{1, 2}, {3}, {3}}}
	result, err := c.Execute(t.Context(), w, carry(workflow.PureFaaS), Options{})
	if err != nil {
		t.Fatal(err)
	}
	names := r.Names()
	if len(names) != 4 || names[0] != "a" || names[3] != "d" {
		t.Errorf("called %q", names)
	}
	for _, in := range r.Requests() {
		if in.GetInput() != buildInput(20) || len(in.GetDag().GetNames()) != 1 || len(in.GetChain()) != 0 {
			t.Errorf("request %v", in)
		}
	}
	if result.Hops != 8 || result.Output != buildInput(20) {
		t.Errorf("result %+v", result)
	}
}

// TestPureFaaSFailures: the first failure ends the execution, names the
// function, and the client can go on.
func TestPureFaaSFailures(t *testing.T) {
	bad := false
	var mu sync.Mutex
	_, r, c := setUp(t, time.Minute, func(ctx context.Context, in *wire.LambdaRequest) (*wire.LambdaResponse, error) {
		mu.Lock()
		defer mu.Unlock()
		if bad && in.GetName() == "b" {
			return &wire.LambdaResponse{Retcode: "out of memory"}, nil
		}
		return copyInput(ctx, in)
	})
	dag := &workflow.Workflow{Functions: []string{"a", "b", "c", "d"}, Successors: [][]int{{1, 2}, {3}, {3}}}
	for _, w := range []*workflow.Workflow{chain("a", "b", "d"), dag} {
		mu.Lock()
		bad = true
		mu.Unlock()
		asked := time.Now()
		result, err := c.Execute(t.Context(), w, carry(workflow.PureFaaS), Options{})
		f := failure(t, err, StageCall)
		var ret *wire.RetError
		if !errors.As(err, &ret) || ret.Retcode != "out of memory" || !strings.Contains(f.Error(), "RunLambda b") {
			t.Errorf("%v: want the retcode and the function", err)
		}
		if slices.Contains(r.Names(), "d") {
			t.Error("the execution went on after a failure")
		}
		if result.Delay <= 0 || result.Hops < 2 || result.Began.Before(asked) || time.Since(result.Began) < result.Delay {
			t.Errorf("result %+v: want what was learned until the failure", result)
		}
		mu.Lock()
		bad = false
		mu.Unlock()
		if _, err := c.Execute(t.Context(), w, carry(workflow.PureFaaS), Options{}); err != nil {
			t.Errorf("next execution: %v", err)
		}
		r.Take()
	}
}
