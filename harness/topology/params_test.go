package topology

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"edgebed/harness/fate"
	"edgebed/harness/network"
	"edgebed/nodes/units"
)

// shapedLink are parameters of a usual link.
func shapedLink() Params { return Params{Rate: 10 * units.Mbps, Delay: time.Millisecond, Queue: 1000} }

// TestParamsLimits: what is just within the limits of each parameter is right, and what is
// just beyond them is refused.
func TestParamsLimits(t *testing.T) {
	type changes []func(*Params)
	for name, tc := range map[string]struct {
		right, wrong changes
		want         string
	}{
		"rate": {
			changes{func(p *Params) { p.Rate = 0 }, func(p *Params) { p.Rate = MinRate }, func(p *Params) { p.Rate = MaxRate }},
			changes{func(p *Params) { p.Rate = MinRate - 1 }, func(p *Params) { p.Rate = MaxRate + 1 }, func(p *Params) { p.Rate = -1 }},
			"rate",
		},
		"queue": {
			changes{func(p *Params) { p.Queue = 1 }, func(p *Params) { p.Queue = maxQueue }},
			changes{func(p *Params) { p.Queue = 0 }, func(p *Params) { p.Queue = maxQueue + 1 }},
			"queue of",
		},
		"burst": {
			changes{func(p *Params) { p.Burst = Burst(Frame) }, func(p *Params) { p.Rate, p.CeilBurst = MaxRate, Burst(maxBurst) }},
			changes{func(p *Params) { p.Burst = Burst(Frame - 1) }, func(p *Params) { p.Rate, p.CeilBurst = MaxRate, Burst(maxBurst+1) }},
			"burst",
		},
		"time of a burst": {
			changes{func(p *Params) { p.Rate, p.Burst = 10*units.Kbps, 75_000 }},
			changes{func(p *Params) { p.Rate, p.Burst = 10*units.Kbps, 75_001 }},
			"takes over a minute",
		},
		"delay": {
			changes{func(p *Params) { p.Delay = 0 }, func(p *Params) { p.Delay = MaxDelay }},
			changes{func(p *Params) { p.Delay = -1 }, func(p *Params) { p.Delay = MaxDelay + 1 }},
			"delay",
		},
		"jitter": {
			changes{func(p *Params) { p.Jitter = p.Delay }},
			changes{func(p *Params) { p.Jitter = p.Delay + 1 }, func(p *Params) { p.Jitter = -1 }},
			"jitter",
		},
		"loss-burst": {
			changes{func(p *Params) { p.Loss, p.LossBurst = 0.1, 1 }, func(p *Params) { p.Loss, p.LossBurst = 0.1, maxLossBurst }},
			changes{func(p *Params) { p.Loss, p.LossBurst = 0.1, 0.9 }, func(p *Params) { p.Loss, p.LossBurst = 0.1, maxLossBurst+1 }},
			"loss-burst",
		},
		"queue-bytes": {
			changes{func(p *Params) { p.QueueBytes = Frame }, func(p *Params) { p.QueueBytes = maxQueueBytes }},
			changes{func(p *Params) { p.QueueBytes = Frame - 1 }, func(p *Params) { p.QueueBytes = maxQueueBytes + 1 }},
			"queue-bytes",
		},
		"red": {
			changes{
				func(p *Params) { p.Discipline, p.Queue = RED, 8 }, func(p *Params) { p.Discipline, p.QueueBytes = RED, 8*Frame },
				func(p *Params) { p.Discipline, p.QueueBytes = RED, maxQueueBytes },
			},
			changes{
				func(p *Params) { p.Discipline, p.Queue = RED, 7 }, func(p *Params) { p.Discipline, p.QueueBytes = RED, 8*Frame-1 },
				func(p *Params) { p.Discipline, p.QueueBytes = RED, maxQueueBytes+1 },
			},
			"for discipline red",
		},
		"codel": {
			changes{func(p *Params) { p.Discipline = CoDel }, func(p *Params) { p.Discipline = FQCoDel }},
			changes{func(p *Params) { p.Discipline, p.QueueBytes = CoDel, 10*Frame }},
			"counts packets",
		},
		"a discipline without a rate": {
			changes{func(p *Params) { p.Rate, p.Discipline = 0, Drop }, func(p *Params) { p.Rate = 0 }},
			changes{func(p *Params) { p.Rate, p.Discipline = 0, CoDel }},
			"give the link a rate",
		},
	} {
		for i, change := range tc.right {
			p := shapedLink()
			change(&p)
			if err := p.Validate(); err != nil {
				t.Errorf("%s, right %d: %v", name, i, err)
			}
		}
		for i, change := range tc.wrong {
			p := shapedLink()
			change(&p)
			if err := p.Validate(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s, wrong %d: %v, want an error with %q", name, i, err, tc.want)
			}
		}
	}
}

// TestFrame is that of Ethernet without its checksum.
func TestFrame(t *testing.T) {
	if small := (Params{MTU: 100}).Frame(); Frame != 1514 || (Params{}).Frame() != Frame || small != 114 {
		t.Errorf("frames of %d, %d and %d B, want 1514, 1514 and 114", Frame, (Params{}).Frame(), small)
	}
}

// TestLossInWords: what a link's text and the records' facts say of what happens to frames.
func TestLossInWords(t *testing.T) {
	channel := fate.GilbertElliott{P: 0.01, R: 0.25, Bad: 0.5, Good: 0}
	for name, tc := range map[string]struct {
		change func(*Params)
		words  string // in the link's text
		facts  string
		bursts bool
	}{
		"none":               {func(*Params) {}, "", "map[link-loss:0]", false},
		"losses":             {func(p *Params) { p.Loss = 0.01 }, ", loss 0.01", "map[link-loss:0.01]", false},
		"bursts of no loss":  {func(p *Params) { p.LossBurst = 4 }, "", "map[link-gilbert-elliott:0 0.25 1 0 link-loss:0]", true},
		"down":               {func(p *Params) { p.Loss, p.LossBurst = 1, 4 }, ", loss 1", "map[link-loss:1]", false},
		"duplicates":         {func(p *Params) { p.Duplicate = 0.02 }, ", duplicate 0.02", "map[link-duplicate:0.02 link-loss:0]", false},
		"corruption":         {func(p *Params) { p.Corrupt = 0.03 }, ", corrupt 0.03", "map[link-corrupt:0.03 link-loss:0]", false},
		"a channel":          {func(p *Params) { p.Bursts = channel }, ", loss 0.01923 (p 0.01, r 0.25, 1-h 0.5, 1-k 0)", "map[link-gilbert-elliott:0.01 0.25 0.5 0 link-loss:0.01923]", true},
		"a channel, down":    {func(p *Params) { p.Bursts, p.Loss = channel, 1 }, ", loss 1", "map[link-loss:1]", false},
		"reordered jitter":   {func(p *Params) { p.Jitter, p.JitterOrder = 1e5, Reorder }, ", jitter 100µs, reordered", "map[link-loss:0]", false},
		"jitter in sequence": {func(p *Params) { p.Jitter = 1e5 }, ", jitter 100µs", "map[link-loss:0]", false},
		"losses in bursts":   {func(p *Params) { p.Loss, p.LossBurst = 0.2, 4 }, ", loss 0.2 in bursts of 4", "map[link-gilbert-elliott:0.0625 0.25 1 0 link-loss:0.2]", true},
	} {
		p := shapedLink()
		tc.change(&p)
		if want := "10 Mb/s, 1ms" + tc.words + ", queue 1000, burst 1.514 kB"; p.String() != want {
			t.Errorf("%s: %q, want %q", name, p, want)
		}
		if got := fmt.Sprint(p.LossSettings()); got != tc.facts {
			t.Errorf("%s: facts %s, want %s", name, got, tc.facts)
		}
		if o := p.Odds(); (o.Bursts != fate.GilbertElliott{}) != tc.bursts || tc.bursts && o.Loss != 0 || !tc.bursts && o.Loss != float64(p.Loss) {
			t.Errorf("%s: the odds are %+v", name, o)
		}
	}
}

// TestAllInWords: a link's text tells every parameter that is changed, and its MTU.
func TestAllInWords(t *testing.T) {
	changes := map[string]string{
		"rate": "2 Mb/s", "delay": "3ms", "jitter": "300us", "jitter-order": "reorder", "loss": "0.2", "loss-burst": "3",
		"duplicate": "0.1", "corrupt": "0.1", "queue": "77", "queue-bytes": "20 kB", "discipline": "codel",
		"burst": "3 kB", "ceil-burst": "4 kB",
	}
	usual := shapedLink()
	usual.Jitter, usual.Loss = time.Millisecond/2, 0.01

	texts := map[string]string{usual.String(): "nothing"}
	tell := func(key string, p Params) {
		if other, said := texts[p.String()]; said {
			t.Errorf("%s: %q is told of %s, too", key, p, other)
		}
		texts[p.String()] = key
	}
	for _, key := range Parameters() {
		var o Override
		if err := o.Set(key, changes[key]); err != nil {
			t.Errorf("%s has no other value here: %v", key, err)
		}
		tell(key, o.Apply(usual))
	}

	channel, wide := usual, usual
	channel.Bursts, wide.MTU = fate.GilbertElliott{P: 0.01, R: 0.25, Bad: 0.5}, 9000
	tell("gilbert-elliott", channel)
	tell("mtu", wide)
}

// TestQueueInWords: a queue is so many packets, or so many bytes of frames, of a discipline.
func TestQueueInWords(t *testing.T) {
	packets, bytes := Params{Queue: 7}, Params{Queue: 7, QueueBytes: 15 * units.KB}
	if packets.QueueHolds(1500) != 7 || bytes.QueueHolds(1500) != 10 || packets.QueueLimit() != 7*Frame || bytes.QueueLimit() != 15*units.KB {
		t.Errorf("queues hold %d and %d frames, of %v and %v at most", packets.QueueHolds(1500), bytes.QueueHolds(1500),
			packets.QueueLimit(), bytes.QueueLimit())
	}
	for want, p := range map[string]Params{"7": packets, "15 kB": bytes, "7 codel": {Queue: 7, Discipline: CoDel},
		"15 kB red": {Queue: 7, QueueBytes: 15 * units.KB, Discipline: RED}, "8": {Queue: 8, Discipline: Drop}} {
		if got := p.queueText(); got != want {
			t.Errorf("%+v is %q, want %q", p, got, want)
		}
	}
}

// TestParamsNeed: a discipline is needed where there is a queue that it is of.
func TestParamsNeed(t *testing.T) {
	if rate := (Override{Rate: new(units.Mbps)}); rate.MayNeed() {
		t.Error("a rate may need what not every network can do")
	}
	for name, tc := range map[string]struct {
		p    Params
		want []network.Ability
	}{
		"a usual link":          {shapedLink(), nil},
		"fifo":                  {Params{Rate: 1, Discipline: Drop}, nil},
		"codel":                 {Params{Rate: 1, Discipline: CoDel}, []network.Ability{network.Disciplines}},
		"codel without a queue": {Params{Discipline: CoDel}, nil},
		"corruption":            {Params{Corrupt: 0.1}, []network.Ability{network.Corruption}},
	} {
		var got []network.Ability
		for _, need := range tc.p.Needs() {
			got = append(got, need.Ability)
			var o Override
			err := o.Set(need.Key, tc.p.Override().Text(need.Key))
			if err != nil || !o.MayNeed() {
				t.Errorf("%s: %s alone may need nothing (%v)", name, need.Key, err)
			}
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s needs %v, want %v", name, got, tc.want)
		}
		if err := tc.p.CanBe(network.Virtual()); (err == nil) != (len(tc.want) == 0) {
			t.Errorf("%s in virtual time: %v", name, err)
		}
		if err := tc.p.CanBe(network.Emulated()); err != nil {
			t.Errorf("%s, emulated: %v", name, err)
		}
	}
}
