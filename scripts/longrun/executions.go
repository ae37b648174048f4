package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"time"

	"edgebed/harness/job"
	"edgebed/harness/record"
	"edgebed/harness/scenario"
)

// scenarioText is one cell of many executions of one workflow: states that move, and
// branches that meet.
const scenarioText = `name: longrun
topology: {preset: "ring,switches=4,rate=20 Mb/s"}
workload:
  workflow:
    tasks:
      - {name: a, output: 10 kB}
      - {name: b, after: [a], output: 10 kB, uses: [s]}
      - {name: c, after: [a], output: 10 kB}
      - {name: d, after: [b, c], uses: [s]}
    states: {s: 20 kB}
matrix: [{axis: model, values: [state-local]}]
execution: {model: $model, form: direct, warm-up: true}
profiles: {quick: {executions: %d}}
`

// executions runs so many in one worker, the program.
func executions(ctx context.Context, program string, n int) ([]sample, error) {
	j, err := cell(n)
	if err != nil {
		return nil, err
	}
	input, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}

	cmd := exec.CommandContext(ctx, program)
	cmd.Stdin = bytes.NewReader(input)
	var said bytes.Buffer
	cmd.Stderr = &said
	lines, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	all, err := follow(lines, cmd.Process.Pid)
	if err != nil {
		_ = cmd.Process.Kill() // the error tells what went wrong
	}
	if ended := cmd.Wait(); err == nil && ended != nil {
		err = fmt.Errorf("%s: %w: %s", program, ended, said.Bytes())
	}
	if err == nil && len(all) != n {
		err = fmt.Errorf("%s made %d executions, not %d: %s", program, len(all), n, said.Bytes())
	}
	return all, err
}

// cell returns the job of the one cell.
func cell(n int) (job.Job, error) {
	s, err := scenario.Parse("longrun.yaml", fmt.Appendf(nil, scenarioText, n))
	if err != nil {
		return job.Job{}, err
	}
	plan, err := s.Expand(scenario.Selection{Profile: "quick"})
	if err != nil {
		return job.Job{}, err
	}
	nothing := func(name string) ([]byte, string, error) { return nil, name, fs.ErrNotExist }
	p, err := job.Prepare(plan, nothing, nil)
	if err != nil {
		return job.Job{}, err
	}
	if len(p.Jobs) != 1 {
		return job.Job{}, fmt.Errorf("%d cells, want one", len(p.Jobs))
	}
	return p.Jobs[0], nil
}

// follow looks at the worker after each execution that it reports.
func follow(lines io.Reader, pid int) ([]sample, error) {
	var all []sample
	last := time.Now()
	reports := job.Reporter{
		Cell: func(record.Cell) error { return nil },
		Execution: func(e record.Execution) error {
			if e.WarmUp {
				return nil
			}
			if !e.OK {
				return fmt.Errorf("execution %d failed: %s", e.Index, e.Reason)
			}
			s := sample{took: time.Since(last)}
			last = time.Now()
			if err := s.look(pid); err != nil {
				return err
			}
			all = append(all, s)
			return nil
		},
		CellEnd: func(end record.CellEnd) error {
			if !end.OK {
				return errors.New("the cell failed: " + end.Reason)
			}
			return nil
		},
	}

	for r := bufio.NewReader(lines); ; {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		if _, err := reports.Receive(line); err != nil {
			return all, err
		}
	}
}
