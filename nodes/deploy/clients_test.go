package deploy_test

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"edgebed/nodes/client"
	"edgebed/nodes/workflow"
)

// TestClientsAtOnce runs executions of several clients on two hosts at the same time, in
// each model: each finds its own states as its own functions left them.
func TestClientsAtOnce(t *testing.T) {
	noLeaks(t)
	_, cfg := ring(4, 5*time.Millisecond)
	d := start(t, cfg)
	ctx := context.Background()
	var executions sync.WaitGroup
	for k := range 12 {
		executions.Go(func() {
			c, err := d.NewClientOn(ctx, name(1+k%2))
			if err != nil {
				t.Error(err)
				return
			}
			model := workflow.Models[k%3]
			w := workedChain().Owned(strconv.Itoa(c.Number()))
			for range 2 {
				run := workflow.Run{Model: model, Form: workflow.Carry, Argument: argument}
				if _, err := c.Execute(ctx, w, run, client.Options{Verify: true}); err != nil {
					t.Errorf("client %d, %s: %v", c.Number(), model, err)
				}
			}
			if k == 0 {
				return // the deployment closes it
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	executions.Wait()

	if _, err := d.NewClientOn(ctx, "nowhere"); err == nil || !strings.Contains(err.Error(), `unknown host "nowhere"`) {
		t.Errorf("a client on a host that there is not: %v", err)
	}
}
