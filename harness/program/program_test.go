package program

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"edgebed/harness/cgroup"
)

// envRole makes the test's program behave as one of others.
const envRole = "EDGEBED_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if role := os.Getenv(envRole); role != "" {
		os.Exit(roles[role]())
	}
	os.Exit(m.Run())
}

// sample writes a line to the samples' descriptor.
func sample(line string) {
	if os.Getenv("EDGEBED_SAMPLES") != "3" {
		panic("no descriptor for samples")
	}
	fmt.Fprintln(os.NewFile(3, "samples"), line)
}

// roles are what the test's program does as one of others; the exit code.
var roles = map[string]func() int{
	"measure": func() int {
		sample(`{"bytes": 1000, "deep": {"er": 7}, "other": 3}`)
		sample(`{"bytes": 3000}`)
		return 0
	},
	"odd": func() int { sample("nothing"); return 0 },
	"report": func() int {
		fmt.Println(`{"end": {"sum": {"bits": 8}},`)
		fmt.Println(`"bytes": 5}`)
		return 0
	},
	"text": func() int { fmt.Println("Requests/sec:   12.5\nsaid {\"bytes\": 6}"); return 0 },
	"stdout": func() int {
		fmt.Println("listening")
		fmt.Println(`{"bytes": 6}`)
		return 0
	},
	"show": func() int {
		fmt.Println(strings.Join(os.Args[1:], " "), os.Getenv("PEER"), os.Getenv("SECRET"))
		content, err := os.ReadFile(os.Args[1])
		fmt.Print(string(content), err)
		return 0
	},
	"fail": func() int { fmt.Fprintln(os.Stderr, "the disk is on fire"); return 3 },
	"serve": func() int {
		time.Sleep(50 * time.Millisecond) // not ready at once
		fmt.Println("now it is up")
		err := http.ListenAndServe(os.Args[1], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/health" {
				http.NotFound(w, r)
			}
		}))
		fmt.Println(err)
		return 1
	},
	"deaf": func() int { signal.Ignore(syscall.SIGTERM); fmt.Println("up"); select {} },
	"crash": func() int {
		f, err := os.OpenFile(os.Args[1], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return 9
		}
		fmt.Fprint(f, "x")
		if info, _ := f.Stat(); info.Size() < 4 {
			return 5
		}
		fmt.Println("stays")
		select {}
	},
	"sleep": func() int { time.Sleep(time.Minute); return 0 },
	"child": func() int { // leaves a child that holds its streams
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), envRole+"=sleep")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Start(); err != nil {
			return 9
		}
		fmt.Println("child", cmd.Process.Pid)
		return 0
	},
}

// local is this machine as a host.
type local struct{}

func (local) Start(c *exec.Cmd) error { return c.Start() }

func (local) Do(fn func() error) error { return fn() }

func (local) DialContext(ctx context.Context, address string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", address)
}

// role is a program that behaves as one of the roles.
func role(t *testing.T, name string, args ...string) Program {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Program{
		Name: name, Host: "here", Command: append([]string{self}, args...),
		Environment: map[string]string{envRole: name, "GORACE": "atexit_sleep_ms=0"},
	}
}

// logs are those of a Set.
type logs struct {
	mu   sync.Mutex
	text map[string]*bytes.Buffer
}

type log struct {
	*logs
	name string
}

func (l log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text[l.name].Write(p)
}

func (l log) Close() error { return nil }

func (l *logs) of(name string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text[name].String()
}

// open opens programs on this machine, all of them checked.
func open(t *testing.T, programs ...Program) (*Set, *logs) {
	t.Helper()
	hosts := map[string]netip.Addr{"here": netip.MustParseAddr("127.0.0.1")}
	if err := Check(programs); err != nil {
		t.Fatal(err)
	}
	if err := Place(programs, hosts); err != nil {
		t.Fatal(err)
	}
	kept := &logs{text: map[string]*bytes.Buffer{}}
	s, err := Open(programs, Options{
		Host:      func(string) (Host, error) { return local{}, nil },
		Addresses: hosts, Seed: 7, Dir: t.TempDir(),
		Log: func(name string) (io.WriteCloser, error) {
			kept.text[name] = &bytes.Buffer{}
			return log{kept, name}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(s.dir); !os.IsNotExist(err) {
			t.Errorf("the programs' folder is left: %v", err)
		}
	})
	return s, kept
}

// TestGroupless: a program with limits that would not hold is not started.
func TestGroupless(t *testing.T) {
	p := role(t, "sleep")
	host := func(string) (Host, error) { return local{}, nil }
	for name, group := range map[string]func(*Program) string{"none": nil, "empty": func(*Program) string { return "" }} {
		for _, limits := range []cgroup.Limits{{}, {CPU: 0.5}} {
			p.Limits = limits
			s, err := Open([]Program{p}, Options{Host: host, Dir: t.TempDir(), Group: group})
			if held := limits == (cgroup.Limits{}); held != (err == nil) {
				t.Errorf("%s: limits %+v: %v", name, limits, err)
			}
			if err == nil && s.Close() != nil {
				t.Errorf("%s: it does not close", name)
			}
		}
	}
}

// TestSamples checks all ways in which a program's measurements arrive.
func TestSamples(t *testing.T) {
	bytes := map[string]Quantity{"bytes": {}}
	for _, c := range []struct {
		role       string
		source     Source
		quantities map[string]Quantity
		want       map[string]float64
	}{
		{"measure", "", map[string]Quantity{"bytes": {}, "bits": {From: "bytes", Times: 8}, "inner": {From: "deep.er"}, "none": {}},
			map[string]float64{"measure.bytes": 2000, "measure.bits": 16000, "measure.inner": 7}},
		{"stdout", Stdout, bytes, map[string]float64{"stdout.bytes": 6}},
		{"report", Document, map[string]Quantity{"bytes": {}, "bits": {From: "end.sum.bits"}},
			map[string]float64{"report.bytes": 5, "report.bits": 8}},
		{"text", Text, map[string]Quantity{"rate": {From: `Requests/sec: +([0-9.]+)`}},
			map[string]float64{"text.rate": 12.5}},
	} {
		t.Run(c.role, func(t *testing.T) {
			p := role(t, c.role)
			p.Runs, p.Samples, p.Quantities = Execution, c.source, c.quantities
			s, _ := open(t, p)
			outcomes, err := s.Execute(t.Context(), 0)
			if err != nil || len(outcomes) != 1 || outcomes[0].Code != 0 {
				t.Fatalf("%v, %+v", err, outcomes)
			}
			if got := s.Take(); fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("measured %v, want %v", got, c.want)
			}
			if again := s.Take(); again != nil {
				t.Errorf("taken twice: %v", again)
			}
		})
	}
}

// TestFailures checks that a program that fails, measures nonsense or does not end is
// an error that says so, with what it said.
func TestFailures(t *testing.T) {
	for name, c := range map[string]struct {
		code int
		want string
	}{
		"fail":  {3, "program fail on here ended with exit code 3: the disk is on fire"},
		"odd":   {0, "1 of its samples are none"},
		"sleep": {128 + 9, "program sleep on here was ended after"},
	} {
		t.Run(name, func(t *testing.T) {
			p := role(t, name)
			p.Runs = Execution
			s, kept := open(t, p)
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			if name != "sleep" {
				ctx = t.Context()
			}
			outcomes, err := s.Execute(ctx, 0)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if outcomes[0].Code != c.code {
				t.Errorf("exit code %d, want %d", outcomes[0].Code, c.code)
			}
			if name == "fail" && !strings.Contains(kept.of("fail"), "on fire") {
				t.Errorf("the log lacks what it said: %q", kept.of("fail"))
			}
		})
	}
}

// TestPlaceholders checks what a program is started with, and that the user's own
// environment is not handed on.
func TestPlaceholders(t *testing.T) {
	t.Setenv("SECRET", "swordfish")
	p := role(t, "show", "{{dir}}/config", "{{server.address}}:{{server.port}}", "{{here.address}}", "{{seed}}", "{{execution}}")
	p.Runs = Execution
	p.Files = map[string]string{"config": "listen {{ port }};"}
	p.Port = 81
	p.Environment["PEER"] = "{{server.host}}"
	server := role(t, "sleep")
	server.Name, server.Port = "server", 80

	s, kept := open(t, p, server)
	if _, err := s.Execute(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	dir := s.processes[0].values["dir"]
	want := filepath.Join(dir, "config") + " 127.0.0.1:80 127.0.0.1 7 5 here \nlisten 81;<nil>"
	if got := kept.of("show"); got != want {
		t.Errorf("it got %q, want %q", got, want)
	}
}

// TestReady checks that what follows waits until a program can be used, by each probe,
// and that one that cannot be is an error with what it said.
func TestReady(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	for name, c := range map[string]struct {
		ready Ready
		want  string
	}{
		"port":  {Ready{Port: true}, ""},
		"http":  {Ready{HTTP: "/health"}, ""},
		"log":   {Ready{Log: "is up$"}, ""},
		"error": {Ready{HTTP: "/nothing", Within: 300 * time.Millisecond}, "404 Not Found): now it is up"},
		"never": {Ready{Log: "on the moon", Within: 300 * time.Millisecond}, "was not ready within 300ms"},
	} {
		t.Run(name, func(t *testing.T) {
			p := role(t, "serve", "{{address}}:{{port}}")
			p.Port, p.Ready = port, c.ready
			s, _ := open(t, p)
			began := time.Now()
			err := s.Start(t.Context())
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took < 50*time.Millisecond {
				t.Errorf("ready after %v, before it was", took)
			}
			if outcomes := s.Stop(); len(outcomes) != 1 || !outcomes[0].Stopped || outcomes[0].Code != 128+15 {
				t.Errorf("ended as %+v", outcomes)
			}
		})
	}

	t.Run("ended", func(t *testing.T) {
		p := role(t, "fail")
		p.Ready = Ready{Log: "never"}
		s, _ := open(t, p)
		if err := s.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "exit code 3: the disk is on fire") {
			t.Errorf("got %v", err)
		}
	})
}

// TestStop checks that a program that does not listen is ended all the same, and that
// what a program leaves behind with its output does not hold anybody up.
func TestStop(t *testing.T) {
	deaf := role(t, "deaf")
	deaf.Ready.Log = "^up$"
	s, _ := open(t, deaf)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if outcomes := s.Stop(); outcomes[0].Code != 128+9 || !outcomes[0].Stopped {
		t.Errorf("ended as %+v", outcomes)
	}

	child := role(t, "child")
	child.Runs = Execution
	s, kept := open(t, child)
	outcomes, err := s.Execute(t.Context(), 0)
	if err != nil || outcomes[0].Took > 30*time.Second {
		t.Errorf("%v, %+v", err, outcomes)
	}
	// In a sandbox the kernel ends it.
	var pid int
	if _, err := fmt.Sscanf(kept.of("child"), "child %d", &pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
}

// TestRestart checks that a program is started again as often as it fails, where it is
// to be, and that the cell is told where it is not.
func TestRestart(t *testing.T) {
	p := role(t, "crash", "{{dir}}/starts")
	p.Restart, p.Ready.Log = OnFailure, "stays"
	s, _ := open(t, p)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Failed(); err != nil {
		t.Error(err)
	}
	if outcomes := s.Stop(); outcomes[0].Restarts != 3 || !outcomes[0].Stopped {
		t.Errorf("ended as %+v", outcomes)
	}

	never := role(t, "fail")
	s, _ = open(t, never)
	_ = s.Start(t.Context()) // it may have ended before or after it counts as ready
	for end := time.Now().Add(10 * time.Second); s.Failed() == nil && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if err := s.Failed(); err == nil || !strings.Contains(err.Error(), "exit code 3") {
		t.Errorf("got %v", err)
	}
}

// TestCheck lists what is wrong with programs.
func TestCheck(t *testing.T) {
	hosts := map[string]netip.Addr{"h1": netip.MustParseAddr("10.1.0.1")}
	good := Program{Name: "p", Host: "h1", Command: []string{"true"}}
	for want, change := range map[string]func(p *Program){
		"is not a name; expected a letter":       func(p *Program) { p.Name = "a b" },
		"expected a program and its arguments":   func(p *Program) { p.Command = nil },
		"no host h2; did you mean":               func(p *Program) { p.Host = "h2" },
		"nothing is called {{q.port}}":           func(p *Program) { p.Command = []string{"x", "{{q.port}}"} },
		"nothing is called {{execution}}":        func(p *Program) { p.Files = map[string]string{"f": "{{dir}} {{execution}}"} },
		"not a name for a file":                  func(p *Program) { p.Files = map[string]string{"../f": ""} },
		"not a name for a variable":              func(p *Program) { p.Environment = map[string]string{"A=B": ""} },
		"no zero byte":                           func(p *Program) { p.Command = []string{"a\x00"} },
		"port 70000 is out of range":             func(p *Program) { p.Port = 70000 },
		"the probe needs the program's port":     func(p *Program) { p.Ready.Port = true },
		"expected a path such as /health":        func(p *Program) { p.Ready.HTTP, p.Port = "health", 80 },
		"expected a regular expression":          func(p *Program) { p.Ready.Log = "(" },
		"at most 200 characters in http and log": func(p *Program) { p.Ready.Log = strings.Repeat("x", 201) },
		"remove ready":                           func(p *Program) { p.Runs, p.Ready.Log = Execution, "x" },
		"remove restart":                         func(p *Program) { p.Runs, p.Restart = Execution, Always },
		"unknown span \"cel\"":                   func(p *Program) { p.Runs = "cel" },
		"unknown source of samples":              func(p *Program) { p.Samples = "stdin" },
		"unknown restart policy":                 func(p *Program) { p.Restart = "sometimes" },
		"expected a regular expression with one": func(p *Program) { p.Samples, p.Quantities = Text, map[string]Quantity{"q": {}} },
		"\"a b\" is not a name for a quantity":   func(p *Program) { p.Quantities = map[string]Quantity{"a b": {}} },
		"a host is called h1 already":            func(p *Program) { p.Name = "h1" },
		"expected 0 s to 1h0m0s":                 func(p *Program) { p.Ready = Ready{Log: "x", Within: 2 * time.Hour} },
	} {
		p := good
		change(&p)
		err := Check([]Program{p})
		if err == nil {
			err = Place([]Program{p}, hosts)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := Check([]Program{good, good}); err == nil || !strings.Contains(err.Error(), "program p stands twice") {
		t.Errorf("got %v", err)
	}
	missing := good
	missing.Command = []string{"no-such-program-anywhere"}
	if err := Missing([]Program{good, missing}); err == nil || !strings.Contains(err.Error(), "no-such-program") {
		t.Errorf("got %v", err)
	}
}

// TestAnySamples holds the mean against any stream of samples, cut anywhere.
func TestAnySamples(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), 1, 50).Draw(t, "values")
		var text bytes.Buffer
		sum := 0.0
		for _, v := range values {
			line, err := json.Marshal(map[string]any{"v": v, "name": "x"})
			if err != nil {
				t.Fatal(err)
			}
			text.Write(append(line, '\n'))
			sum += v
		}

		c := newCollector(&Program{Quantities: map[string]Quantity{"v": {}}})
		w, end := c.stdout(Stdout)
		for rest := text.Bytes(); len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "cut")
			_, _ = w.Write(rest[:n])
			rest = rest[n:]
		}
		end()
		want := sum / float64(len(values))
		if got := c.take()["v"]; math.Abs(got-want) > 1e-6*max(1, math.Abs(want)) {
			t.Fatalf("mean %v, want %v", got, want)
		}
		if err := c.complaint(); err != nil {
			t.Fatal(err)
		}
	})
}
