package load

import (
	"container/heap"
	"iter"
	"math"
	"math/rand/v2"
	"time"
)

// Process gives the times between the arrivals of one client.
type Process interface {
	// Next returns the time from the last arrival, or from the start, to the next
	// one. It is false where there is none.
	Next() (time.Duration, bool)
}

// Shape is a kind of process with its parameters.
type Shape interface {
	// Of returns the process of a client, numbered from 0, out of so many, drawn by
	// a seed.
	Of(client, clients int, seed uint64) Process
}

// Periodic arrivals come every so often. The clients are spread evenly over an
// interval, so that they do not all arrive at once.
type Periodic struct{ Every time.Duration }

// Of implements Shape.
func (p Periodic) Of(client, clients int, _ uint64) Process {
	return &periodic{first: p.Every * time.Duration(client) / time.Duration(clients), every: p.Every}
}

type periodic struct {
	first, every time.Duration
	begun        bool
}

// Next implements Process.
func (p *periodic) Next() (time.Duration, bool) {
	if !p.begun {
		p.begun = true
		return p.first, true
	}
	return p.every, true
}

// Poisson arrivals are independent of each other; Mean is the mean time between two.
type Poisson struct{ Mean time.Duration }

// Of implements Shape.
func (p Poisson) Of(client, _ int, seed uint64) Process {
	return &poisson{mean: p.Mean, random: randomOf(client, seed)}
}

type poisson struct {
	mean   time.Duration
	random *rand.Rand
}

// Next implements Process.
func (p *poisson) Next() (time.Duration, bool) { return exponential(p.random, p.mean), true }

// Interrupted arrivals are Poisson's while the client is on, with Mean between two;
// then it is off. On and Off are the means of both times, which are exponential; a
// client is on at first.
type Interrupted struct{ Mean, On, Off time.Duration }

// Of implements Shape.
func (i Interrupted) Of(client, _ int, seed uint64) Process {
	p := &interrupted{Interrupted: i, random: randomOf(client, seed)}
	p.left = exponential(p.random, i.On)
	return p
}

type interrupted struct {
	Interrupted
	random *rand.Rand
	left   time.Duration // of the time that the client is on
}

// Next implements Process. What is left of an interval when the client goes off is
// forgotten: exponential times have no memory.
func (p *interrupted) Next() (time.Duration, bool) {
	var passed time.Duration
	for {
		next := exponential(p.random, p.Mean)
		if next <= p.left {
			p.left -= next
			return passed + next, true
		}
		passed += p.left + exponential(p.random, p.Off)
		p.left = exponential(p.random, p.On)
	}
}

// Ramp is a process of one arrival a second on average, such as Poisson or Periodic with
// that mean, whose rate goes linearly From one To another, in arrivals a second, Over a
// time, and stays there.
type Ramp struct {
	Unit     Shape
	From, To float64
	Over     time.Duration
}

// Of implements Shape. A Poisson process whose time is stretched so that its rate
// follows a course is the inhomogeneous one of that course (Lewis and Shedler 1979).
func (r Ramp) Of(client, clients int, seed uint64) Process {
	return &ramp{Ramp: r, unit: r.Unit.Of(client, clients, seed)}
}

// Expected returns how many arrivals are expected up to a time.
func (r Ramp) Expected(until time.Duration) float64 {
	t, over := until.Seconds(), r.Over.Seconds()
	if t >= over {
		return over*(r.From+r.To)/2 + (t-over)*r.To
	}
	return t * (r.From + t/over*(r.To-r.From)/2)
}

// Until returns when so many arrivals are expected: the inverse of Expected.
func (r Ramp) Until(arrivals float64) time.Duration {
	over := r.Over.Seconds()
	onRamp := over * (r.From + r.To) / 2
	seconds := over + (arrivals-onRamp)/r.To
	if arrivals < onRamp {
		// The root of a parabola, in the form that loses no digits where it is flat.
		slope := (r.To - r.From) / over
		seconds = 2 * arrivals / (r.From + math.Sqrt(max(0, r.From*r.From+2*slope*arrivals)))
	}
	if seconds >= math.MaxInt64/1e9 {
		return math.MaxInt64
	}
	return time.Duration(seconds * float64(time.Second))
}

type ramp struct {
	Ramp
	unit    Process
	arrived time.Duration // of the process of one arrival a second
	last    time.Duration
}

// Next implements Process.
func (r *ramp) Next() (time.Duration, bool) {
	next, ok := r.unit.Next()
	r.arrived += next
	at := r.Until(r.arrived.Seconds())
	gap := at - r.last
	r.last = at
	return gap, ok
}

// Recorded arrivals are those of a trace, by client; a client that the trace does
// not have has none. Each list is in order.
type Recorded [][]time.Duration

// Of implements Shape.
func (r Recorded) Of(client, _ int, _ uint64) Process {
	if client >= len(r) {
		return &recorded{}
	}
	return &recorded{times: r[client]}
}

// Number returns how many arrivals there are.
func (r Recorded) Number() int {
	n := 0
	for _, times := range r {
		n += len(times)
	}
	return n
}

// Last returns when the last one is.
func (r Recorded) Last() time.Duration {
	last := time.Duration(0)
	for _, times := range r {
		if len(times) > 0 {
			last = max(last, times[len(times)-1])
		}
	}
	return last
}

type recorded struct {
	times []time.Duration
	last  time.Duration
}

// Next implements Process.
func (r *recorded) Next() (time.Duration, bool) {
	if len(r.times) == 0 {
		return 0, false
	}
	next := r.times[0] - r.last
	r.last, r.times = r.times[0], r.times[1:]
	return next, true
}

// stream tells the generators of arrivals from others with the same seed.
const stream = 0x6c6f6164 // "load"

func randomOf(client int, seed uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, stream<<32+uint64(client)))
}

// exponential draws a time with the given mean.
func exponential(random *rand.Rand, mean time.Duration) time.Duration {
	return time.Duration(random.ExpFloat64() * float64(mean))
}

// Arrival is one arrival of a client.
type Arrival struct {
	// Due is when, from the start.
	Due time.Duration
	// Client is its number, from 0.
	Client int
}

// Merged yields the arrivals of all clients by their times, and of those of one time
// by client, without end unless the processes have one.
func Merged(shape Shape, clients int, seed uint64) iter.Seq[Arrival] {
	return func(yield func(Arrival) bool) {
		var next queue
		for client := range clients {
			process := shape.Of(client, clients, seed)
			if due, ok := process.Next(); ok {
				next = append(next, pending{Arrival{due, client}, process})
			}
		}
		heap.Init(&next)

		for len(next) > 0 {
			first := next[0]
			if !yield(first.Arrival) {
				return
			}
			after, ok := first.process.Next()
			if !ok {
				heap.Pop(&next)
				continue
			}
			next[0].Due += after
			heap.Fix(&next, 0)
		}
	}
}

// pending is the next arrival of a client.
type pending struct {
	Arrival
	process Process
}

// queue is a heap.Interface with the earliest arrival first.
type queue []pending

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].Due < q[j].Due || q[i].Due == q[j].Due && q[i].Client < q[j].Client
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(pending)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	out := (*q)[last]
	*q = (*q)[:last]
	return out
}
