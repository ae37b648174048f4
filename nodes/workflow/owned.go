package workflow

// Owned returns the workflow with states of one owner's own: the owner stands behind the
// name of each. State servers know states by name alone, so that workflows which run at
// the same time would take those of others for theirs.
func (w *Workflow) Owned(owner string) *Workflow {
	own := *w
	own.Dependencies = renamed(w.Dependencies, owner)
	own.StateSizes = renamed(w.StateSizes, owner)
	own.Order = renamed(w.Order, owner)
	own.AnyOrder = nil
	for _, s := range w.AnyOrder {
		own.AnyOrder = append(own.AnyOrder, s+ownerMark+owner)
	}
	return &own
}

// ownerMark stands between a state's name and its owner's.
const ownerMark = "~"

func renamed[T any](states map[string]T, owner string) map[string]T {
	if states == nil {
		return nil
	}
	own := make(map[string]T, len(states))
	for s, v := range states {
		own[s+ownerMark+owner] = v
	}
	return own
}
