package job

import (
	"iter"
	"time"

	"edgebed/harness/load"
	"edgebed/harness/scenario"
	"edgebed/nodes/deploy"
	"edgebed/nodes/workflow"
	"edgebed/nodes/yamlfile"
)

// Arrival is an execution of an open loop.
type Arrival struct {
	load.Arrival
	// Index counts from 0; warm-ups come before.
	Index int
}

// Arrivals yields the executions of an open loop by the times at which they are due.
func (j *Job) Arrivals() iter.Seq[Arrival] {
	return func(yield func(Arrival) bool) {
		l := &j.Cell.Load
		warmUps := j.Cell.Execution.Discard
		if l.WarmUp > 0 {
			warmUps = j.inTime.warmUps
		}
		k := -warmUps
		for a := range j.due() {
			if l.Duration == 0 && k >= j.Executions() || l.Duration > 0 && a.Due >= l.WarmUp+l.Duration {
				return
			}
			if !yield(Arrival{a, k}) {
				return
			}
			k++
		}
	}
}

// due yields the arrivals of an open loop; none where the process is a mistake, which the
// scenario's check tells.
func (j *Job) due() iter.Seq[load.Arrival] {
	shape := j.Cell.Load.Shape()
	if process, _ := j.Cell.Load.How(); process == scenario.Trace {
		shape = j.Recorded
	}
	if shape == nil {
		return func(func(load.Arrival) bool) {}
	}
	return load.Merged(shape, j.Cell.Clients.Number(), j.Cell.Seed)
}

// readArrivals reads the trace of a load that has one, and notes what it says among what
// decides results.
func (j *Job) readArrivals(
	find func(name string) (data []byte, file string, err error), decides map[string]string,
) error {
	name := j.Cell.Load.Arrivals.File
	if name == "" {
		return nil
	}
	at := j.Cell.Load.Pos.At("arrivals")
	data, file, err := find(name)
	if err == nil {
		data, err = yamlfile.Text(file, data)
	}
	if err != nil {
		return at.Errorf("%w", err)
	}
	j.Recorded, err = load.ReadCSV(file, data, load.Limits{
		Clients: j.Cell.Clients.Number(), Arrivals: scenario.MaxExecutions, Last: scenario.MaxLoad,
	})
	if err != nil {
		return at.Errorf("%w", err)
	}
	decides["arrivals "+name] = digest(data)
	return nil
}

// countDue notes how many executions are due in the load's times, in a closed loop
// about how many.
func (j *Job) countDue() {
	l := &j.Cell.Load
	if l.Duration+l.WarmUp == 0 {
		return
	}
	if _, loop := l.How(); loop == scenario.Closed {
		j.inTime.likely = j.likely()
		return
	}
	for a := range j.due() {
		switch {
		case j.inTime.warmUps+j.inTime.measured > scenario.MaxExecutions:
			return // the scenario's check says so
		case a.Due < l.WarmUp:
			j.inTime.warmUps++
		case a.Due < l.WarmUp+l.Duration:
			j.inTime.measured++
		default:
			return
		}
	}
}

// dueInTime returns how many executions are measured in the load's duration; 0 in a
// closed loop, where nobody knows.
func (j *Job) dueInTime() int { return j.inTime.measured }

// list is after how many executions the workflows repeat that warm-ups run; those of a
// cell that ends by time do not repeat.
func (j *Job) list() int {
	if j.Cell.Load.Duration > 0 {
		return scenario.MaxExecutions
	}
	return j.Cell.Executions
}

// looked returns how many executions to look at beforehand, up to a limit: as many as
// there are, or the limit where that is not known.
func (j *Job) looked(limit int) int {
	n := len(j.Given)
	if n == 0 {
		n = j.list()
	}
	return min(n, limit)
}

// Client returns the host of a client, numbered from 0.
func (j *Job) Client(number int) string { return j.Cell.Clients.Host(number, j.Cell.Nodes.Client) }

// GroupOf returns the name of a client's group, empty without groups.
func (j *Job) GroupOf(number int) string {
	if g := j.Cell.Clients.Group(number); g >= 0 {
		return j.Cell.Clients.Groups[g].Name
	}
	return ""
}

// Outstanding returns how many executions of one client may be under way.
func (j *Job) Outstanding() int {
	if _, loop := j.Cell.Load.How(); loop == scenario.Closed {
		return 1
	}
	if n := j.Cell.Load.Outstanding; n > 0 {
		return n
	}
	return max(1, min(usualOutstanding, deploy.MaxClients/j.clientsOnHost()))
}

// usualOutstanding is the limit where the file gives none.
const usualOutstanding = 100

// clientsOnHost is the largest number of clients that share a host.
func (j *Job) clientsOnHost() int {
	on := map[string]int{}
	most := 1
	for k := range j.Cell.Clients.Number() {
		on[j.Client(k)]++
		most = max(most, on[j.Client(k)])
	}
	return most
}

// checkLoad checks what a load needs of the rest of the job.
func (j *Job) checkLoad() error {
	if j.Cell.Alone() {
		return nil
	}
	c, l := &j.Cell.Clients, &j.Cell.Load
	var errs []error
	_, loop := l.How()
	errs = append(errs, j.programsUnderLoad())

	if n := c.Number(); loop == scenario.Closed && l.Duration == 0 && j.Executions() < n {
		errs = append(errs, c.Pos.At("count").Errorf("%d clients share %d executions, so that some have none; "+
			"raise the profile's executions, or give load a duration", n, j.Executions()))
	}
	if n := j.Recorded.Number(); l.Duration == 0 && j.Recorded != nil && n < j.Executions()+j.Cell.Execution.Discard {
		errs = append(errs, l.Pos.At("arrivals").Errorf("the trace has %d arrivals, fewer than the profile's "+
			"executions, %d; lower them, or give load a duration", n, j.Executions()+j.Cell.Execution.Discard))
	}
	if loop == scenario.Open && l.Duration > 0 && j.Executions() == 0 {
		errs = append(errs, l.Pos.At("duration").Errorf("no execution is due in %v with seed %d; make it longer",
			l.Duration, j.Cell.Seed))
	}
	if n := j.clientsOnHost() * j.Outstanding(); n > deploy.MaxClients {
		errs = append(errs, l.Pos.At("outstanding").Errorf("%d executions of %d clients on one host may be "+
			"under way; expected at most %d on a host", n, j.clientsOnHost(), deploy.MaxClients))
	}
	return yamlfile.Join(errs...)
}

// loadTime is about how long a job takes under load, where one execution alone takes
// so long.
func (j *Job) loadTime(each time.Duration) time.Duration {
	l := &j.Cell.Load
	if l.Duration > 0 {
		return l.WarmUp + l.Duration + each
	}
	all := time.Duration(j.Executions() + j.Cell.Execution.Discard)
	if j.Recorded != nil {
		return j.Recorded.Last() + each
	}
	if _, loop := l.How(); loop == scenario.Closed {
		return all * (each + j.thinkTime()) / time.Duration(j.Cell.Clients.Number())
	}
	return l.Until(float64(all) / float64(j.Cell.Clients.Number()))
}

// thinkTime is the mean time from an answer to a client's next execution, in a closed
// loop.
func (j *Job) thinkTime() time.Duration {
	if rate := j.Cell.Load.Rate; rate > 0 {
		return rate.Mean()
	}
	return j.Cell.Execution.Pause
}

// likely is about how many executions a closed loop makes in the load's times.
func (j *Job) likely() int {
	l := &j.Cell.Load
	cycle := max(mean(j, j.undisturbed())+j.thinkTime(), time.Millisecond)
	return min(scenario.MaxExecutions, j.Cell.Clients.Number()*int(1+(l.WarmUp+l.Duration)/cycle))
}

// mean returns the mean of what over the job's first executions.
func mean[T ~int64](j *Job, what func(*workflow.Workflow, *workflow.Prediction) T) T {
	const looked = 20
	total, n := 0.0, 0
	for k := range looked {
		w, err := j.Workflow(k)
		if err != nil {
			continue
		}
		p, _, err := j.Predict(w.Workflow, nil)
		if err != nil {
			p = &workflow.Prediction{}
		}
		total += float64(what(w.Workflow, p))
		n++
	}
	return T(total / float64(max(1, n)))
}
