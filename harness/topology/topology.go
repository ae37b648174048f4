package topology

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"edgebed/harness/fate"
	"edgebed/nodes/units"
	"edgebed/nodes/yamlfile"
)

// Frame is the largest frame on a link of a network with the DefaultMTU: with the
// Ethernet header. Rates, bursts and counters include that header, and no
// preamble, checksum or gap.
const Frame units.Size = DefaultMTU + header

// header is Ethernet's.
const header = 14

// DefaultMTU of networks, and its limits: what IPv4 hosts must take (RFC 1122), and
// jumbo frames.
const (
	DefaultMTU = 1500
	minMTU     = 576
	maxMTU     = 9000
)

// DefaultQueue is the queue limit of a shaped link where the topology names
// none, in packets. It is Mininet's default, and the prototype's.
const DefaultQueue = 1000

// MinRate and MaxDelay bound the links: MaxDelay also the jitter.
const (
	MinRate  = 8 * units.Kbps
	MaxDelay = time.Hour
)

// Limits of link parameters.
const (
	MaxRate  = 30 * units.Gbps // above, HTB needs another message
	maxQueue = 1 << 20
	maxBurst = 64 * units.MB

	// MaxPorts of a switch: what a Linux bridge takes.
	MaxPorts = 1023
	// maxParts bounds switches, hosts and links each, so that paths are found in
	// moments.
	maxParts = 5000
)

// Topology describes a network: switches, hosts attached to them, and links
// between switches. Host links are unshaped, as in the prototype, unless they are
// given parameters.
type Topology struct {
	// Version of the file format: 1, also where it is left out.
	Version int `yaml:"version"`
	// Name of the topology, a short one.
	Name string `yaml:"name" required:"true"`
	// Description says in a sentence what it is.
	Description string `yaml:"description"`
	// Subnet that all hosts are in; IPv4, 10.1.0.0/16 by default.
	Subnet netip.Prefix `yaml:"subnet"`
	// Mode says what switches do: switched, the default, or routed.
	Mode Mode `yaml:"mode" json:",omitzero"`
	// MTU is the largest IP packet, in bytes with its headers, on all links that have no
	// other one: 576 to 9000, 1500 by default.
	MTU int `yaml:"mtu" json:",omitzero"`
	// IPv6 says whether hosts have an address of that family, too: true or false. By default
	// they do in networks of up to 256 hosts whose mtu is 1280 or more.
	IPv6 *bool `yaml:"ipv6" json:",omitzero"`
	// Switches by name.
	Switches []string `yaml:"switches" required:"true"`
	// Hosts, each attached to a switch.
	Hosts []HostSpec `yaml:"hosts" required:"true"`
	// Classes are named sets of link parameters.
	Classes map[string]Class `yaml:"link-classes"`
	// Links between switches.
	Links []LinkSpec `yaml:"links"`

	pos   yamlfile.Pos // where errors point to; zero if made by a program
	wrong bool         // its file has mistakes: what is missing may be one of them
}

// HostSpec is one host: a machine with an interface, eth0, which its keys describe, or
// with several.
type HostSpec struct {
	// Name of the host.
	Name string `yaml:"name" required:"true"`
	// Address in the subnet, by default the lowest that no host has.
	Address netip.Addr `yaml:"address"`
	// Switch that the host is attached to.
	Switch string `yaml:"switch" required:"true"`
	// MTU of the host, by default its class's or the network's.
	MTU int `yaml:"mtu" json:",omitzero"`
	// Class gives the parameters of the host's access link, from the host and back; empty
	// means an unshaped link.
	Class string `yaml:"class" json:",omitzero"`
	// Uplink and Downlink override the class for the direction from the host to its
	// switch, and back.
	Uplink   Override `yaml:"uplink" json:",omitzero"`
	Downlink Override `yaml:"downlink" json:",omitzero"`
	// Also are further interfaces of the host: eth1 and so on, up to 16 with the first one.
	Also []InterfaceSpec `yaml:"also" json:",omitzero"`
}

// HasAccess reports whether the access link of the host's first interface has parameters.
func (h HostSpec) HasAccess() bool { return h.Interface(0).HasAccess() }

// LinkSpec is one full-duplex link between two switches, which may have several.
type LinkSpec struct {
	// Between names the two switches.
	Between [2]string `yaml:"between" required:"true"`
	// Class gives the parameters of both directions; empty means the defaults.
	Class string `yaml:"class"`
	// MTU of the link, by default its class's or the network's.
	MTU int `yaml:"mtu" json:",omitzero"`
	// Forward and Reverse override the class for one direction: from the first
	// switch to the second, and back.
	Forward Override `yaml:"forward"`
	Reverse Override `yaml:"reverse"`
}

// Class is a named set of link parameters: those of both directions, and what differs
// in one.
type Class struct {
	Override `yaml:",inline"`
	// MTU of the links, and of hosts with such an access link, by default the network's.
	MTU int `yaml:"mtu" json:",omitzero"`
	// Forward and Reverse override the rest for one direction: from the first switch
	// of a link to the second, or from a host to its switch; and back.
	Forward Override `yaml:"forward" json:",omitzero"`
	Reverse Override `yaml:"reverse" json:",omitzero"`
}

// Merge returns c with the parameters that by has.
func (c Class) Merge(by Class) Class {
	return Class{
		c.Override.Merge(by.Override), cmp.Or(by.MTU, c.MTU), c.Forward.Merge(by.Forward), c.Reverse.Merge(by.Reverse),
	}
}

// directions returns the parameters of both directions, over the defaults of p.
func (c Class) directions(p Params) [2]Params {
	both := c.Apply(p)
	return [2]Params{c.Forward.Apply(both), c.Reverse.Apply(both)}
}

// Override is a set of link parameters of which each may be absent. It is what
// files and scenarios write; Params is what results.
type Override struct {
	// Rate of the link; 0 or absent means unshaped.
	Rate *units.Rate `yaml:"rate"`
	// Delay of propagation.
	Delay *time.Duration `yaml:"delay"`
	// Jitter spreads the delay evenly over delay-jitter to delay+jitter.
	Jitter *time.Duration `yaml:"jitter"`
	// JitterOrder says what jitter does to the order of frames: fifo, the default,
	// keeps it, reorder does not.
	JitterOrder *JitterOrder `yaml:"jitter-order"`
	// Loss is the probability that a frame is lost, each by itself unless LossBurst says
	// otherwise.
	Loss *Loss `yaml:"loss"`
	// LossBurst is the mean number of frames that are lost in a row, 1 to 1e6 (Gilbert's
	// channel): Loss stays the share of all frames, LossBurst/(LossBurst+1) at most, as a
	// frame arrives between two bursts. 0 means that frames are lost independently.
	LossBurst *float64 `yaml:"loss-burst" json:",omitzero"`
	// GilbertElliott loses frames in bursts by a channel's four parameters, in place of
	// Loss.
	GilbertElliott *GilbertElliott `yaml:"gilbert-elliott" json:",omitzero"`
	// Duplicate is the probability that a frame arrives twice.
	Duplicate *Loss `yaml:"duplicate" json:",omitzero"`
	// Corrupt is the probability that a bit of a frame is flipped. Only netem can do
	// that; TCP takes it for a loss.
	Corrupt *Loss `yaml:"corrupt" json:",omitzero"`
	// Queue is the limit of the queue in front of the rate, in packets. An
	// unshaped link has no queue.
	Queue *int `yaml:"queue"`
	// QueueBytes is the limit in bytes of frames, in place of the one in packets; 0 means
	// that packets count.
	QueueBytes *units.Size `yaml:"queue-bytes" json:",omitzero"`
	// Discipline says which frames the queue drops: fifo, the default, those for
	// which there is no room.
	Discipline *Discipline `yaml:"discipline" json:",omitzero"`
	// Burst and CeilBurst are how much an idle link passes at once: the sizes
	// of HTB's two token buckets, of which the smaller one holds (tc: burst and
	// cburst).
	Burst     *Burst `yaml:"burst"`
	CeilBurst *Burst `yaml:"ceil-burst"`
}

// Params are the parameters of one direction of a link.
type Params struct {
	Rate          units.Rate
	Delay, Jitter time.Duration
	// JitterOrder is empty for FIFO where nothing was said.
	JitterOrder JitterOrder
	// Loss is of each frame by itself where LossBurst is 0; Bursts are in place of both.
	Loss               Loss
	LossBurst          float64
	Bursts             fate.GilbertElliott
	Duplicate, Corrupt Loss
	// Queue limit in packets, or in bytes where QueueBytes is not 0.
	Queue      int
	QueueBytes units.Size
	// Discipline is empty for a FIFO where nothing was said.
	Discipline       Discipline
	Burst, CeilBurst Burst
	// MTU of both directions; 0 is the default.
	MTU int
}

// Frame returns the largest frame on the link.
func (p Params) Frame() units.Size { return units.Size(p.Packet() + header) }

// Packet returns the largest IP packet on the link, in bytes.
func (p Params) Packet() int { return cmp.Or(p.MTU, DefaultMTU) }

// Bucket returns the size of one of the link's token buckets.
func (p Params) Bucket(b Burst) units.Size {
	if b != 0 {
		return units.Size(b)
	}
	return max(p.Frame(), p.Rate.Per(500*time.Microsecond))
}

// BurstSize is how much the idle link passes at once: the smaller of its buckets.
func (p Params) BurstSize() units.Size { return min(p.Bucket(p.Burst), p.Bucket(p.CeilBurst)) }

// burstText describes the token buckets, both where they differ.
func (p Params) burstText() string {
	one, other := p.Bucket(p.Burst), p.Bucket(p.CeilBurst)
	if one == other {
		return one.String()
	}
	return fmt.Sprintf("%v, ceil-burst %v", one, other)
}

// AtLeast returns the least time from the first to the last of so many bytes of
// frames on the link: what exceeds the burst, and the frame that HTB begins with
// the burst's last byte, waits for the rate.
func (p Params) AtLeast(size units.Size) time.Duration {
	return p.Rate.Time(max(0, size-p.BurstSize()-p.Frame()))
}

// JitterOrder is what jitter does to the order of a link's frames.
type JitterOrder string

const (
	// FIFO lets no frame leave before the one in front of it: a queue of changing
	// length on the way, which is what most networks are. Where frames follow each
	// other more closely than the jitter their mean delay is above the link's, as
	// each waits for the slowest in front.
	FIFO JitterOrder = "fifo"
	// Reorder gives each frame the delay that it drew, whatever that does to its
	// place: parallel ways. It is what netem does by itself; TCP takes more
	// than two overtaking frames for a loss.
	Reorder JitterOrder = "reorder"
)

// UnmarshalText reads "fifo" or "reorder".
func (o *JitterOrder) UnmarshalText(text []byte) error {
	return parseWord(o, "jitter-order", text, FIFO, Reorder)
}

// parseWord sets to to a text that is one of the valid words.
func parseWord[T ~string](to *T, what string, text []byte, valid ...T) error {
	if !slices.Contains(valid, T(text)) {
		words := make([]string, len(valid))
		for i, v := range valid {
			words[i] = string(v)
		}
		return fmt.Errorf("parse %s %q: expected %s", what, text, strings.Join(words, " or "))
	}
	*to = T(text)
	return nil
}

// Loss is a probability from 0 to 1, written "0.01" or "1 %".
type Loss float64

// UnmarshalText reads "0.01" or "1 %".
func (l *Loss) UnmarshalText(text []byte) error {
	number, percent := strings.CutSuffix(strings.TrimSpace(string(text)), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if percent {
		v /= 100
	}
	if err != nil || math.IsNaN(v) || v < 0 || v > 1 {
		return fmt.Errorf("parse probability %q: expected one like 0.01 or 1 %%", text)
	}
	*l = Loss(v)
	return nil
}

// MarshalText writes the probability as a number.
func (l Loss) MarshalText() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(l), 'g', -1, 64), nil
}

// Burst is the size of a link's token bucket: what an idle link passes at once,
// before the rate holds. The zero Burst is automatic.
//
// It is a compromise. A transfer after idle time is early by burst/rate, so that
// the bucket should be small; but below about half a millisecond's worth the
// kernel's timers are too coarse to keep up the rate (measured: -0.5 % at 100
// Mb/s with one frame). Automatic is the larger of one frame and 0.5 ms at the
// link's rate.
//
// HTB has two buckets, one for a class's rate and one for its ceiling. A link's
// are equal, so the smaller bucket holds. Mininet, and with it the prototype's
// experiments, sets burst to 15 kB and leaves tc's default of about 1.6 kB for
// the other one: its links pass 1.6 kB at once, not 15 kB. Burst alone does the
// same here; only with both is an idle link's first burst larger.
type Burst units.Size

// UnmarshalText reads "auto" or a size.
func (b *Burst) UnmarshalText(text []byte) error {
	if string(text) == "auto" {
		*b = 0
		return nil
	}
	size, err := units.ParseSize(string(text))
	if err != nil {
		return fmt.Errorf("parse burst %q: expected auto or a size like 15 kB", text)
	}
	*b = Burst(size)
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (b Burst) MarshalText() ([]byte, error) {
	if b == 0 {
		return []byte("auto"), nil
	}
	return units.Size(b).MarshalText()
}

// Apply returns p with the parameters that o has.
func (o Override) Apply(p Params) Params {
	set(&p.Rate, o.Rate)
	set(&p.Delay, o.Delay)
	set(&p.Jitter, o.Jitter)
	set(&p.JitterOrder, o.JitterOrder)
	set(&p.Loss, o.Loss)
	set(&p.LossBurst, o.LossBurst)
	if o.GilbertElliott != nil {
		p.Bursts = o.GilbertElliott.channel()
	}
	set(&p.Duplicate, o.Duplicate)
	set(&p.Corrupt, o.Corrupt)
	set(&p.Queue, o.Queue)
	set(&p.QueueBytes, o.QueueBytes)
	set(&p.Discipline, o.Discipline)
	set(&p.Burst, o.Burst)
	set(&p.CeilBurst, o.CeilBurst)
	return p
}

// Merge returns o with the parameters that by has.
func (o Override) Merge(by Override) Override {
	over(&o.Rate, by.Rate)
	over(&o.Delay, by.Delay)
	over(&o.Jitter, by.Jitter)
	over(&o.JitterOrder, by.JitterOrder)
	over(&o.Loss, by.Loss)
	over(&o.LossBurst, by.LossBurst)
	over(&o.GilbertElliott, by.GilbertElliott)
	over(&o.Duplicate, by.Duplicate)
	over(&o.Corrupt, by.Corrupt)
	over(&o.Queue, by.Queue)
	over(&o.QueueBytes, by.QueueBytes)
	over(&o.Discipline, by.Discipline)
	over(&o.Burst, by.Burst)
	over(&o.CeilBurst, by.CeilBurst)
	return o
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func over[T any](to **T, from *T) {
	if from != nil {
		*to = from
	}
}

// Override returns what gives a link just these parameters.
func (p Params) Override() Override {
	return Override{
		Rate: &p.Rate, Delay: &p.Delay, Jitter: &p.Jitter, JitterOrder: &p.JitterOrder,
		Loss: &p.Loss, LossBurst: &p.LossBurst, GilbertElliott: ofChannel(p.Bursts),
		Duplicate: &p.Duplicate, Corrupt: &p.Corrupt,
		Queue: &p.Queue, QueueBytes: &p.QueueBytes, Discipline: &p.Discipline,
		Burst: &p.Burst, CeilBurst: &p.CeilBurst,
	}
}

// Validate returns what is wrong with the parameters.
func (p Params) Validate() error {
	switch {
	case p.Rate != 0 && (p.Rate < MinRate || p.Rate > MaxRate):
		return fmt.Errorf("rate %v is out of range: expected %v to %v, or 0 b/s for unshaped", p.Rate, MinRate, MaxRate)
	case p.Queue < 1 || p.Queue > maxQueue:
		return fmt.Errorf("queue of %d packets is out of range: expected 1 to %d", p.Queue, maxQueue)
	}
	if err := p.validateQueue(); err != nil {
		return err
	}

	for _, b := range []Burst{p.Burst, p.CeilBurst} {
		switch {
		case b != 0 && (units.Size(b) < p.Frame() || units.Size(b) > maxBurst):
			return fmt.Errorf("burst %v is out of range: expected auto, or one frame of %d B to %v",
				units.Size(b), p.Frame(), maxBurst)
		case p.Rate > 0 && p.Rate.Time(p.Bucket(b)) > time.Minute:
			return fmt.Errorf("burst %v takes over a minute at %v: make it smaller", p.Bucket(b), p.Rate)
		}
	}

	switch {
	case p.Delay < 0 || p.Delay > MaxDelay:
		return fmt.Errorf("check delay %v: want 0s to %v", p.Delay, MaxDelay)
	case p.Jitter < 0 || p.Jitter > p.Delay:
		return fmt.Errorf("check jitter %v: want 0s to the delay of %v", p.Jitter, p.Delay)
	}
	return p.validateLoss()
}

// String describes the parameters, for instance
// "10 Mb/s, 1ms, queue 1000, burst 1.514 kB": those of every link, and of the others all
// that are not the usual ones and do something.
func (p Params) String() string {
	var parts []string
	if p.Rate > 0 {
		parts = append(parts, p.Rate.String())
	} else {
		parts = append(parts, "unshaped")
	}
	parts = append(parts, p.Delay.String())
	if p.Jitter > 0 {
		parts = append(parts, "jitter "+p.Jitter.String())
		if p.JitterOrder == Reorder {
			parts = append(parts, "reordered")
		}
	}
	parts = append(parts, p.lossParts()...)
	if p.Rate > 0 {
		parts = append(parts, "queue "+p.queueText(), "burst "+p.burstText())
	}
	if p.Packet() != DefaultMTU {
		parts = append(parts, fmt.Sprintf("mtu %d", p.Packet()))
	}
	return strings.Join(parts, ", ")
}

// Parse reads a topology file and validates it. Errors name the file,
// line and column, and the nearest valid name where one is unknown.
func Parse(filename string, data []byte) (*Topology, error) {
	doc, err := yamlfile.Parse(filename, data)
	if err != nil {
		return nil, err
	}
	t := &Topology{Version: 1, pos: doc.Pos(nil)}
	err = doc.Decode(t)
	t.wrong = err != nil
	if !t.wrong {
		t.complete()
	}
	if err := yamlfile.Beyond(err, t.Check()); err != nil {
		return nil, err
	}
	return t, nil
}

// DefaultSubnet is the subnet of hosts where none is named: the prototype's.
func DefaultSubnet() netip.Prefix { return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, 0, 0}), 16) }

// Inline makes a topology of parts that stand in another file, at pos, where errors
// point to. Version, subnet and addresses that the parts lack have their defaults.
func Inline(parts Topology, pos yamlfile.Pos) (*Topology, error) {
	t := parts.Clone()
	t.Version, t.pos = 1, pos
	t.complete()
	if err := t.Check(); err != nil {
		return nil, err
	}
	return t, nil
}

// Check returns all that is wrong with a network that is to be built: what Validate and CheckIPv6
// find, and where that is nothing what CheckMTUs finds, which whoever changes several things asks last.
func (t *Topology) Check() error {
	err := t.Validate()
	if sixErr := t.CheckIPv6(); sixErr != nil && checkMTU(t.MTU) == nil {
		err = yamlfile.Join(err, t.pos.At("ipv6").Errorf("%w", sixErr))
	}
	if err != nil {
		return err
	}

	var errs []error
	for _, narrow := range t.CheckMTUs() {
		at := t.PlaceOfMTU(narrow.Link)
		if at == (yamlfile.Pos{}) {
			errs = append(errs, fmt.Errorf("link %s: %w", t.Places().Name(narrow.Link, 0), narrow))
			continue
		}
		errs = append(errs, at.Errorf("%w", narrow))
	}
	return yamlfile.Join(errs...)
}

// complete gives the topology a subnet, and interfaces without an address the lowest ones
// that are free: the first ones of all hosts before others.
func (t *Topology) complete() {
	if !t.Subnet.IsValid() {
		t.Subnet = DefaultSubnet()
	}

	taken := map[netip.Addr]bool{}
	for f := range t.Interfaces() {
		taken[f.Address] = true
	}

	next := t.Subnet.Addr()
	for f := range t.Interfaces() {
		if f.Address.IsValid() {
			continue
		}
		// Beyond the last address there is the invalid one, which Validate refuses.
		for next = next.Next(); next.IsValid() && taken[next]; {
			next = next.Next()
		}
		f.Address = next
		t.Hosts[f.HostIndex].SetInterface(f.Number, f.InterfaceSpec)
	}
}

// Digest returns hexadecimal digits that depend on what the network is: not on the
// way its file is written, nor on its description.
func (t *Topology) Digest() string {
	same := *t
	same.Description = ""
	// Names, numbers and their lists always marshal; maps in the order of keys.
	text, _ := json.Marshal(same)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// Clone returns a copy that can be changed without changing t.
func (t *Topology) Clone() *Topology {
	c := *t
	c.Switches, c.Hosts, c.Links = slices.Clone(t.Switches), slices.Clone(t.Hosts), slices.Clone(t.Links)
	c.Classes = maps.Clone(t.Classes)
	for i := range c.Hosts {
		c.Hosts[i].Also = slices.Clone(c.Hosts[i].Also)
	}
	return &c
}

// SetClass changes the parameters of a link class that by has. Overrides of
// single links stay on top. The topology is unchanged if an error is returned.
func (t *Topology) SetClass(name string, by Class) error {
	class, ok := t.Classes[name]
	if !ok {
		return fmt.Errorf("set link class: unknown class %q in topology %s%s",
			name, t.Name, yamlfile.Suggest(name, slices.Collect(maps.Keys(t.Classes))))
	}
	if err := checkMTU(by.MTU); err != nil {
		return fmt.Errorf("set link class %s: %w", name, err)
	}
	changed := t.Clone()
	changed.Classes[name] = class.Merge(by)
	for _, l := range changed.AllLinks() {
		if l.Class != name {
			continue
		}
		for _, p := range changed.Directions(l) {
			if err := p.Validate(); err != nil {
				return fmt.Errorf("set link class %s on link %s-%s: %w", name, l.Between[0], l.Between[1], err)
			}
		}
	}
	t.Classes = changed.Classes
	return nil
}

// SetLink changes the parameters of one direction of a link that o has, as SetLinks does.
func (t *Topology) SetLink(from, to string, o Override) error {
	return t.SetLinks(Change{From: from, To: to, Override: o})
}

// Change is what one direction of a link is to get: between two switches, or of a host's
// access link.
type Change struct {
	From, To string
	Override
}

// SetLinks changes the parameters that the changes have of directions of links. Later calls
// of SetClass keep them. The topology is unchanged if an error is returned.
func (t *Topology) SetLinks(changes ...Change) error {
	changed := t.Clone()
	for _, c := range changes {
		if err := changed.change(c); err != nil {
			return fmt.Errorf("change link %s-%s: %w", c.From, c.To, err)
		}
	}
	t.Links, t.Hosts = changed.Links, changed.Hosts
	return nil
}

// change makes a change in place, also one that is an error.
func (t *Topology) change(c Change) error {
	direction, err := t.direction(c.From, c.To)
	if err != nil {
		return err
	}
	*direction = direction.Merge(c.Override)

	p, err := t.Params(c.From, c.To)
	if err != nil {
		return err
	}
	return p.Validate()
}

// direction returns what overrides the class of a link in one direction.
func (t *Topology) direction(from, to string) (*Override, error) {
	i, dir, err := t.Link(from, to)
	if err != nil {
		return nil, err
	}
	if i < len(t.Links) {
		return [...]*Override{&t.Links[i].Forward, &t.Links[i].Reverse}[dir], nil
	}

	for f := range t.accesses() {
		if f.Link != i {
			continue
		}
		if f.Number > 0 {
			also := &t.Hosts[f.HostIndex].Also[f.Number-1]
			return [...]*Override{&also.Uplink, &also.Downlink}[dir], nil
		}
		h := &t.Hosts[f.HostIndex]
		return [...]*Override{&h.Uplink, &h.Downlink}[dir], nil
	}
	return nil, fmt.Errorf("topology %s has no link %s-%s", t.Name, from, to)
}

// defaults are the parameters of a link with an MTU and a class that has none of its own.
func (t *Topology) defaults(mtu int, class string) Params {
	return Params{Queue: DefaultQueue, MTU: t.givenMTU(mtu, class)}
}

// Frame returns the largest frame on the network's links.
func (t *Topology) Frame() units.Size { return Params{MTU: t.LargestMTU()}.Frame() }

// Directions returns the parameters of a link's two directions: forward, reverse.
func (t *Topology) Directions(l LinkSpec) [2]Params {
	both := t.Classes[l.Class].directions(t.defaults(l.MTU, l.Class))
	return [2]Params{l.Forward.Apply(both[0]), l.Reverse.Apply(both[1])}
}

// Params returns the parameters of the direction from one switch to another
// that it has a link to, or of an access link from a host to its switch, or back.
func (t *Topology) Params(from, to string) (Params, error) {
	i, dir, err := t.Link(from, to)
	if err != nil {
		return Params{}, err
	}
	return t.Directions(t.AllLinks()[i])[dir], nil
}

// Host returns the host of the given name.
func (t *Topology) Host(name string) (HostSpec, bool) {
	i := slices.IndexFunc(t.Hosts, func(h HostSpec) bool { return h.Name == name })
	if i < 0 {
		return HostSpec{}, false
	}
	return t.Hosts[i], true
}

// Other returns the switch at the other end of a link.
func (l LinkSpec) Other(end string) string {
	if l.Between[0] == end {
		return l.Between[1]
	}
	return l.Between[0]
}

// validName is what switches and hosts may be called, className what link classes may.
var (
	validName = regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9_. -]{0,30}[A-Za-z0-9_])?$`)
	className = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,31}$`)
)

// Validate checks what a file's grammar cannot: names, addresses, references,
// ranges and connectedness. It reports all errors together. What hosts send through the
// network is not looked at: see Check.
func (t *Topology) Validate() error {
	var errs []error
	fail := func(path yamlfile.Path, format string, args ...any) {
		errs = append(errs, t.pos.At(path...).Errorf(format, args...))
	}

	if t.Version != 1 {
		fail(yamlfile.Path{"version"}, "unknown version %d; expected 1", t.Version)
	}
	if t.Name == "" {
		fail(yamlfile.Path{"name"}, "expected a name")
	}

	if err := checkMTU(t.MTU); err != nil {
		fail(yamlfile.Path{"mtu"}, "%w", err)
		return yamlfile.Join(errs...) // frames, and with them bursts and queues, depend on it
	}

	// What follows visits every part, so too many of them are refused first.
	interfaces := 0
	for _, h := range t.Hosts {
		interfaces += len(h.switches())
	}
	for part, n := range map[string]int{
		"switches": len(t.Switches), "hosts": interfaces, "links": len(t.Links), "link-classes": len(t.Classes),
	} {
		if n > maxParts {
			fail(yamlfile.Path{part}, "expected at most %d, got %d", maxParts, n)
		}
	}
	if len(errs) > 0 {
		return yamlfile.Join(errs...)
	}

	ports, full := map[string]int{}, map[string]bool{}
	if t.IsRouted() {
		ports = t.RouterPorts() // more than a bridge has, with so many parallel links
	}
	called := map[string][2]string{} // the ends of ports, as counters and captures call them
	port := func(path yamlfile.Path, at, toward string) {
		ends, name := [2]string{at, toward}, PortName(at, toward, "")
		if other, ok := called[name]; ok && other != ends {
			fail(path, "two ports would be called %s; rename a switch or a host", name)
		}
		called[name] = ends

		if ports[at]++; ports[at] > MaxPorts && !full[at] {
			full[at] = true
			fail(path, "switch %s would have more than %d ports, which is all that a bridge has; "+
				"spread hosts and links over more switches", at, MaxPorts)
		}
	}

	names := map[string]string{}
	name := func(path yamlfile.Path, kind, name string) {
		if !validName.MatchString(name) {
			fail(path, "%q is not a name; expected a letter and up to 31 letters, digits, _, -, dots or blanks, "+
				"with a letter, a digit or _ at the end", name)
		} else if other := names[name]; other != "" {
			fail(path, "the name %s is taken by a %s", name, other)
		}
		names[name] = kind
	}

	if len(t.Switches) == 0 {
		fail(yamlfile.Path{"switches"}, "expected at least one switch")
	}
	switches := map[string]bool{}
	for i, s := range t.Switches {
		switches[s] = true
		name(yamlfile.Path{"switches", i}, "switch", s)
	}

	known := func(path yamlfile.Path, s string) bool {
		if switches[s] {
			return true
		}
		fail(path, "unknown switch %q%s", s, yamlfile.Suggest(s, t.Switches))
		return false
	}

	subnetOK := t.Subnet.IsValid() && t.Subnet.Addr().Is4() && t.Subnet == t.Subnet.Masked() && t.Subnet.Bits() <= 30
	if !subnetOK && !(t.wrong && !t.Subnet.IsValid()) {
		fail(yamlfile.Path{"subnet"},
			"%v is not an IPv4 subnet with room for hosts; expected something like 10.1.0.0/16", t.Subnet)
	}

	if len(t.Hosts) == 0 {
		fail(yamlfile.Path{"hosts"}, "expected at least one host")
	}

	for i, h := range t.Hosts {
		name(yamlfile.Path{"hosts", i, "name"}, "host", h.Name)
		if n := len(h.switches()); n > MaxInterfaces {
			fail(yamlfile.Path{"hosts", i, "also"}, "host %s has %d interfaces; expected at most %d", h.Name, n,
				MaxInterfaces)
		}
	}

	addresses := map[netip.Addr]string{}
	for f := range t.Interfaces() {
		place := slices.Clip(f.place())
		known(append(place, "switch"), f.Switch)
		port(append(place, "switch"), f.Switch, f.Host)

		at := append(place, "address")
		if !f.Address.IsValid() && t.wrong {
			continue
		}
		if other, ok := addresses[f.Address]; ok {
			fail(at, "the address %v is taken by host %s", f.Address, other)
		} else if subnetOK && !t.Subnet.Contains(f.Address) {
			fail(at, "the address %v is outside the subnet %v", f.Address, t.Subnet)
		} else if subnetOK && (f.Address == t.Subnet.Addr() || f.Address == broadcast(t.Subnet)) {
			fail(at, "the address %v is the subnet's own or its broadcast address", f.Address)
		}
		addresses[f.Address] = f.Host
	}

	wrong := map[string]bool{} // classes, so that their links do not repeat it
	for class := range t.Classes {
		if !className.MatchString(class) {
			fail(yamlfile.Path{"link-classes", class},
				"%q is not a name; expected a letter and up to 31 letters, digits or underscores", class)
		}
		for _, p := range t.Classes[class].directions(t.defaults(0, class)) {
			if err := p.Validate(); err != nil {
				fail(yamlfile.Path{"link-classes", class}, "%w", err)
				wrong[class] = true
				break
			}
		}
		if err := checkMTU(t.Classes[class].MTU); err != nil {
			fail(yamlfile.Path{"link-classes", class, "mtu"}, "%w", err)
		}
	}

	// parameters checks the directions of a link whose overrides have the given keys.
	parameters := func(path yamlfile.Path, l LinkSpec, keys [2]string) {
		if err := checkMTU(l.MTU); err != nil {
			fail(append(slices.Clip(path), "mtu"), "%w", err)
			return
		}
		if _, ok := t.Classes[l.Class]; l.Class != "" && !ok {
			fail(slices.Concat(path, yamlfile.Path{"class"}), "unknown link class %q%s", l.Class,
				yamlfile.Suggest(l.Class, slices.Collect(maps.Keys(t.Classes))))
			return
		}
		for dir, p := range t.Directions(l) {
			if wrong[l.Class] {
				break
			}
			if err := p.Validate(); err != nil {
				fail(slices.Concat(path, yamlfile.Path{keys[dir]}), "%w", err)
				break
			}
		}
	}
	for f := range t.Interfaces() {
		if f.HasAccess() || f.MTU != 0 {
			parameters(f.place(), f.link(f.Host), uplinks)
		}
	}

	for i, l := range t.Links {
		okA := known(yamlfile.Path{"links", i, "between", 0}, l.Between[0])
		okB := known(yamlfile.Path{"links", i, "between", 1}, l.Between[1])

		switch {
		case okA && okB && l.Between[0] == l.Between[1]:
			fail(yamlfile.Path{"links", i, "between"}, "switch %s is linked to itself", l.Between[0])
		case okA && okB:
			port(yamlfile.Path{"links", i, "between", 0}, l.Between[0], l.Between[1])
			port(yamlfile.Path{"links", i, "between", 1}, l.Between[1], l.Between[0])
		}

		parameters(yamlfile.Path{"links", i}, l, [2]string{"forward", "reverse"})
	}

	// Between wrong switches and links there are no paths to look for.
	if len(errs) == 0 {
		for _, i := range t.cutOff() {
			fail(yamlfile.Path{"switches", i},
				"switch %s has no path to switch %s; link them", t.Switches[i], t.Switches[0])
		}
	}
	return yamlfile.Join(errs...)
}

// cutOff returns the switches without a path to the first one, unless they are a network
// beside it that hosts are in with further interfaces, and with none of their first ones.
func (t *Topology) cutOff() []int {
	g := t.graph()
	apart := g.toward(0).hops
	if !slices.Contains(apart, -1) {
		return nil
	}

	const (
		first = 1 << iota
		further
	)
	has := make([]int, len(t.Switches))
	for f := range t.Interfaces() {
		if f.Number == 0 {
			has[g.index[f.Switch]] |= first
		} else {
			has[g.index[f.Switch]] |= further
		}
	}

	var cut []int
	for i, hops := range apart {
		if hops != -1 {
			continue
		}
		part, all := g.toward(i).nearest, 0
		for _, s := range part {
			all |= has[s]
		}
		for _, s := range part {
			apart[s] = 0 // it is looked at once
		}
		if all != further {
			cut = append(cut, part...)
		}
	}
	slices.Sort(cut)
	return cut
}

// broadcast returns the last address of an IPv4 subnet.
func broadcast(subnet netip.Prefix) netip.Addr {
	a := subnet.Addr().As4()
	host := uint32(1)<<(32-subnet.Bits()) - 1
	binary.BigEndian.PutUint32(a[:], binary.BigEndian.Uint32(a[:])|host)
	return netip.AddrFrom4(a)
}
