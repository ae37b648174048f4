package deploy_test

import (
	"context"
	"fmt"
	"time"

	"edgebed/nodes/client"
	"edgebed/nodes/deploy"
	"edgebed/nodes/router"
	"edgebed/nodes/units"
	"edgebed/nodes/workflow"
)

// Start the nodes of an experiment (here on a network in memory, in the emulator on
// emulated hosts), and execute a chain of two functions on them.
func ExampleStart() {
	ctx := context.Background()
	_, cfg := ring(3, time.Millisecond) // the client's host, and two with a function of their own
	d, err := deploy.Start(ctx, cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer d.Close()

	where, err := d.Placement("10.1.0.3")
	fmt.Println("10.1.0.3 runs on", where, err)
	for _, e := range d.Router(name(1)).Table(router.TableOverall) {
		fmt.Println("the client's router sends", e.Function, "to", e.Destination)
	}

	c, err := d.NewClient(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	w := &workflow.Workflow{Functions: []string{"10.1.0.2", "10.1.0.3"}}
	result, err := c.Execute(ctx, w, workflow.Run{Model: workflow.StateProp, Form: workflow.Carry, Argument: argument}, client.Options{})
	fmt.Println(result.Responder, err)

	// A computer can go while the others stay.
	fmt.Println(d.StopComputer("10.1.0.3"), d.Running("10.1.0.3"))

	// Output:
	// 10.1.0.3 runs on 10.1.0.3 <nil>
	// the client's router sends 10.1.0.2 to 10.1.0.2:10000
	// the client's router sends 10.1.0.3 to 10.1.0.3:10000
	// 10.1.0.3:10000 <nil>
	// <nil> false
}

// Look what an execution leaves in the nodes. In state-local a state stays with the
// last computer that used it, and the client gets a reference. Callbacks come late
// where the client has given an execution up.
func ExampleDeployment_StateSizes() {
	ctx := context.Background()
	_, cfg := ring(3, 0)
	d, err := deploy.Start(ctx, cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer d.Close()
	c, err := d.NewClient(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()

	w := &workflow.Workflow{
		Functions:    []string{"10.1.0.2", "10.1.0.3"},
		Dependencies: map[string][]string{"model": {"10.1.0.2", "10.1.0.3"}},
		StateSizes:   map[string]units.Size{"model": units.KB},
	}
	run := workflow.Run{Model: workflow.StateLocal, Form: workflow.Carry, Argument: argument}
	_, err = c.Execute(ctx, w, run, client.Options{})
	fmt.Println("executed:", err)
	for _, host := range []string{"10.1.0.2", "10.1.0.3"} {
		fmt.Println(host, "holds", d.StateSizes(host))
	}
	fmt.Println(c.(*client.Client).LateCallbacks(), "late callbacks")

	// Output:
	// executed: <nil>
	// 10.1.0.2 holds map[]
	// 10.1.0.3 holds map[model:1000]
	// 0 late callbacks
}
