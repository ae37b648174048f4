package deploy_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"edgebed/nodes/client"
	"edgebed/nodes/cost"
	"edgebed/nodes/workflow"
)

// ledger counts charges by their amount instead of waiting.
type ledger struct {
	mu     sync.Mutex
	counts map[time.Duration]int
}

func (l *ledger) charge(_ context.Context, d time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[d]++
	return nil
}

func (l *ledger) take() map[time.Duration]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.counts
	l.counts = map[time.Duration]int{}
	return taken
}

// TestSoftwareCost: each term of the cost is charged as often as predictions
// count what it is for, in every model and form.
func TestSoftwareCost(t *testing.T) {
	noLeaks(t)
	const call, connection, stateMove, clientStart = 1, 2, 3, 4
	_, cfg := ring(6, time.Millisecond)
	bill := &ledger{counts: map[time.Duration]int{}}
	cfg.Cost = cost.NewCharger(cost.Model{Call: call, Connection: connection, StateMove: stateMove, ClientStart: clientStart}, bill.charge)
	d := warm(t, cfg)

	w := workedChain()
	for _, tc := range []struct {
		model workflow.Model
		form  workflow.Form
		want  map[time.Duration]int
	}{
		// A router and a computer for each of three functions.
		{workflow.PureFaaS, workflow.Carry, map[time.Duration]int{call: 6, clientStart: 1}},
		// The callback opens a connection to another host.
		{workflow.StateProp, workflow.Carry, map[time.Duration]int{call: 6, connection: 1, clientStart: 1}},
		// And so does each state that moves: s0 twice, s1 once.
		{workflow.StateLocal, workflow.Carry, map[time.Duration]int{call: 6, connection: 4, stateMove: 3, clientStart: 1}},
	} {
		bill.take()
		if _, err := executeForm(d, w, tc.model, tc.form, client.Options{}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tc.want, bill.take()); diff != "" {
			t.Errorf("%s, %s: charges (-want +got):\n%s", tc.model, tc.form, diff)
		}
	}

	// In the direct form computers call each other past the routers: one message a
	// function here, and the states that StateProp pushes by themselves.
	bill.take()
	if _, err := direct(d, w, workflow.StateLocal, client.Options{}); err != nil {
		t.Fatal(err)
	}
	got := bill.take()
	if got[stateMove] != 3 || got[clientStart] != 1 || got[call] < 3 {
		t.Errorf("state-local, direct: charges %v, want 3 moves, 1 start and at least 3 calls", got)
	}

	// A client that stays starts once.
	c, err := d.NewClient(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 2 {
		if _, err := c.Execute(context.Background(), w, workflow.Run{Model: workflow.PureFaaS, Form: workflow.Carry, Argument: argument}, client.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := bill.take()[clientStart]; n != 1 {
		t.Errorf("a client that stays starts %d times", n)
	}
}
