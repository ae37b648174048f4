package cli

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gopkg.in/yaml.v3"

	"edgebed/harness/record"
)

// kubernetesJob is what the test needs to know of a batch/v1 Job; scripts/kubernetes-test
// holds the files against the API itself.
type kubernetesJob struct {
	Spec struct {
		CompletionMode           string `yaml:"completionMode"`
		Completions, Parallelism int
		Template                 struct {
			Spec struct {
				Containers []struct {
					Command, Args []string
					Env           []struct{ Name, Value string }
				}
			}
		}
	}
}

// clusterTask returns a command that runs shard number i of n, counted from 1, into
// out/shard-i. What the cluster would set is in the environment.
type clusterTask func(t *testing.T, i, n int, out string, run []string) *exec.Cmd

// kubernetesScript returns what a job's container runs.
func kubernetesScript(t *testing.T, file string) (shell []string, script string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../scripts", file))
	if err != nil {
		t.Fatal(err)
	}
	var job kubernetesJob
	if err := yaml.Unmarshal(data, &job); err != nil {
		t.Fatal(err)
	}

	if len(job.Spec.Template.Spec.Containers) != 1 {
		t.Fatalf("%s: %d containers, want one", file, len(job.Spec.Template.Spec.Containers))
	}
	c := job.Spec.Template.Spec.Containers[0]
	if len(c.Command) != 2 || len(c.Args) != 1 || len(c.Env) != 1 || c.Env[0].Name != "SHARDS" {
		t.Fatalf("%s: command %q, arguments %q, environment %v", file, c.Command, c.Args, c.Env)
	}
	if shards := strconv.Itoa(job.Spec.Completions); job.Spec.CompletionMode != "Indexed" ||
		job.Spec.Completions != job.Spec.Parallelism || c.Env[0].Value != shards {
		t.Errorf("%s: %s completions, %d at a time, but SHARDS is %s",
			file, shards, job.Spec.Parallelism, c.Env[0].Value)
	}
	return c.Command, c.Args[0]
}

// kubernetesTask is a pod of the job in virtual time, whose campaign is another one here.
func kubernetesTask(t *testing.T, i, n int, out string, run []string) *exec.Cmd {
	t.Helper()
	shell, script := kubernetesScript(t, "kubernetes-job-virtual.yaml")
	for old, put := range map[string]string{
		"exp400 --profile paper --network virtual": quoted(run),
		"/results/": out + "/",
	} {
		if strings.Count(script, old) != 1 {
			t.Fatalf("%q is not once in\n%s", old, script)
		}
		script = strings.Replace(script, old, put, 1)
	}

	cmd := exec.CommandContext(t.Context(), shell[0], shell[1], script)
	cmd.Env = append(os.Environ(), fmt.Sprint("JOB_COMPLETION_INDEX=", i-1), fmt.Sprint("SHARDS=", n))
	return cmd
}

// TestKubernetesJobs: the two jobs run the same but for the network.
func TestKubernetesJobs(t *testing.T) {
	_, emulated := kubernetesScript(t, "kubernetes-job.yaml")
	_, virtual := kubernetesScript(t, "kubernetes-job-virtual.yaml")
	if diff := cmp.Diff(emulated, strings.Replace(virtual, " --network virtual", "", 1)); diff != "" {
		t.Errorf("the jobs differ (-emulated +virtual without its network):\n%s", diff)
	}
}

// quoted are words for a shell.
func quoted(words []string) string {
	var list []string
	for _, w := range words {
		list = append(list, "'"+w+"'")
	}
	return strings.Join(list, " ")
}

// slurmTask is a task of an array whose numbers begin with 5.
func slurmTask(t *testing.T, i, n int, out string, run []string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "../../scripts/slurm-array", append([]string{out}, run...)...)
	cmd.Env = append(os.Environ(), "EDGEBED=edgebed", fmt.Sprint("SLURM_ARRAY_TASK_ID=", i+4),
		"SLURM_ARRAY_TASK_MIN=5", fmt.Sprint("SLURM_ARRAY_TASK_COUNT=", n))
	return cmd
}

// slurmAgain is the task alone in an array, as when single ones are submitted again.
func slurmAgain(t *testing.T, i, n int, out string, run []string) *exec.Cmd {
	t.Helper()
	cmd := slurmTask(t, i, n, out, run)
	cmd.Env = append(cmd.Env, fmt.Sprint("SHARDS=", n), fmt.Sprint("SLURM_ARRAY_TASK_ID=", i),
		fmt.Sprint("SLURM_ARRAY_TASK_MIN=", i), "SLURM_ARRAY_TASK_COUNT=1")
	return cmd
}

// TestClusterJobs runs the commands of the jobs for Slurm and Kubernetes as their tasks
// would. One task is lost on its way and runs again. What is merged in the end is what one
// machine records, to the byte.
func TestClusterJobs(t *testing.T) {
	t.Parallel()
	edgebed := program(t)
	buildWorker(t, filepath.Dir(edgebed))

	dir := t.TempDir()
	run := []string{brisk(t, dir), "--network", "virtual", "--where", "rate=100 Mb/s", "--where", "argument=10 kB",
		"--filter", "S=3"}
	prepare := func(cmd *exec.Cmd) (*exec.Cmd, *bytes.Buffer) {
		cmd.Env = append(cmd.Env, envCommand+"=1", "PATH="+filepath.Dir(edgebed)+":"+os.Getenv("PATH"))
		var log bytes.Buffer
		cmd.Stdout, cmd.Stderr = &log, &log
		return cmd, &log
	}
	finish := func(t *testing.T, cmd *exec.Cmd) {
		t.Helper()
		cmd, log := prepare(cmd)
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, log.String())
		}
	}
	plain := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), edgebed, args...)
		cmd.Env = os.Environ()
		return cmd
	}

	whole := filepath.Join(dir, "whole")
	finish(t, plain(append(append([]string{"run"}, run...), "--out", whole)...))
	want := executions(t, whole)

	for name, c := range map[string]struct{ first, again clusterTask }{
		"slurm":      {slurmTask, slurmAgain},
		"kubernetes": {kubernetesTask, kubernetesTask},
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(dir, name)
			finish(t, c.first(t, 1, 2, out, run))
			lose(t, c.first(t, 2, 2, out, run), filepath.Join(out, "shard-2"), prepare)
			finish(t, c.again(t, 2, 2, out, run))
			merged := filepath.Join(out, "merged")
			finish(t, plain("merge", merged, filepath.Join(out, "shard-1"), filepath.Join(out, "shard-2")))

			one, two := len(executions(t, filepath.Join(out, "shard-1"))), len(executions(t, filepath.Join(out, "shard-2")))
			if one+two != len(want) {
				t.Errorf("the shards have %d and %d executions, want %d between them", one, two, len(want))
			}
			if diff := cmp.Diff(want, executions(t, merged), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("the records differ (-one machine +merged):\n%s", diff)
			}
		})
	}
}

// lose ends all processes of a task as soon as it has recorded something.
func lose(t *testing.T, cmd *exec.Cmd, out string, prepare func(*exec.Cmd) (*exec.Cmd, *bytes.Buffer)) {
	t.Helper()
	cmd, log := prepare(cmd)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		data, _ := os.ReadFile(filepath.Join(out, record.FileName))
		if bytes.Contains(data, []byte(`"type":"execution"`)) {
			break
		}
		if time.Now().After(deadline) {
			t.Errorf("no executions after a minute:\n%s", log.String())
			break
		}
	}

	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	if err := cmd.Wait(); err == nil {
		t.Log("the task ended before it could be lost")
	}
}
