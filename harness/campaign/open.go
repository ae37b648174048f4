package campaign

import (
	"errors"
	"fmt"
	"os"
	"time"

	"edgebed/harness/job"
	"edgebed/harness/record"
	"edgebed/harness/scenario"
)

// Header returns the first record of a campaign that starts now on this machine.
// The caller adds its command line and the machine's calibration.
func Header(plan *scenario.Plan, p *job.Prepared) record.Campaign {
	header := record.Campaign{
		Version:        record.VersionAlone,
		Scenario:       plan.Scenario.Name,
		Title:          plan.Scenario.Title,
		ScenarioSHA256: p.Hash,
		Profile:        plan.Profile,
		Decides:        p.Decides,
		Parameters:     plan.Parameters,
		Started:        time.Now(),
		Axes:           plan.Axes,
		Figures:        plan.Scenario.Figures,
		Claims:         plan.Scenario.Claims,
		Quantities:     plan.Scenario.Quantities(),
		Cells:          len(p.Jobs),
		Machine:        record.MachineInfo(),
		Tool:           record.ToolInfo(),
	}

	for _, j := range p.Jobs {
		header.Executions += j.Executions()
		if !j.Cell.Alone() {
			header.Version = record.Version
		}
	}
	return header
}

// OpenOptions say how to open a result folder.
type OpenOptions struct {
	// Resume goes on with what the folder holds; otherwise it must hold nothing.
	Resume bool
	// Reruns is how often a disturbed cell is run again, as in Options.
	Reruns int
	// Whole says that a cell begins at its first execution again: what ran before
	// in its network belongs to it.
	Whole bool
}

// Opened is a result folder with what there is still to do.
type Opened struct {
	// Writer has the header written. The caller closes it.
	Writer *record.Writer
	// Jobs are those that are not settled, each from its first missing execution
	// where it can be divided.
	Jobs []job.Job
	// Disturbed says how often cells were disturbed before, for Options.
	Disturbed map[string]int
}

// Open makes the result folder dir for the jobs of a new campaign, or goes on with
// a stopped one, if there is one in it, and writes the header. It refuses to resume
// what another version of the scenario has begun.
func Open(dir string, header record.Campaign, jobs []job.Job, o OpenOptions) (*Opened, error) {
	if !o.Resume {
		return begin(dir, header, jobs)
	}
	old, err := record.Read(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return begin(dir, header, jobs)
	case errors.Is(err, record.ErrNoCampaign):
		// Stopped before its first record was whole.
		return proceed(dir, header, &Opened{Jobs: jobs})
	case err != nil:
		return nil, err
	}

	if n := len(old.Altered); n > 0 {
		return nil, fmt.Errorf("resume %s: lines of its records that were changed after they were written: %d "+
			"(edgebed fsck says what can be saved)", dir, n)
	}

	c := old.Campaign
	if c.ScenarioSHA256 != header.ScenarioSHA256 || c.Scenario != header.Scenario || c.Profile != header.Profile {
		return nil, fmt.Errorf("resume %s: it holds %s, profile %s, and what decides its results has changed: %s; "+
			"choose another --out",
			dir, c.Scenario, c.Profile, c.Differs(header))
	}
	if c.On() != header.On() {
		return nil, fmt.Errorf("resume %s: it holds results of the %s network, not the %s one; "+
			"choose another --out or --network %s",
			dir, c.On(), header.On(), c.On())
	}

	return proceed(dir, header, missing(old, header, jobs, o))
}

// missing returns what the results lack of the jobs.
func missing(old *record.Results, header record.Campaign, jobs []job.Job, o OpenOptions) *Opened {
	before := map[string]record.CellResult{}
	for _, cell := range old.Cells {
		before[cell.Cell.ID] = cell
	}
	// A cell is not put together from parts of different machines or builds.
	same := !old.Mixed && old.Campaign.Machine == header.Machine && old.Campaign.Tool == header.Tool

	todo := &Opened{Disturbed: map[string]int{}}
	for _, j := range jobs {
		cell := before[j.Cell.ID]
		if Settled(cell, o.Reruns) {
			continue
		}
		todo.Disturbed[j.Cell.ID] = cell.DisturbedAttempts
		if n := cell.Stopped(); same && !o.Whole && n > 0 && j.Divisible() {
			j.First = n
		}
		todo.Jobs = append(todo.Jobs, j)
	}
	return todo
}

// begin opens a folder without records.
func begin(dir string, header record.Campaign, jobs []job.Job) (*Opened, error) {
	w, err := record.Create(dir)
	if err != nil {
		return nil, err
	}
	return headed(w, header, &Opened{Jobs: jobs})
}

// proceed opens a folder that has records. Its header is written again: it says on
// which machine, and by which build, this part ran.
func proceed(dir string, header record.Campaign, o *Opened) (*Opened, error) {
	w, err := record.OpenAppend(dir)
	if err != nil {
		return nil, err
	}
	return headed(w, header, o)
}

func headed(w *record.Writer, header record.Campaign, o *Opened) (*Opened, error) {
	if err := w.Campaign(header); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	o.Writer = w
	return o, nil
}
