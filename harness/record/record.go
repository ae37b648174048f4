// Package record holds the result files of a campaign: their types, writing
// and reading. A result folder's records.jsonl is append-only JSON lines: one
// Campaign, then per cell one Cell when it starts, one Execution for each
// execution as it ends, and one CellEnd. Everything downstream (statistics,
// figures, claims, gate) works from that file alone.
package record

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Version is the version of the record schema (Schema), which the first record
// of a file names. Within a version fields are added, never changed or removed:
// readers leave out those that they do not know, and those that an older edgebed
// did not write are zero, which their comments give a meaning. A new version comes
// where a reader that left the new out would be wrong; readers accept it and older
// ones, and refuse newer ones. Version 2 came with Cell.First and
// Execution.Findings, version 3 with cells under load, whose executions have no bytes
// of their own; records without such a cell have VersionAlone.
const (
	Version      = 3
	VersionAlone = 2
)

// Campaign is the first record of a file: what was asked, and of which machine.
type Campaign struct {
	Version  int    `json:"version"`
	Scenario string `json:"scenario"`
	Title    string `json:"title"`
	// ScenarioSHA256 is the hash of everything that decides the results: what the
	// scenario and the topology say beside titles, figures and claims. It does not
	// depend on how they are written.
	ScenarioSHA256 string `json:"scenario_sha256"`
	// Decides is what the hash is of, values by their place in the files; empty in
	// records of an older edgebed.
	Decides map[string]string `json:"decides,omitempty"`
	Profile string            `json:"profile"`
	// Network is what made the links; empty means emulated, as in records of an
	// edgebed that knew no other.
	Network NetworkKind `json:"network,omitempty"`
	// Parameters of the scenario as they were set for this campaign.
	Parameters map[string]string `json:"parameters,omitempty"`
	Started    time.Time         `json:"started"`
	// Command is the command line that started the campaign; empty in records of
	// an older edgebed.
	Command []string `json:"command,omitempty"`
	// Axes of the matrix, in the scenario's order.
	Axes []Axis `json:"axes"`
	// Figures that the scenario asks for.
	Figures []Figure `json:"figures"`
	// Claims of the scenario about the results.
	Claims []Claim `json:"claims,omitempty"`
	// Quantities are what programs of others measure, by metric (PROGRAM.NAME), with the
	// label of its axis.
	Quantities map[string]string `json:"quantities,omitempty"`
	// Cells and Executions are the planned numbers; Executions leaves out
	// warm-ups.
	Cells      int     `json:"cells"`
	Executions int     `json:"executions"`
	Machine    Machine `json:"machine"`
	// CalibrationNS is the time of a fixed piece of CPU work on the machine when
	// the campaign began (testbed.Calibrate), by which results of different machines are
	// compared; 0 where it was not measured.
	CalibrationNS int64 `json:"calibration_ns,omitempty"`
	Tool          Tool  `json:"tool"`
}

// NetworkKind is a way to make a network of hosts and links.
type NetworkKind string

// The networks.
const (
	// Emulated links are the kernel's: the reference.
	Emulated NetworkKind = "emulated"
	// Virtual links are computed, with the nodes on them, in virtual time.
	Virtual NetworkKind = "virtual"
)

// NetworkKinds lists what a scenario can ask for.
var NetworkKinds = []NetworkKind{Emulated, Virtual}

// On returns the network that made the records.
func (c Campaign) On() NetworkKind { return cmp.Or(c.Network, Emulated) }

// Variant is the reading of the paper that the campaign ran, such as "artifact" or
// "text": the scenario's parameter of that name, empty where it has none.
func (c Campaign) Variant() string { return c.Parameters["variant"] }

// Differs says, for people, in what the campaign and another one differ that
// decides their results.
func (c Campaign) Differs(now Campaign) string {
	switch {
	case c.Scenario != now.Scenario:
		return fmt.Sprintf("the scenario was %s and is %s", c.Scenario, now.Scenario)
	case c.Profile != now.Profile:
		return fmt.Sprintf("the profile was %s and is %s", c.Profile, now.Profile)
	case len(c.Decides) == 0:
		return "the records are of an older edgebed, which did not note what"
	}

	var list []string
	more := 0
	add := func(format string, args ...any) {
		if len(list) < mostDifferences {
			list = append(list, fmt.Sprintf(format, args...))
		} else {
			more++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Decides)) {
		switch is, ok := now.Decides[name]; {
		case !ok:
			add("%s was %s and is gone", name, c.Decides[name])
		case is != c.Decides[name]:
			add("%s was %s and is %s", name, c.Decides[name], is)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(now.Decides)) {
		if _, ok := c.Decides[name]; !ok {
			add("%s is new, %s", name, now.Decides[name])
		}
	}
	if more > 0 {
		list = append(list, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(list, ", ")
}

// mostDifferences is how many Differs lists.
const mostDifferences = 5

// Axis is one dimension of a scenario's matrix.
type Axis struct {
	// Name as in the scenario, for instance "rate".
	Name string `json:"name"`
	// Label for figures, for instance "Link rate".
	Label string `json:"label"`
	// Unit of the numbers, for instance "Mb/s"; empty for names.
	Unit   string   `json:"unit,omitempty"`
	Values []string `json:"values"`
}

// Coord is the value of a cell on one axis.
type Coord struct {
	Axis string `json:"axis"`
	// Value as written in the scenario, for instance "10 Mb/s".
	Value string `json:"value"`
	// Label for figures, for instance "StateProp"; empty means Value.
	Label string `json:"label,omitempty"`
	// Number is the value in the axis's unit; 0 where values are names.
	Number float64 `json:"number,omitempty"`
}

// Figure asks for one figure over the records.
type Figure struct {
	// Name of the files, for instance "fig17".
	Name string `json:"name" yaml:"name" required:"true"`
	// Title stands above the figure.
	Title string `json:"title" yaml:"title"`
	// Kind is one of FigureKinds.
	Kind string `json:"kind" yaml:"kind" required:"true"`
	// Metric is one of Metrics.
	Metric string `json:"metric" yaml:"metric" required:"true"`
	// X is the axis along the abscissa, Series the axis with one curve or bar
	// colour per value, Panels the axes with one plot per combination: the
	// first makes the columns, the second the rows.
	X      string   `json:"x" yaml:"x"`
	Series string   `json:"series" yaml:"series"`
	Panels []string `json:"panels,omitempty" yaml:"panels"`
	// Y is the axis along the ordinate of a heat map, whose colours are the metric.
	Y string `json:"y,omitempty" yaml:"y"`
	// At lists the ports, or the hosts of computers, that a timeline of samples shows; by
	// default those with most.
	At []string `json:"at,omitempty" yaml:"at"`
	// Of lists the values of Series to draw; where empty, all.
	Of []string `json:"of,omitempty" yaml:"of"`
	// Where keeps only cells with the given value on each named axis.
	Where map[string]string `json:"where,omitempty" yaml:"where"`
	// LogX and LogY choose logarithmic axes.
	LogX bool `json:"log_x,omitempty" yaml:"log-x"`
	LogY bool `json:"log_y,omitempty" yaml:"log-y"`
	// LogZ spreads the colours of a heat map over the logarithm of the metric.
	LogZ bool `json:"log_z,omitempty" yaml:"log-z"`
}

// Machine is where a campaign ran.
type Machine struct {
	Kernel string `json:"kernel"`
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	// MemoryBytes is the machine's memory.
	MemoryBytes int64 `json:"memory_bytes"`
	// Privileged is false where the emulation ran in a user namespace.
	Privileged bool `json:"privileged"`
}

// Tool is what ran.
type Tool struct {
	Version string `json:"version"`
	// Commit of the source, with "+dirty" where the tree had changes.
	Commit string `json:"commit"`
	Go     string `json:"go"`
}

// Cell is one point of the matrix with one seed, written when it starts.
type Cell struct {
	// ID is stable over runs of one scenario, for instance
	// "variant=artifact/rate=10 Mb/s/model=pure-faas/seed=1".
	ID    string  `json:"id"`
	Point []Coord `json:"point"`
	Seed  uint64  `json:"seed"`
	// Executions planned, without warm-ups.
	Executions int `json:"executions"`
	// First is not 0 where the worker goes on with an attempt at the cell that was
	// stopped: executions before it are that attempt's and count.
	First   int       `json:"first,omitempty"`
	Started time.Time `json:"started"`
	// Settings are the facts of the emulation that could move a curve: delay
	// back end, congestion control, burst, queue, sysctls, offloads.
	Settings map[string]string `json:"settings"`
	// Network is what the cell was built of; nil in records of an older edgebed.
	Network *Network `json:"network,omitempty"`
	// Files is the folder beside the records that holds what this attempt left there:
	// logs of programs, captures. Empty where there is none.
	Files string `json:"files,omitempty"`
}

// Execution is one run of one workflow.
type Execution struct {
	Cell string `json:"cell"`
	// Index counts from 0 within the cell; warm-ups have negative indices.
	Index  int  `json:"index"`
	WarmUp bool `json:"warm_up,omitempty"`
	// Workload is the name or hash of the workflow, the same in every model
	// and at every rate: comparisons pair on it.
	Workload string    `json:"workload"`
	Started  time.Time `json:"started"`
	// DelayNS is from the client's first byte out to its last byte in.
	DelayNS int64 `json:"delay_ns"`
	// CycleNS is the time from one execution to the next: what a traffic rate
	// divides by, as a client that runs back to back would show it. The cell's
	// setting "cycle" says what it is made of; the testbed's own wait for the last
	// frames is not in it.
	CycleNS int64  `json:"cycle_ns"`
	OK      bool   `json:"ok"`
	Reason  string `json:"reason,omitempty"`
	// Hops as the last response reports it; PTimeMS is the sum of processing
	// times reported to the client, 0 for the asynchronous models.
	Hops    int   `json:"hops"`
	PTimeMS int64 `json:"ptime_ms"`
	// SwitchBytes counts every frame once per switch traversed, including the
	// port to the receiving host (the paper's traffic); TrunkBytes counts
	// switch-to-switch ports only. All headers from Ethernet up are included.
	SwitchBytes   int64 `json:"switch_bytes"`
	SwitchPackets int64 `json:"switch_packets"`
	TrunkBytes    int64 `json:"trunk_bytes"`
	TrunkPackets  int64 `json:"trunk_packets"`
	Drops         int64 `json:"drops"`
	// Ports holds the bytes that each switch port sent and received.
	Ports []Port `json:"ports"`
	// Retransmissions and ActiveOpens are TCP's counters over all hosts.
	Retransmissions int64 `json:"retransmissions"`
	ActiveOpens     int64 `json:"active_opens"`
	// PayloadBytes is what the model must move between hosts for this
	// workflow: arguments and states, no protocol overhead.
	PayloadBytes int64 `json:"payload_bytes"`
	// PayloadHopBytes is PayloadBytes with each transfer multiplied by the
	// number of switch-to-switch links on its path.
	PayloadHopBytes int64 `json:"payload_hop_bytes"`
	// PredictedTrunkBytes is what TrunkBytes should be by calculation: the
	// transfers with the headers and connections that they need.
	// It, PayloadBytes and PayloadHopBytes are 0 where they are not known
	// beforehand: a function that several computers serve, states that stay
	// where an earlier execution left them.
	PredictedTrunkBytes int64 `json:"predicted_trunk_bytes"`
	// Table1Bytes is the paper's Table 1 for this workflow and model: payload
	// between hosts, for state-local an upper bound. 0 in records that an older
	// edgebed wrote.
	Table1Bytes int64 `json:"table1_bytes,omitempty"`
	// Bound is the least that DelayNS can be; nil where it is not known
	// beforehand (see PredictedTrunkBytes) and in records of an older edgebed.
	Bound *Bound `json:"bound,omitempty"`
	// Findings are those of the cell's audit up to here: what counts if the
	// attempt is stopped now, so that no CellEnd follows.
	Findings []Finding `json:"findings,omitempty"`
	// Arrival is set where the cell is under load. Then CycleNS, bytes, packets,
	// drops, ports, retransmissions, opened connections, what was predicted and Bound
	// are not known of a single execution, and not in its record.
	Arrival *Arrival `json:"arrival,omitempty"`
	// Quantities are what programs of others measured during the execution, by metric
	// (PROGRAM.NAME): the means of their samples.
	Quantities map[string]float64 `json:"quantities,omitempty"`
	// Programs are those that ran once in this execution, which then is theirs.
	Programs []Program `json:"programs,omitempty"`
	// Captures are the files with its frames.
	Captures []Capture `json:"captures,omitempty"`
}

// Capture is a file with the frames of a port during one execution.
type Capture struct {
	Port string `json:"port"`
	// File is its name in the folder of Cell.Files. A file of an older execution may have
	// had to make room.
	File string `json:"file"`
	// Frames and Bytes are what was captured, in both directions.
	Frames int64 `json:"frames"`
	Bytes  int64 `json:"bytes"`
	// Lost came too fast to be captured; LeftOut had no room in the file.
	Lost    int64 `json:"lost,omitempty"`
	LeftOut int64 `json:"left_out,omitempty"`
}

// Bound is the least time that an execution can take, by cause, along its
// critical path: the messages and computations, each of which waits for the one
// before, that end last. Transfers are taken not to delay each other.
type Bound struct {
	// SerialisationNS is the payload, with the headers of its frames, at the rate
	// of the slowest link on its way, less what an idle link passes at once (its
	// burst and the frame that begins within).
	SerialisationNS int64 `json:"serialisation_ns"`
	// PropagationNS is the links' delay of each message.
	PropagationNS int64 `json:"propagation_ns"`
	// ComputingNS is the functions' service times.
	ComputingNS int64 `json:"computing_ns"`
	// SetUpNS is the links' delay of opening connections, two round trips each:
	// TCP's handshake, and the server's HTTP/2 settings.
	SetUpNS int64 `json:"set_up_ns"`
}

// DeliveredBytes counts what switches sent to hosts: every frame once, however
// many switches it crossed.
func (e Execution) DeliveredBytes() int64 { return e.SwitchBytes - e.TrunkBytes }

// Port is the traffic of one switch port during one execution. Tx leaves the
// switch.
type Port struct {
	Name      string `json:"name"`
	TxBytes   int64  `json:"tx_bytes"`
	TxPackets int64  `json:"tx_packets"`
	RxBytes   int64  `json:"rx_bytes"`
	RxPackets int64  `json:"rx_packets"`
}

// CellEnd closes a cell.
type CellEnd struct {
	Cell  string    `json:"cell"`
	Ended time.Time `json:"ended"`
	// OK means that every execution of the cell was made; Reason says why not.
	OK     bool   `json:"ok"`
	Reason string `json:"reason,omitempty"`
	// BusyCPU is the share of the machine's CPU time in use while the cell
	// ran, by anyone: 0 to 1.
	BusyCPU float64 `json:"busy_cpu"`
	// Audit says whether the cell's emulation was faithful; nil in records of an
	// edgebed that did not look.
	Audit *Audit `json:"audit,omitempty"`
	// Load is set where the cell was under load.
	Load *Load `json:"load,omitempty"`
	// Events that took effect, in their order.
	Events []Event `json:"events,omitempty"`
	// Captures are the files with the frames of a cell under load.
	Captures []Capture `json:"captures,omitempty"`
	// Programs are those that ran beside the executions.
	Programs []Program `json:"programs,omitempty"`
	// Limits say what hosts with a limit had of the machine's processors.
	Limits []HostLimit `json:"limits,omitempty"`
}

// HostLimit is what everything on a host with a limit had of the machine's processors, from the
// first execution of the cell to its end.
type HostLimit struct {
	Host string `json:"host"`
	// CPU is the limit: so many processors' time.
	CPU float64 `json:"cpu"`
	// UsedNS is the processors' time that was used, 0 where the kernel does not count it.
	UsedNS int64 `json:"used_ns,omitempty"`
	// Periods are the tenths of a second in which something on the host wanted to run, Throttled
	// those of them in which the host's share was not enough; it was then held up for
	// ThrottledNS altogether, summed over processors.
	Periods     int   `json:"periods"`
	Throttled   int   `json:"throttled"`
	ThrottledNS int64 `json:"throttled_ns"`
}

// Program is how a program of others ended.
type Program struct {
	Name string `json:"name"`
	Host string `json:"host"`
	// Code is its exit code, 128 and the signal where one ended it, -1 where it could not
	// be started.
	Code int `json:"code"`
	// Stopped says that it was ended because it was not needed any more.
	Stopped bool `json:"stopped,omitempty"`
	// Restarts is how often it was started again.
	Restarts int `json:"restarts,omitempty"`
	// Reason says why the kernel ended it: "memory limit".
	Reason string `json:"reason,omitempty"`
	// TookNS is from its start to its end.
	TookNS int64 `json:"took_ns"`
}

// Verdict says whether an emulation did what the scenario says.
type Verdict string

const (
	// Faithful: every check of the audit passed.
	Faithful Verdict = "faithful"
	// Exact: the network was computed in virtual time, which nothing can disturb.
	Exact Verdict = "exact"
	// Disturbed: at least one did not; Findings say which.
	Disturbed Verdict = "disturbed"
)

// Audit is what a cell's audit found.
type Audit struct {
	Verdict Verdict `json:"verdict"`
	// Findings are the checks that failed; none if the verdict is faithful.
	Findings []Finding `json:"findings,omitempty"`
	// Measures holds the number of every check that was made, by its name, in
	// the unit that the name ends with, for instance "timer-lag-p99-us".
	Measures map[string]float64 `json:"measures,omitempty"`
	// Neighbours is the largest number of other cells of the campaign that ran
	// at the same time.
	Neighbours int `json:"neighbours"`
}

// Finding is one check that failed.
type Finding struct {
	// Check is its name, for instance "link-rate".
	Check string `json:"check"`
	// Where it failed: a link and direction, or empty for the whole machine.
	Where string `json:"where,omitempty"`
	// Value was measured, in Unit; Limit is the threshold that it crossed.
	Value float64 `json:"value"`
	Limit float64 `json:"limit"`
	Unit  string  `json:"unit"`
}

// String says what was found, for instance "link-rate s0-s1: -5 % off (limit -2)".
func (f Finding) String() string {
	where := ""
	if f.Where != "" {
		where = " " + f.Where
	}
	return fmt.Sprintf("%s%s: %v %s (limit %v)", f.Check, where, f.Value, f.Unit, f.Limit)
}
