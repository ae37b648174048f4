package deploy_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"edgebed/nodes/client"
	"edgebed/nodes/deploy"
	"edgebed/nodes/memnet"
	"edgebed/nodes/wire"
	"edgebed/nodes/workflow"
)

// propertyRuns is the environment variable with the number of random workflows
// that TestModelsOnRandomDAGs runs; without it the test runs as many as it can in
// propertyTime, and propertyLeast on a busy machine.
const propertyRuns = "EDGEBED_PROPERTY_RUNS"

const (
	propertyTime  = 4 * time.Second
	propertyLeast = 12
)

// propertyBatch is how many workflows one deployment runs; the tap keeps what it
// knows of every connection.
const propertyBatch = 250

// propertyFunctions is the size of the largest random workflow.
const propertyFunctions = 12

// TestModelsOnRandomDAGs: every random workflow whose states can be kept
// consistent completes under every model and form that can run it, and the states
// prove it; the direct form's payload between hosts is what Eq. (1) says, less
// what stays on a host. Those that cannot are refused before anything is sent.
func TestModelsOnRandomDAGs(t *testing.T) {
	noLeaks(t)
	runs, limit := 0, time.Now().Add(propertyTime)
	if text := os.Getenv(propertyRuns); text != "" {
		var err error
		if runs, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: %v", propertyRuns, err)
		}
	}
	var next, carried, beyond atomic.Int64
	var group sync.WaitGroup
	one := func(b *propertyBench) bool {
		k := next.Add(1) - 1
		late := runs == 0 && k >= propertyLeast && time.Now().After(limit)
		if t.Failed() || runs > 0 && k >= int64(runs) || late {
			next.Add(-1)
			return false
		}
		w, err := randomWorkflow(uint64(k), false)
		if err == nil {
			err = b.run(w, &carried)
		}
		if err != nil {
			text, _ := w.MarshalJSON()
			t.Errorf("seed %d: %v\n%s", k, err, text)
			return false
		}
		if w.CheckCarry() != nil {
			beyond.Add(1)
		}
		if err := b.refuses(uint64(k)); err != nil {
			t.Errorf("seed %d, infeasible: %v", k, err)
			return false
		}
		return true
	}
	for range 2 {
		group.Go(func() {
			for more := true; more; {
				b := newPropertyBench(t)
				for n := 0; more && n < propertyBatch; n++ {
					more = one(b)
				}
				b.close()
			}
		})
	}
	group.Wait()
	t.Logf("%d workflows, %d of them beyond the carry form, %d executions of it", next.Load(), beyond.Load(), carried.Load())
	if beyond.Load() == 0 || carried.Load() == 0 {
		t.Error("the workflows were all alike")
	}
}

// randomWorkflow draws sizes, densities and numbers of states as well.
func randomWorkflow(seed uint64, infeasible bool) (*workflow.Workflow, error) {
	r := rand.New(rand.NewPCG(seed, 2))
	g := workflow.Random{
		Size:       1 + r.IntN(propertyFunctions),
		Density:    r.Float64() * r.Float64(),
		States:     r.IntN(5),
		Infeasible: infeasible,
	}
	if infeasible {
		g.Size, g.States = max(g.Size, 2), max(g.States, 1)
	}
	return g.Generate(seed, 0)
}

// propertyBench is a deployment in memory with computers on four hosts, of which
// one is the client's.
type propertyBench struct {
	t       testing.TB
	network *memnet.Network
	tap     *tap
	d       *deploy.Deployment
	place   workflow.Placement
}

func newPropertyBench(t testing.TB) *propertyBench {
	network, cfg := crowd(4, propertyFunctions)
	b := &propertyBench{t: t, network: network, tap: newTap(t, network)}
	b.d = start(t, cfg)
	if err := b.d.WarmUp(t.Context(), workflow.Direct); err != nil {
		t.Error(err)
	}
	b.place = workflow.Placement{Client: name(1)}
	return b
}

// crowd is a ring with a computer on each host, the client's too. The functions
// f0, f1, ... are dealt out to the hosts in turn.
func crowd(hosts, functions int) (*memnet.Network, deploy.Config) {
	network, cfg := ring(hosts, 0)
	for i := 1; i <= hosts; i++ {
		var served []string
		for f := i - 1; f < functions; f += hosts {
			served = append(served, fmt.Sprintf("f%d", f))
		}
		cfg.Computers[name(i)] = deploy.Computer{Spec: spec(0, served...)}
	}
	return network, cfg
}

// close checks that the computers hold nothing, and that nothing went wrong that
// no client was told of.
func (b *propertyBench) close() {
	defer func() {
		if err := b.d.Close(); err != nil {
			b.t.Error(err)
		}
	}()
	if b.t.Failed() {
		return
	}
	for end := time.Now().Add(10 * time.Second); b.d.Stats().Busy() > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	for host, s := range b.d.Stats().Computers {
		if s.Running+s.Queued+s.InFlight+s.Joins+s.Failed > 0 {
			b.t.Errorf("computer of host %s afterwards: %+v", host, s)
		}
	}
}

// run executes a workflow in all the ways that can run it.
func (b *propertyBench) run(w *workflow.Workflow, carried *atomic.Int64) error {
	b.place.Host = func(i int) string {
		host, err := b.d.Placement(w.Functions[i])
		if err != nil {
			b.t.Error(err)
		}
		return host
	}
	for _, run := range []struct {
		model  workflow.Model
		form   workflow.Form
		verify bool
	}{
		{workflow.PureFaaS, workflow.Carry, true},
		{workflow.StateProp, workflow.Carry, false},
		{workflow.StateLocal, workflow.Carry, false},
		// Where a content has marks, these are not counted.
		{workflow.StateProp, workflow.Direct, true},
		{workflow.StateLocal, workflow.Direct, false},
		// Verification fetches states, which would be counted.
		{workflow.StateLocal, workflow.Direct, true},
	} {
		carry := run.model != workflow.PureFaaS && run.form == workflow.Carry
		if carry && w.CheckCarry() != nil {
			continue
		}
		if carry {
			carried.Add(1)
		}
		b.tap.take()
		conns := b.network.Conns()
		result, err := executeForm(b.d, w, run.model, run.form, client.Options{Verify: run.verify})
		if err != nil {
			return fmt.Errorf("%s, %s, verified %t: %w", run.model, run.form, run.verify, err)
		}
		if len(result.Output) != int(argument) {
			return fmt.Errorf("%s, %s: an output of %d bytes, want %d", run.model, run.form, len(result.Output), argument)
		}
		if run.model == workflow.StateLocal && run.verify {
			continue
		}
		if err := b.checkNetwork(w, run.model, run.form, b.network.Conns()-conns); err != nil {
			return fmt.Errorf("%s, %s: %w", run.model, run.form, err)
		}
	}
	return nil
}

// checkNetwork compares what crossed between hosts, how many calls it took and how
// many connections, with the prediction, and the payload with the paper's Table 1.
func (b *propertyBench) checkNetwork(w *workflow.Workflow, model workflow.Model, form workflow.Form, conns int) error {
	got, calls := 0, 0
	for _, m := range b.tap.take() {
		if m.from == m.to {
			continue
		}
		got += m.payload() - marks(m)
		if _, state := m.body.(*wire.State); m.request && !state {
			calls++
		}
	}
	want, err := workflow.Predict(w, workflow.Run{Model: model, Form: form, Argument: argument}, b.place, nil)
	if err != nil {
		return err
	}
	if got != int(want.Payload()) {
		return fmt.Errorf("payload between hosts is %d, predicted %d: %+v", got, want.Payload(), want.Transfers)
	}
	if calls != len(want.RPCs) || conns != want.ActiveOpens {
		return fmt.Errorf("%d calls between hosts over %d new connections, predicted %d over %d", calls, conns, len(want.RPCs), want.ActiveOpens)
	}
	bound, err := workflow.Table1(w, workflow.Run{Model: model, Form: workflow.Direct, Argument: argument})
	if err != nil {
		return err
	}
	if form == workflow.Direct && got > int(bound) {
		return fmt.Errorf("payload between hosts is %d, more than the %d of Eq. (1)", got, bound)
	}
	return nil
}

// marks returns how many bytes of a message's states are marks of verification.
func marks(m message) (n int) {
	var states map[string]*wire.State
	switch b := m.body.(type) {
	case *wire.LambdaRequest:
		states = b.GetStates()
	case *wire.LambdaResponse:
		states = b.GetStates()
	}
	for _, s := range states {
		if k := bytes.IndexByte(s.GetContent(), '|'); k >= 0 {
			n += len(s.GetContent()) - k
		}
	}
	return n
}

// refuses executes a workflow that cannot be run.
func (b *propertyBench) refuses(seed uint64) error {
	w, err := randomWorkflow(seed, true)
	if err != nil {
		return err
	}
	conns := b.network.Conns()
	b.tap.take()
	for _, model := range workflow.Models {
		_, err := executeForm(b.d, w, model, workflow.Direct, client.Options{})
		var failure *client.Failure
		var cycle *workflow.CycleError
		if !errors.As(err, &failure) || failure.Stage != client.StageCheck || !errors.As(err, &cycle) {
			return fmt.Errorf("%s: %v, want a refusal that names the cycle", model, err)
		}
	}
	if opened := b.network.Conns() - conns; opened > 0 {
		return fmt.Errorf("%d connections were opened", opened)
	}
	for _, m := range b.tap.take() {
		if r, ok := m.body.(*wire.LambdaRequest); ok {
			return fmt.Errorf("a request was sent: %v", r)
		}
	}
	return nil
}
