package scenario

import (
	"time"

	"edgebed/harness/topology"
	"edgebed/nodes/yamlfile"
)

// Events are what happens in a cell while its executions run.
type Events []Event

// Event changes a link, a class of links or a computer at a time, for a while or for
// good. It names one of Link, Direction, Class and Computer, and one thing that becomes of it.
type Event struct {
	Pos yamlfile.Pos `json:"-"`
	// At is when, from the start of the load, warm-ups included.
	At time.Duration `yaml:"at"`
	// For is how long it lasts: then what it changed is as the topology and nodes say.
	// Without it the change stays.
	For time.Duration `yaml:"for"`
	// Every repeats it. With Random it is the mean time, drawn by the seed, from the end
	// of one to the next, and At the least.
	Every  time.Duration `yaml:"every"`
	Random bool          `yaml:"random"`

	// Link names the two switches of a link, or a host with an access link and its switch;
	// both directions change.
	Link []string `yaml:"link"`
	// Direction names the two ends of a link of which one direction changes: from the
	// first to the second.
	Direction []string `yaml:"direction" json:",omitzero"`
	// Class names a class of links of the topology.
	Class string `yaml:"link-class"`
	// Computer names the host of a computer.
	Computer string `yaml:"computer"`

	// Down loses every frame of the link, until For is over.
	Down bool `yaml:"down"`
	// Set gives the link other parameters; those that are not named stay.
	Set topology.Override `yaml:"set"`
	// Stop closes the computer and its state server, with what they hold; after For
	// they start again, empty.
	Stop bool `yaml:"stop"`
	// Speed is what the computer's processors run at: 0.5 is half as fast.
	Speed float64 `yaml:"speed"`
}

// Links reports whether the event is about links.
func (e *Event) Links() bool { return e.Computer == "" }

// Limits of events.
const (
	maxEvents = 1000
	// minEvery is the least time between two.
	minEvery = 10 * time.Millisecond
	minSpeed = 1e-3
	maxSlow  = 1e3 // the largest speed
)

func (events *Events) check() error {
	if len(*events) > maxEvents {
		return (*events)[0].Pos.Errorf("expected at most %d events, got %d", maxEvents, len(*events))
	}
	var errs []error
	for i := range *events {
		errs = append(errs, (*events)[i].check())
	}
	return yamlfile.Join(errs...)
}

func (e *Event) check() error {
	errs := []error{
		within(e.Pos.At("at"), "time", e.At, 0, MaxLoad),
		within(e.Pos.At("for"), "time", e.For, 0, MaxLoad),
		e.checkChange(),
	}

	switch {
	case e.Every != 0:
		errs = append(errs, within(e.Pos.At("every"), "time", e.Every, minEvery, MaxLoad))
	case e.Random:
		errs = append(errs, e.Pos.At("random").Errorf(
			"random is about how often; add every, the mean time between two"))
	}
	if e.Every > 0 && !e.Random && e.For >= e.Every {
		errs = append(errs, e.Pos.At("for").Errorf(
			"it begins again, every %v, before it is over, after %v", e.Every, e.For))
	}
	if e.Every > 0 && e.For == 0 {
		errs = append(errs, e.Pos.At("every").Errorf("what stays cannot be repeated; say for how long it lasts"))
	}
	return yamlfile.Join(errs...)
}

// checkChange checks that the event is about one thing, and says one that can become of
// it.
func (e *Event) checkChange() error {
	about, changes := 0, 0
	for _, given := range []bool{e.Link != nil, e.Direction != nil, e.Class != "", e.Computer != ""} {
		if given {
			about++
		}
	}
	for _, given := range []bool{e.Down, e.Set != (topology.Override{}), e.Stop, e.Speed != 0} {
		if given {
			changes++
		}
	}

	switch {
	case about != 1:
		return e.Pos.Errorf("expected one of link, direction, link-class and computer, got %d of them", about)
	case e.Link != nil && len(e.Link) != 2:
		return e.Pos.At("link").Errorf("expected two switches, got %d", len(e.Link))
	case e.Direction != nil && len(e.Direction) != 2:
		return e.Pos.At("direction").Errorf("expected two ends of a link, got %d", len(e.Direction))
	case changes != 1 && e.Links():
		return e.Pos.Errorf("expected one of down and set, got %d of them", changes)
	case changes != 1:
		return e.Pos.Errorf("expected one of stop and speed, got %d of them", changes)
	case e.Links() && (e.Stop || e.Speed != 0):
		return e.Pos.Errorf("stop and speed are of computers; links go down, or set parameters")
	case !e.Links() && !e.Stop && e.Speed == 0:
		return e.Pos.Errorf("down and set are of links; computers stop, or change their speed")
	case e.Speed != 0:
		return within(e.Pos.At("speed"), "speed", e.Speed, minSpeed, maxSlow)
	}
	return nil
}
