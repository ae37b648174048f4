package cost

import (
	"fmt"
	"time"
)

// limit bounds each term: software that takes longer is no software cost.
const limit = 10 * time.Second

// Model is a software cost: how long a node waits, on top of what its own work
// takes, for each of what the terms name. The zero value costs nothing. Terms
// that happen at the same time overlap, as on a node with a core for each.
type Model struct {
	// Call is for each RunLambda that a router or a computer is called with,
	// before it is handled: twice per function in the carry form and in pure-faas,
	// once per message in the direct form.
	Call time.Duration `yaml:"call"`
	// Connection is for each connection that a node opens to another host, before
	// its SYN. Those within a host are free: the data do not tell them from Call
	// and ClientStart.
	Connection time.Duration `yaml:"connection"`
	// StateMove is for each state that a computer brings from a state server
	// elsewhere, charged to that computer before it opens the connection: in the
	// prototype a channel of its own with a Get and a Del, and a Put at home. A
	// state that is read from and written back to another host's server
	// (read-write) costs the same at each use.
	StateMove time.Duration `yaml:"state-move"`
	// ClientStart is for each fresh client, within the delay of its first
	// execution: what the prototype's client process does once when it sends its
	// first request.
	ClientStart time.Duration `yaml:"client-start"`
	// WakeUp is for each message that reaches a host over links with a delay, when all
	// hosts have waited: what the one machine of the emulation needs to go on after a
	// pause. It is charged in virtual time only, by the network; on emulated links the
	// machine takes its own.
	WakeUp time.Duration `yaml:"wake-up"`
}

// Validate refuses a model that no software has.
func (m Model) Validate() error {
	for _, t := range m.Terms() {
		if t.Cost < 0 || t.Cost > limit {
			return fmt.Errorf("software cost %s: expected 0 to %v, got %v", t.Name, limit, t.Cost)
		}
	}
	return nil
}

// Term is one part of a model, by the name that files have.
type Term struct {
	Name string
	Cost time.Duration
}

// Terms lists the model's terms, those that cost nothing too.
func (m Model) Terms() []Term {
	return []Term{
		{"call", m.Call}, {"connection", m.Connection}, {"state-move", m.StateMove}, {"client-start", m.ClientStart},
		{"wake-up", m.WakeUp},
	}
}

// Times returns the model with each term multiplied.
func (m Model) Times(factor float64) Model {
	scale := func(d time.Duration) time.Duration { return time.Duration(factor * float64(d)) }
	return Model{
		Call: scale(m.Call), Connection: scale(m.Connection), StateMove: scale(m.StateMove),
		ClientStart: scale(m.ClientStart), WakeUp: scale(m.WakeUp),
	}
}

// String lists all terms, as records show them.
func (m Model) String() string {
	text := ""
	for _, t := range m.Terms() {
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%s %v", t.Name, t.Cost)
	}
	return text
}
