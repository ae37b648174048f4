package record

import (
	"cmp"
	"slices"
	"time"
)

// SettingLoad is the key of Cell.Settings that says how clients begin executions,
// SettingBytes the one that says of what bytes are counted.
const (
	SettingLoad  = "load"
	SettingBytes = "bytes"
)

// BytesOfCell is what SettingBytes says where executions overlap.
const BytesOfCell = "of the cell: its executions overlap"

// Arrival says how an execution began whose cell is under load: others may run at the
// same time.
type Arrival struct {
	// Client is its host and, after a slash, its number in the cell, from 0.
	Client string `json:"client"`
	// Due is when the execution was to begin. Its delay counts from then.
	Due time.Time `json:"due"`
	// Group is that of the client, where clients are in groups.
	Group string `json:"group,omitempty"`
	// WaitedNS is how long after that it began.
	WaitedNS int64 `json:"waited_ns"`
}

// Load is what a cell under load came to: what its executions have in common.
type Load struct {
	Clients int `json:"clients"`
	// Started is when the clients began; events count from then.
	Started time.Time `json:"started"`
	// Began and Ended bound the measured time: warm-ups are due before it, and all
	// clients are at work in it.
	Began time.Time `json:"began"`
	Ended time.Time `json:"ended"`
	// Executions counts those that were measured, failed ones too, Failures the failed
	// ones by the stage at which they failed; refused ones never began.
	Executions int            `json:"executions"`
	Failures   map[string]int `json:"failures,omitempty"`
	// Throughput is how many executions ended well a second of the measured time.
	Throughput float64 `json:"throughput"`
	// Concurrency is how many executions were due and not over at a time: the mean over
	// the measured time, MostConcurrent the most at any time.
	Concurrency    float64 `json:"concurrency"`
	MostConcurrent int     `json:"most_concurrent"`
	// Traffic is that of all executions.
	Traffic Traffic `json:"traffic"`
	// Samples are what ports and computers showed over time; nil in records of an older
	// edgebed, and where executions were over at once.
	Samples *Samples `json:"samples,omitempty"`
}

// Samples are what switch ports and computers showed from time to time, until the last
// execution had ended.
type Samples struct {
	// AtNS are the times of the samples, from Load.Started.
	AtNS []int64 `json:"at_ns"`
	// Ports are those that anything left.
	Ports     []PortSamples     `json:"ports"`
	Computers []ComputerSamples `json:"computers"`
}

// PortSamples are those of a switch port.
type PortSamples struct {
	Name string `json:"name"`
	// SentBytes left the switch there since the sample before, QueuedBytes waited in the
	// port's queue.
	SentBytes   []int64 `json:"sent_bytes"`
	QueuedBytes []int64 `json:"queued_bytes"`
}

// ComputerSamples are those of a computer.
type ComputerSamples struct {
	Host string `json:"host"`
	// Running is how many calls were running, Waiting how many had arrived and waited for
	// one of the computer's threads, a worker, memory or a processor.
	Running []int `json:"running"`
	Waiting []int `json:"waiting"`
}

// Event is something that happened to a link or a computer while executions ran.
type Event struct {
	// At is when it took effect.
	At time.Time `json:"at"`
	// Index counts the scenario's events from 0.
	Index int `json:"index"`
	// What became of what, for instance "link s0-s1 is down".
	What string `json:"what"`
	// Over says that the event ended, and what it changed is as before.
	Over bool `json:"over,omitempty"`
}

// Traffic is what the executions of a cell under load put on the network, all of them
// together: warm-ups and failed ones, too.
type Traffic struct {
	Executions int `json:"executions"`
	// ElapsedNS is the time from when the first one was due until the last one ended.
	ElapsedNS int64 `json:"elapsed_ns"`
	// The rest is as in Execution.
	SwitchBytes     int64  `json:"switch_bytes"`
	SwitchPackets   int64  `json:"switch_packets"`
	TrunkBytes      int64  `json:"trunk_bytes"`
	TrunkPackets    int64  `json:"trunk_packets"`
	Drops           int64  `json:"drops"`
	Ports           []Port `json:"ports"`
	Retransmissions int64  `json:"retransmissions"`
	ActiveOpens     int64  `json:"active_opens"`
}

// Span is the time of an execution under load, from when it was due until it ended.
type Span struct {
	Due, End time.Time
	OK       bool
}

// Span returns the execution's, which must be of a cell under load.
func (e Execution) Span() Span {
	return Span{e.Arrival.Due, e.Arrival.Due.Add(time.Duration(e.DelayNS)), e.OK}
}

// Flow returns how many of the executions ended well in a time, and for how long all of
// them were under way in it, added up. Over its length both are throughput and
// concurrency.
func Flow(spans []Span, from, to time.Time) (ended int, underWay time.Duration) {
	for _, s := range spans {
		if s.OK && s.End.After(from) && !s.End.After(to) {
			ended++
		}
		begin, end := s.Due, s.End
		if begin.Before(from) {
			begin = from
		}
		if end.After(to) {
			end = to
		}
		underWay += max(0, end.Sub(begin))
	}
	return ended, underWay
}

// MostAtOnce returns how many of the executions were under way at the same time at most.
func MostAtOnce(spans []Span) int {
	type change struct {
		at time.Time
		by int
	}
	var changes []change
	for _, s := range spans {
		changes = append(changes, change{s.Due, 1}, change{s.End, -1})
	}
	// At one instant, who ends makes room for who begins.
	slices.SortFunc(changes, func(a, b change) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.by, b.by)) })

	now, most := 0, 0
	for _, c := range changes {
		now += c.by
		most = max(most, now)
	}
	return most
}

// UnderLoad returns what the cell came to as a whole; false where its executions ran
// alone, or it has not ended.
func (c CellResult) UnderLoad() (*Load, bool) {
	if c.End == nil || c.End.Load == nil {
		return nil, false
	}
	return c.End.Load, true
}

// withoutBytes hides in JSON what is not known of an execution beside others.
type withoutBytes struct {
	Execution

	CycleNS             *int64 `json:"cycle_ns,omitempty"`
	SwitchBytes         *int64 `json:"switch_bytes,omitempty"`
	SwitchPackets       *int64 `json:"switch_packets,omitempty"`
	TrunkBytes          *int64 `json:"trunk_bytes,omitempty"`
	TrunkPackets        *int64 `json:"trunk_packets,omitempty"`
	Drops               *int64 `json:"drops,omitempty"`
	Ports               []Port `json:"ports,omitempty"`
	Retransmissions     *int64 `json:"retransmissions,omitempty"`
	ActiveOpens         *int64 `json:"active_opens,omitempty"`
	PayloadBytes        *int64 `json:"payload_bytes,omitempty"`
	PayloadHopBytes     *int64 `json:"payload_hop_bytes,omitempty"`
	PredictedTrunkBytes *int64 `json:"predicted_trunk_bytes,omitempty"`
}
