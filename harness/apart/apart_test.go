package apart

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"

	"edgebed/harness/emu"
	"edgebed/harness/job"
	"edgebed/harness/scenario/scenariotest"
	"edgebed/nodes/client"
	"edgebed/nodes/deploy"
	"edgebed/nodes/router"
	"edgebed/nodes/units"
	"edgebed/nodes/workflow"
)

func TestMain(m *testing.M) {
	MaybeMain()
	m.Run()
}

// scenarioText is a scenario whose hosts are loopback addresses, so that processes need no network of
// their own. Tests that run at the same time have other ones.
const scenarioText = `
name: loopback
topology: {subnet: 127.%d.%d.0/24, switches: [s0], hosts: [{name: a, switch: s0}, {name: b, switch: s0}, {name: c, switch: s0}]}
nodes:
  computers: [{functions: [{names: ["{host}"], workers: 2, service-time: 1 ms}]}]
  limits: [{hosts: [a, b, c], cpu: 1}]
execution: {model: pure-faas, timeout: 20 s}
profiles: {quick: {executions: 1}}
`

// bed are the scenario's nodes, some hosts' in processes of their own.
type bed struct {
	*deploy.Deployment
	processes map[string]*Process
	// ended says that one was killed, so that not all nodes can take leave.
	ended bool
}

// open starts them.
func open(t *testing.T, apart ...string) *bed {
	t.Helper()
	text := fmt.Sprintf(scenarioText, 10+os.Getpid()%200, os.Getpid()/200%250)
	prepared, err := job.Prepare(scenariotest.ExpandText(t, text), scenariotest.Topology, nil)
	if err != nil {
		t.Fatal(err)
	}
	j := &prepared.Jobs[0]
	encoded, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := j.Deployment()
	if err != nil {
		t.Fatal(err)
	}

	b := &bed{processes: map[string]*Process{}}
	for i := range cfg.Hosts {
		cfg.Hosts[i].Net = emu.Inside{}
	}
	for _, name := range apart {
		p, err := Start(t.Context(), Options{Host: name, Job: encoded, Launch: (*exec.Cmd).Start})
		if err != nil {
			t.Fatal(err)
		}
		b.processes[name] = p
		t.Cleanup(func() {
			if err := p.Close(); err != nil && !b.ended {
				t.Error(err)
			}
			if err := syscall.Kill(p.Pid(), 0); !errors.Is(err, syscall.ESRCH) {
				t.Errorf("the process of %s is left: %v", name, err)
			}
		})
		for i := range cfg.Hosts {
			if cfg.Hosts[i].Name == name {
				cfg.Hosts[i].Elsewhere = p
			}
		}
	}
	if b.Deployment, err = deploy.Start(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil && !b.ended {
			t.Error(err)
		}
	})
	return b
}

// chain uses both computers, and a state at both.
func chain() *workflow.Workflow {
	return &workflow.Workflow{
		Functions:    []string{"b", "c"},
		Dependencies: map[string][]string{"s": {"b", "c"}},
		StateSizes:   map[string]units.Size{"s": 3 * units.KB},
	}
}

// TestExecute: executions are the same wherever the nodes run, in every model and form, and
// their states are used by their users in order.
func TestExecute(t *testing.T) {
	here := map[string]int{} // hops
	for _, apart := range []string{"", "b", "a", "a b c"} {
		t.Run("apart: "+apart, func(t *testing.T) {
			b := open(t, strings.Fields(apart)...)
			if err := b.WarmUp(t.Context(), workflow.Direct); err != nil {
				t.Fatal(err)
			}
			for _, run := range []workflow.Run{
				{Model: workflow.PureFaaS, Form: workflow.Carry}, {Model: workflow.StateProp, Form: workflow.Carry},
				{Model: workflow.StateLocal, Form: workflow.Carry}, {Model: workflow.StateLocal, Form: workflow.Direct},
			} {
				run.Argument = 5 * units.KB
				c, err := b.NewClient(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				told := 0
				opts := client.Options{Verify: true, Answered: func() error { told++; return nil }}
				for range 2 {
					result, err := c.Execute(t.Context(), chain(), run, opts)
					key := string(run.Model + "/" + workflow.Model(run.Form))
					if apart == "" {
						here[key] = result.Hops
					}
					if err != nil || result.Delay <= 0 || result.Hops != here[key] || result.UUID == "" {
						t.Errorf("%+v: %d hops in %v, %v, want %d hops", run, result.Hops, result.Delay, err, here[key])
					}
				}
				if told != 2 || c.Spent() {
					t.Errorf("%+v: told of %d answers, spent: %t", run, told, c.Spent())
				}
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestNodes: what is asked of nodes in a process, and done to them, is asked and done there.
func TestNodes(t *testing.T) {
	b := open(t, "a", "b")
	p := b.processes["b"]
	known := map[string]bool{}
	for _, e := range b.Router("b").Table(router.TableOverall) {
		known[e.Function] = true
	}
	if stats := b.Stats(); !known["b"] || !known["c"] || len(stats.Controller.Routers) != 3 || len(stats.Computers) != 2 {
		t.Errorf("the router knows %v, and the nodes say %+v", known, stats)
	}

	c, err := b.NewClient(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	local := workflow.Run{Model: workflow.StateLocal, Form: workflow.Carry, Argument: 5 * units.KB}
	one := chain()
	one.Functions, one.Dependencies["s"] = []string{"c", "b"}, []string{"c", "b"}
	if _, err := c.Execute(t.Context(), one, local, client.Options{}); err != nil {
		t.Fatal(err)
	}
	if sizes := b.StateSizes("b"); len(sizes) != 1 || sizes["s"] != 3000 {
		t.Errorf("its state server holds %v", sizes)
	}
	if err := p.Rest(t.Context()); err != nil {
		t.Error(err)
	}

	// A function of 0.5 ms, for half the scenario's argument, at a hundredth of the speed.
	if err := b.SetSpeed("b", 0.01); err != nil {
		t.Error(err)
	}
	slow, err := c.Execute(t.Context(), &workflow.Workflow{Functions: []string{"b"}}, local, client.Options{})
	if err != nil || slow.Delay < 50*time.Millisecond {
		t.Errorf("slowed down it took %v, %v", slow.Delay, err)
	}

	if err := b.StopComputer("b"); err != nil || b.Running("b") || !b.Running("c") {
		t.Errorf("stopped: %v, %t, %t", err, b.Running("b"), b.Running("c"))
	}
	_, err = c.Execute(t.Context(), chain(), local, client.Options{})
	var failure *client.Failure
	if !errors.As(err, &failure) || failure.Stage != client.StageCall || !strings.Contains(err.Error(), "RunLambda b") {
		t.Errorf("without its computer: %v", err)
	}
	if !c.Spent() {
		t.Error("the client does not say that it is spent")
	}
	if err := b.StartComputer(t.Context(), "b"); err != nil || !b.Running("b") {
		t.Errorf("started again: %v", err)
	}
	if c, err = b.NewClient(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Execute(t.Context(), chain(), local, client.Options{}); err != nil {
		t.Errorf("after that: %v", err)
	}

	// Clients beside each other, as under load.
	for range 2 {
		s, err := b.NewClientOn(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Execute(t.Context(), chain(), local, client.Options{}); err != nil {
			t.Error(err)
		}
		defer s.Close()
	}
}

// halt stops a process until the returned function is called, and returns when all its threads
// stand still.
func halt(t *testing.T, p *Process) (goOn func()) {
	t.Helper()
	if err := syscall.Kill(p.Pid(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); !stopped(t, p.Pid()); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not stop")
		}
	}
	return func() {
		if err := syscall.Kill(p.Pid(), syscall.SIGCONT); err != nil {
			t.Error(err)
		}
	}
}

// stopped tells whether all threads of a process are stopped.
func stopped(t *testing.T, pid int) bool {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(threads) == 0 {
		t.Fatalf("threads of process %d: %v", pid, err)
	}
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			t.Fatal(err)
		}
		_, state, _ := strings.Cut(string(text), ") ")
		if !strings.HasPrefix(state, "T") {
			return false
		}
	}
	return true
}

// TestBegan: what an execution waits before the process attends to it is no part of its delay, and
// its beginning says how much that was.
func TestBegan(t *testing.T) {
	b := open(t, "a")
	c, err := b.NewClient(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const still = 200 * time.Millisecond
	goOn := halt(t, b.processes["a"])
	time.AfterFunc(still, goOn)

	asked := time.Now()
	run := workflow.Run{Model: workflow.PureFaaS, Form: workflow.Carry}
	result, err := c.Execute(t.Context(), chain(), run, client.Options{})
	took := time.Since(asked)
	waited := result.Began.Sub(asked)
	if err != nil || waited < still*9/10 || waited+result.Delay > took {
		t.Errorf("it began %v after it was asked for, and took %v of %v: %v", waited, result.Delay, took, err)
	}
}

// TestRefusals: an execution that its asker will not have verified fails, and one that it gives
// up ends; an address that is taken is an error of the start.
func TestRefusals(t *testing.T) {
	b := open(t, "a")
	run := workflow.Run{Model: workflow.StateProp, Form: workflow.Carry, Argument: 5 * units.KB}
	c, err := b.NewClient(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	opts := client.Options{Verify: true, Answered: func() error { return errors.New("not now") }}
	_, err = c.Execute(t.Context(), chain(), run, opts)
	if err == nil || err.Error() != "execute workflow: verify: not now" || c.Spent() {
		t.Errorf("%v, spent: %t", err, c.Spent())
	}

	if err := b.SetSpeed("b", 1e-6); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err = c.Execute(ctx, chain(), run, client.Options{}); !errors.Is(err, context.DeadlineExceeded) || !c.Spent() {
		t.Errorf("given up: %v, spent: %t", err, c.Spent())
	}
	if _, err := b.processes["a"].StartClient(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("at ports that are taken: %v", err)
	}
	if err := b.StopComputer("b"); err != nil { // or its end would be waited for
		t.Error(err)
	}
}

// TestKilled: the end of a process is noticed, and said with its reason.
func TestKilled(t *testing.T) {
	b := open(t, "b")
	b.ended = true
	p := b.processes["b"]
	if err := syscall.Kill(p.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("nobody notices that it was killed")
	}
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "nodes of host b ended before its time: signal: killed") {
		t.Errorf("it says %v", err)
	}
	if _, err := p.StartComputer(t.Context()); !errors.Is(err, p.Err()) {
		t.Errorf("asked then: %v", err)
	}
	if stats := b.Stats(); stats.Busy() != 0 {
		t.Errorf("it has the numbers %+v", stats)
	}
	if err := b.StopComputer("b"); err != nil {
		t.Errorf("nothing is left to close: %v", err)
	}
	if err := p.Close(); !errors.Is(err, p.Err()) {
		t.Errorf("closed: %v", err)
	}
}

// TestWrongJob: what the process cannot read is an error of the start, and no process is left.
func TestWrongJob(t *testing.T) {
	_, err := Start(t.Context(), Options{Host: "b", Job: json.RawMessage(`{"topology_text": 3}`), Launch: (*exec.Cmd).Start})
	if err == nil || !strings.Contains(err.Error(), "start the process of host b: read job: ") {
		t.Error(err)
	}
	refused := errors.New("no")
	_, err = Start(t.Context(), Options{Host: "b", Launch: func(*exec.Cmd) error { return refused }})
	if !errors.Is(err, refused) {
		t.Error(err)
	}
}

// TestDies: where a process ends before it has read its job the error of the start says how it ended
// and what it said, once: of a long text the beginning, which says what a panic is about, and the end.
func TestDies(t *testing.T) {
	const why = "start the process of host b: the process with the nodes of host b ended before its time: exit status 3\n" +
		"panic: sorry"
	for range 5 {
		for more, end := range map[string]string{"": why, "seq 2000 >&2;": "\n2000"} {
			_, err := Start(t.Context(), Options{Host: "b", Launch: func(cmd *exec.Cmd) error {
				cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", "echo panic: sorry >&2;" + more + "exit 3"}
				return cmd.Start()
			}})
			if err == nil || !strings.HasPrefix(err.Error(), why) || !strings.HasSuffix(err.Error(), end) {
				t.Fatalf("%v\nwant %s ... %s", err, why, end)
			}
		}
	}
}

// TestCancelledStart: a start that is given up ends at once, whether or not anything was said to the
// process.
func TestCancelledStart(t *testing.T) {
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		_, err := Start(ctx, Options{Host: "b", Launch: (*exec.Cmd).Start})
		if took := time.Since(began); !errors.Is(err, context.Canceled) || took > patience/2 {
			t.Fatalf("after %v: %v", took, err)
		}
	}
}

// TestGivenUp: a client whose asker has given it up leaves its ports, whenever it started.
func TestGivenUp(t *testing.T) {
	b := open(t, "a")
	p := b.processes["a"]
	for _, halted := range []bool{true, false} {
		goOn := func() {}
		if halted {
			goOn = halt(t, p)
		}
		for range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			if c, err := p.StartClient(ctx, 3); err == nil {
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			}
			cancel()
		}
		goOn()

		var c deploy.ClientNode
		var err error
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			if c, err = p.StartClient(t.Context(), 3); err == nil {
				break
			}
		}
		if err != nil {
			t.Fatalf("halted %t: the ports of clients that were given up are still taken: %v", halted, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestWrongExecutions: an execution without a workflow or without its client is an error.
func TestWrongExecutions(t *testing.T) {
	b := open(t, "a")
	c, err := b.NewClient(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	run := workflow.Run{Model: workflow.PureFaaS, Form: workflow.Carry}
	if _, err := c.Execute(t.Context(), nil, run, client.Options{}); err == nil || !strings.Contains(err.Error(), "no workflow is given") {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Execute(t.Context(), chain(), run, client.Options{}); err == nil || !strings.Contains(err.Error(), "no such client runs") {
		t.Error(err)
	}
}

// TestUntoldAnswer: who has not asked to be told of an answer, and is told, says that as an error.
func TestUntoldAnswer(t *testing.T) {
	ours, theirs, err := sockets()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.FileConn(theirs)
	if err := errors.Join(err, theirs.Close()); err != nil {
		t.Fatal(err)
	}
	tells := stream()
	tells.Handler = func(_ any, s grpc.ServerStream) error {
		return errors.Join(s.RecvMsg(&execution{}), s.SendMsg(&progress{Answered: true}))
	}
	g := grpc.NewServer(serverOptions()...)
	g.RegisterService(&grpc.ServiceDesc{
		ServiceName: service, HandlerType: (*any)(nil), Streams: []grpc.StreamDesc{tells},
	}, nil)
	go g.Serve(newListener(conn))
	defer g.Stop()

	p, err := newProcess("b", ours)
	if err != nil {
		t.Fatal(err)
	}
	defer p.conn.Close()
	c := &clientProxy{node: p.next()}
	_, err = c.Execute(t.Context(), chain(), workflow.Run{}, client.Options{})
	if err == nil || !strings.Contains(err.Error(), "was not asked to") || !c.Spent() {
		t.Errorf("%v, spent: %t", err, c.Spent())
	}
}
