package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"edgebed/nodes/statestore"
	"edgebed/nodes/wire"
	"edgebed/nodes/workflow"
)

// separator stands before each index that a function appends to a state when
// it is verified.
const separator = '|'

// held are the states of the workflow that a client executed last.
type held struct {
	// key is the workflow's hash and where its states live: other executions
	// create their states anew, as in the prototype.
	key    string
	states map[string]State
	// marks are the indices that verified executions appended to each state.
	marks map[string][]int
}

// store takes over the states of a response: contents or locations.
func (h *held) store(states map[string]*wire.State) {
	for name, s := range states {
		h.states[name] = State{Content: s.GetContent(), Location: s.GetLocation()}
	}
}

func (h *held) copy() map[string]State { return maps.Clone(h.states) }

// initial is a state's content before its first use.
func initial(w *workflow.Workflow, name string) []byte {
	return bytes.Repeat([]byte{'A'}, int(w.StateSizes[name]))
}

// create makes the states of the workflow unless the last execution left them:
// in memory, or, in state-local, by storing them one after the other in the
// client's own state server over one connection. States that nobody uses are
// created too, as in the prototype.
func (c *Client) create(ctx context.Context, p *prepared) error {
	local := p.Model == workflow.StateLocal
	key := fmt.Sprintf("%s local=%t", p.w.Hash(), local)
	if c.held.key == key {
		return nil
	}

	states := make(map[string]State)
	names := slices.Sorted(maps.Keys(p.w.StateSizes))
	switch {
	case !local:
		for _, name := range names {
			states[name] = State{Content: initial(p.w, name)}
		}
	case len(names) > 0:
		if err := c.putStates(ctx, p.w, names); err != nil {
			return &Failure{StageStates, err}
		}
		for _, name := range names {
			states[name] = State{Location: c.cfg.State}
		}
	}
	c.held = held{key: key, states: states, marks: make(map[string][]int)}
	return nil
}

// putStates stores the states of a workflow in the client's own state server.
func (c *Client) putStates(ctx context.Context, w *workflow.Workflow, names []string) (err error) {
	store, err := statestore.Dial(c.cfg.Net, c.cfg.State)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()

	for _, name := range names {
		if err := store.Put(ctx, name, initial(w, name)); err != nil {
			return err
		}
	}
	return nil
}

// verifyWithin is verify with a timeout of its own: what the execution has left of
// its time says nothing about reading the states.
func (c *Client) verifyWithin(ctx context.Context, p *prepared) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()

	return c.verify(ctx, p)
}

// verify checks that each state holds its initial content followed by the
// marks of its users in causal order, of this and of earlier verified
// executions, and fetches states that live elsewhere.
func (c *Client) verify(ctx context.Context, p *prepared) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(p.w.StateSizes)) {
		s := c.held.states[name]
		if s.Location != "" {
			content, err := c.fetch(ctx, s.Location, name)
			if err != nil {
				content, err = c.take(ctx, name, err)
			}
			if err != nil {
				errs = append(errs, err)
				continue
			}
			s.Content = content
		}

		before := c.held.marks[name]
		want := append(slices.Clone(before), p.users[name]...)
		c.held.marks[name] = want
		if err := checkMarks(s.Content, int(p.w.StateSizes[name]), before, want); err != nil {
			errs = append(errs, fmt.Errorf("state %s: %w", name, err))
			continue
		}
		// A located state's content is returned, but the next execution must
		// send the location only: toWire prefers it.
		c.held.states[name] = s
	}
	return errors.Join(errs...)
}

// fetch reads a state from where it lives, over a connection of its own.
func (c *Client) fetch(ctx context.Context, location, name string) (content []byte, err error) {
	store, err := statestore.Dial(c.cfg.Net, location)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return store.Get(ctx, name)
}

// take finds a state on one of the keepers, and removes it there: were it left, it
// could pass for that of a later execution. It returns the given error where none
// has it, and an error where several have.
func (c *Client) take(ctx context.Context, name string, missing error) (content []byte, err error) {
	var found []string
	for _, keeper := range c.cfg.Keepers {
		got, err := c.fetch(ctx, keeper, name)
		if err != nil {
			continue // as a rule it has none of this name
		}
		content, found = got, append(found, keeper)
	}
	if len(found) == 0 {
		return nil, missing
	}
	if len(found) > 1 {
		return nil, fmt.Errorf("state %s is on %d state servers: %v", name, len(found), found)
	}

	store, err := statestore.Dial(c.cfg.Net, found[0])
	if err != nil {
		return nil, err
	}
	return content, errors.Join(store.Del(ctx, name), store.Close())
}

// checkMarks compares a state's content with its initial size and the indices
// that were appended to it, before this execution and with it.
func checkMarks(content []byte, size int, before, want []int) error {
	expected := marked(size, want)
	if bytes.Equal(content, expected) {
		return nil
	}
	if len(content) < size || !bytes.Equal(content[:size], expected[:size]) {
		return fmt.Errorf("want %d bytes of content before the marks, got %d bytes that differ", size, len(content))
	}
	if bytes.Equal(content, marked(size, before)) {
		return fmt.Errorf("want marks of its users %v, got none at all: "+
			"a node on the way does not know verification "+
			"(a prototype's router or computer loses the request for it), "+
			"or what they did was lost at a join of the carry form", want[len(before):])
	}
	marks := content[size:min(len(content), size+200)]
	return fmt.Errorf("want users %v to have used it in this order, got marks %q", want, marks)
}

// marked is the content of a state of the given initial size after its users
// appended their indices.
func marked(size int, users []int) []byte {
	content := bytes.Repeat([]byte{'A'}, size)
	for _, i := range users {
		content = strconv.AppendInt(append(content, separator), int64(i), 10)
	}
	return content
}
