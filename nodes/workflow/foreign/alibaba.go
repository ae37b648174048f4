package foreign

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"edgebed/nodes/workflow"
	"edgebed/nodes/yamlfile"
)

// Columns of batch_task.csv of the Alibaba cluster trace of 2018, which has no
// header: task_name, instance_num, job_name, task_type, status, start_time,
// end_time, plan_cpu, plan_mem.
const (
	columnTask  = 0
	columnJob   = 2
	columnStart = 5
	columnEnd   = 6
	columnsMin  = 7
)

// dagTask is the name of a task in a DAG: a letter for its kind, its number, and the
// numbers of the tasks that it waits for, as in M1, R3_1_2, and J4_2_Stg5.
var dagTask = regexp.MustCompile(`^[A-Za-z]+([0-9]{1,6})((?:_[0-9]{1,6})*)(?:_Stg[0-9]+)*$`)

// job is a job of the trace.
type job struct {
	name   string
	draft  draft
	number map[int]int // tasks by their number
	waits  [][]int     // numbers that each task waits for
}

// readAlibaba reads the jobs of a trace, in the order in which they begin. A task whose
// name is not that of a DAG's waits for none. Instances of a task count as one: the
// time is from the task's start to its end.
func readAlibaba(name string, data []byte, scale Scale) (*File, error) {
	text, err := yamlfile.Text(name, data)
	if err != nil {
		return nil, err
	}
	doc := yamlfile.Plain(name, text)
	rows := csv.NewReader(bytes.NewReader(text))
	rows.FieldsPerRecord, rows.ReuseRecord = -1, true

	var jobs []*job
	byName := map[string]*job{}
	var errs []error
	untimed := 0
	for {
		start := rows.InputOffset()
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		at := doc.Offset(int(start))
		if err != nil {
			return nil, at.Errorf("read a row of the trace: %w", err)
		}
		if start == 0 && row[columnTask] == "task_name" {
			continue // a header that somebody added
		}
		if len(row) < columnsMin {
			return nil, at.Errorf("expected task_name, instance_num, job_name, task_type, status, start_time "+
				"and end_time, got %d columns", len(row))
		}

		j := byName[row[columnJob]]
		if j == nil {
			if len(jobs) == MaxJobs {
				return nil, at.Errorf("expected at most %d jobs, got more", MaxJobs)
			}
			j = &job{name: strings.Clone(row[columnJob]), draft: draft{at: at, input: unsaid}, number: map[int]int{}}
			byName[j.name] = j
			jobs = append(jobs, j)
		}
		errs = append(errs, j.add(at, row, scale))
		if !j.timed() {
			untimed++
		}
	}
	if len(jobs) == 0 {
		errs = append(errs, doc.Offset(0).Errorf("expected rows of batch_task.csv, got none"))
	}

	f := &File{}
	for _, j := range jobs {
		w, err := j.build(len(jobs) > 1)
		errs = append(errs, err)
		f.Workflows = append(f.Workflows, w)
	}
	if err := yamlfile.Join(errs...); err != nil {
		return nil, err
	}
	if untimed > 0 {
		f.Remarks = append(f.Remarks, fmt.Sprintf("%s: %d tasks have no start or no end; "+
			"their computers' service time is taken", name, untimed))
	}
	return f, nil
}

// add adds the task of a row.
func (j *job) add(at yamlfile.Pos, row []string, scale Scale) error {
	t := task{at: at, name: strings.Clone(row[columnTask]), output: unsaid, time: unsaid}
	var waits []int
	if m := dagTask.FindStringSubmatch(t.name); m != nil {
		number, _ := strconv.Atoi(m[1]) // the expression lets only digits through
		if _, again := j.number[number]; again {
			return at.Errorf("job %s has a second task of number %d", j.name, number)
		}
		j.number[number] = len(j.draft.tasks)
		for _, before := range strings.Split(m[2], "_")[1:] {
			n, _ := strconv.Atoi(before)
			waits = append(waits, n)
		}
	}

	start, errStart := strconv.ParseFloat(row[columnStart], 64)
	end, errEnd := strconv.ParseFloat(row[columnEnd], 64)
	if errStart == nil && errEnd == nil && start > 0 && end >= start {
		t.time = seconds(end-start, scale.Time)
	}
	if len(j.draft.tasks) == MaxTasks {
		return at.Errorf("expected at most %d tasks of job %s, got more", MaxTasks, j.name)
	}
	j.draft.tasks = append(j.draft.tasks, t)
	j.waits = append(j.waits, waits)
	return nil
}

// timed reports whether the last task has a time.
func (j *job) timed() bool {
	n := len(j.draft.tasks)
	return n == 0 || j.draft.tasks[n-1].time >= 0
}

// build returns the workflow. Where the file has several jobs their tasks' names begin
// with the job's.
func (j *job) build(several bool) (*workflow.Workflow, error) {
	var errs []error
	for i := range j.draft.tasks {
		t := &j.draft.tasks[i]
		for _, number := range j.waits[i] {
			before, ok := j.number[number]
			if !ok {
				errs = append(errs, t.at.Errorf("task %s waits for task %d, which job %s does not have",
					t.name, number, j.name))
				continue
			}
			t.after = append(t.after, before)
		}
		if several {
			t.name = j.name + "." + t.name
		}
	}
	if err := yamlfile.Join(errs...); err != nil {
		return nil, err
	}
	return j.draft.build()
}
