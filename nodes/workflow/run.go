package workflow

import (
	"fmt"
	"slices"

	"edgebed/nodes/units"
)

// Run says how a workflow is executed.
type Run struct {
	Model Model
	// Form of state-prop and state-local; in pure-faas it only says what each
	// function of a DAG gets for an argument.
	Form Form
	// Argument is the size of the client's input, and of the functions' outputs where
	// the workflow does not say it (Workflow.Outputs).
	Argument units.Size
}

// Validate refuses models and forms that there are not, and a negative argument.
func (r Run) Validate() error {
	switch {
	case r.Argument < 0:
		return fmt.Errorf("the argument of %d bytes is negative", int64(r.Argument))
	case !slices.Contains(Models, r.Model):
		return fmt.Errorf("unknown model %q; it is one of %v", r.Model, Models)
	case r.Form != Carry && r.Form != Direct:
		return fmt.Errorf("unknown form %q; it is %s or %s", r.Form, Carry, Direct)
	}
	return nil
}
