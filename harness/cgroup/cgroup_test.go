package cgroup

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/sys/unix"

	"edgebed/nodes/units"
)

// role is the argument by which tests start this binary as another process.
const (
	envRole = "EDGEBED_CGROUP_TEST"
	envLong = "EDGEBED_CGROUP_TEST_LONG" // spins until it is ended by others
	holder  = "holder"                   // makes groups, starts a program in them and waits
	worker  = "worker"                   // has groups, and starts in them what its arguments say
	eater   = "eater"                    // takes memory
	spinner = "spinner"
)

func TestMain(m *testing.M) {
	MaybeMain()
	var err error
	switch os.Getenv(envRole) {
	case holder:
		err = hold()
	case worker:
		err = work(os.Args[1], os.Args[2])
	case eater:
		eat()
	case spinner:
		spin()
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// self is a command that runs this binary in a role.
func self(role string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), envRole+"="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

// eat takes memory until it is ended.
func eat() {
	for all := [][]byte{}; ; runtime.KeepAlive(all) {
		all = append(all, bytes.Repeat([]byte{1}, 1<<20))
	}
}

// spin computes until it is ended.
func spin() {
	for n := 0; ; n++ {
		runtime.KeepAlive(n)
	}
}

// work starts a program of this binary in a group, says on stdout how it ended and how many
// processes were ended for want of memory; a spinner is ended after a second.
func work(group, role string) error {
	length := time.Second
	if os.Getenv(envLong) != "" {
		length = time.Hour
	}
	groups, err := Open()
	if err != nil {
		return err
	}
	cmd := self(role)
	runtime.LockOSThread()
	before, err := os.ReadFile("/proc/thread-self/cgroup")
	if err != nil {
		return err
	}
	if err := groups.Start(group, cmd); err != nil {
		return err
	}
	if after, err := os.ReadFile("/proc/thread-self/cgroup"); err != nil || string(after) != string(before) {
		return fmt.Errorf("the thread is left in %s, %w", after, err)
	}
	runtime.UnlockOSThread()

	began := time.Now()
	if role == spinner {
		time.AfterFunc(length, func() { cmd.Process.Kill() })
	}
	_ = cmd.Wait() // the state says how
	killed, err := groups.Killed(group)
	if err != nil {
		return err
	}
	share := (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds() / time.Since(began).Seconds()
	busy := share < 0.03 // the machine, so that it had not even its share
	if outer, _, inside := strings.Cut(group, "/"); inside && !busy {
		if err := held(groups, outer); err != nil {
			return err
		}
	}
	fmt.Println(cmd.ProcessState, killed, share)
	return nil
}

// held checks that a group with a tenth of a processor or less, in which a program has spun, says
// that it was held up.
func held(groups *Groups, group string) error {
	u, err := groups.Usage(group)
	if err != nil {
		return err
	}
	if u.Throttled == 0 || u.Periods < u.Throttled || u.ThrottledFor <= 0 || u.Used < 0 || u.Used > time.Second/4 {
		return fmt.Errorf("the group has %+v", u)
	}
	if since := u.Since(u); since != (Usage{}) {
		return fmt.Errorf("since now the group has had %+v", since)
	}
	return nil
}

// hold makes groups and starts a worker with a spinner in one, says so, and waits.
func hold() error {
	tree, err := Make(map[string]Limits{"p": {CPU: 0.1, Memory: 100 * units.MB}})
	if err != nil {
		return err
	}
	cmd := self(worker, "p", spinner)
	cmd.Env = append(cmd.Env, envLong+"=1")
	if err := tree.Attach(cmd); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	for _, folder := range tree.folders() {
		fmt.Println(folder)
	}
	fmt.Println("ready")
	return cmd.Wait()
}

// limited makes groups, or skips the test where the machine has none.
func limited(t *testing.T, programs map[string]Limits) *Tree {
	t.Helper()
	tree, err := Make(programs)
	if err != nil && strings.Contains(err.Error(), cure) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// run starts a worker with the groups, and returns what it says.
func run(t *testing.T, tree *Tree, group, role string) (state string, killed int, share float64) {
	t.Helper()
	cmd := self(worker, group, role)
	if err := tree.Attach(cmd); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(out))
	n := len(fields)
	state = strings.Join(fields[:n-2], " ")
	if _, err := fmt.Sscan(strings.Join(fields[n-2:], " "), &killed, &share); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	return state, killed, share
}

// TestCPU: a program that spins has its share of a processor, and had to wait for more.
func TestCPU(t *testing.T) {
	tree := limited(t, map[string]Limits{"spin": {CPU: 0.05}})
	defer func() {
		if err := tree.Close(); err != nil {
			t.Error(err)
		}
	}()
	_, _, share := run(t, tree, "spin", spinner)
	// It is ended within a period, whose share it may have had already.
	if share > 0.05+0.03 {
		t.Errorf("with a limit of 0.05 it had %.3f of a processor", share)
	}
	stat, err := os.ReadFile(filepath.Join(tree.hierarchies[0].folder, "spin", "cpu.stat"))
	busy := share < 0.03 // the machine, so that it had not even its share
	if err != nil || !busy && strings.Contains(string(stat), "nr_throttled 0\n") {
		t.Errorf("the kernel held it up: %s, %v", stat, err)
	}
}

// TestNested: a group's limit holds for what is in a group in it, without a limit or with a larger
// one of something else; both are removed with what runs there.
func TestNested(t *testing.T) {
	tree := limited(t, map[string]Limits{
		"h": {CPU: 0.05}, "h/_own": {}, "h/p": {Memory: 100 * units.MB}, "other": {CPU: 1},
	})
	for _, inner := range []string{"h/_own", "h/p"} {
		if _, _, share := run(t, tree, inner, spinner); share > 0.05+0.03 {
			t.Errorf("in %s, with a limit of 0.05 around it, it had %.3f of a processor", inner, share)
		}
	}

	cmd := self(worker, "h/_own", spinner)
	cmd.Env = append(cmd.Env, envLong+"=1")
	if err := errors.Join(tree.Attach(cmd), cmd.Start()); err != nil {
		t.Fatal(err)
	}
	within := filepath.Join(tree.folders()[0], "h", "_own", "cgroup.procs")
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		if procs, _ := os.ReadFile(within); len(procs) > 0 {
			break
		}
		if time.Since(began) > 10*time.Second {
			t.Fatal("nothing runs in the inner group")
		}
	}
	folders := tree.folders()
	if err := tree.Close(); err != nil {
		t.Error(err)
	}
	gone(t, folders, 0)
	_ = cmd.Wait() // its spinner was ended
}

// TestNeeded: in version 2 a group allows what groups in it limit, and no more.
func TestNeeded(t *testing.T) {
	groups := map[string]Limits{
		"host.h": {CPU: 1}, "host.h/_own": {}, "host.h/p": {Memory: units.GB}, "host.hh": {}, "q": {CPU: 1},
	}
	h := &hierarchy{controllers: []string{cpu, memory}, second: true}
	if got, want := fmt.Sprint(h.within(groups)), "map[:[cpu memory] host.h:[memory]]"; got != want {
		t.Errorf("groups allow %s, want %s", got, want)
	}
}

// TestControllers: what is used of a share is counted for groups with others in them alone.
func TestControllers(t *testing.T) {
	for want, groups := range map[string]map[string]Limits{
		"[]":                   {"p": {}},
		"[cpu]":                {"p": {CPU: 1}, "q": {}},
		"[cpu memory]":         {"host.h": {}, "host.h/p": {CPU: 1, Memory: units.GB}},
		"[cpu cpuacct]":        {"host.h": {CPU: 1}, "host.h/_own": {}},
		"[cpu cpuacct memory]": {"host.h": {CPU: 1}, "host.h/_own": {}, "p": {Memory: units.GB}},
	} {
		if got := fmt.Sprint(controllers(groups)); got != want {
			t.Errorf("%v need %s, want %s", groups, got, want)
		}
	}
}

// TestUncounted: hosts have their limits also where a hierarchy that only counts is refused, and one
// that limits is needed.
func TestUncounted(t *testing.T) {
	if unix.Geteuid() != 0 {
		t.Skip("run as root, which may, and a user who may not is tried")
	}
	const nobody = 65534
	mine, other := t.TempDir(), t.TempDir()
	if err := errors.Join(os.Chown(mine, nobody, nobody), os.Chmod(filepath.Dir(mine), 0o755)); err != nil {
		t.Fatal(err)
	}

	add := func(second string) (*Tree, error) {
		runtime.LockOSThread() // and never unlocked: the thread is another user's, and ends
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, nobody, nobody, nobody); errno != 0 {
			return nil, errno
		}
		tree := &Tree{hierarchies: []*hierarchy{
			{controllers: []string{second}, base: other}, {controllers: []string{cpu}, base: mine},
		}}
		return tree, tree.add(prefix + "test-" + second)
	}
	for second, ok := range map[string]bool{accounting: true, memory: false} {
		var tree *Tree
		var err error
		var adding sync.WaitGroup
		adding.Go(func() { tree, err = add(second) })
		adding.Wait()
		if tree == nil || (err == nil) != ok || ok && len(tree.folders()) != 1 {
			t.Fatalf("%s is refused: %v, groups %+v", second, err, tree)
		}
		if err := tree.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestMemory: a program that takes more than it may is ended, and it is known why; one without
// that limit beside it is not touched.
func TestMemory(t *testing.T) {
	tree := limited(t, map[string]Limits{"eat": {Memory: 64 * units.MB}, "spin": {CPU: 1}})
	state, killed, _ := run(t, tree, "eat", eater)
	if state != "signal: killed" || killed != 1 {
		t.Errorf("it ended with %s, %d were ended for want of memory", state, killed)
	}
	if state, killed, _ := run(t, tree, "spin", spinner); state != "signal: killed" || killed != 0 {
		t.Errorf("the other one ended with %s, %d were ended for want of memory", state, killed)
	}

	folders := tree.folders()
	if err := tree.Close(); err != nil {
		t.Error(err)
	}
	gone(t, folders, 0)
}

// gone waits until folders are gone.
func gone(t *testing.T, folders []string, patience time.Duration) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		left := slices.DeleteFunc(slices.Clone(folders), func(f string) bool {
			_, err := os.Stat(f)
			return errors.Is(err, os.ErrNotExist)
		})
		if len(left) == 0 {
			return
		}
		if time.Since(began) > patience {
			t.Fatalf("%v are left", left)
		}
	}
}

// startHolder starts a process that has groups with a program in them, and returns its folders.
func startHolder(t *testing.T) (*exec.Cmd, []string) {
	t.Helper()
	cmd := self(holder)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "ready"; {
		folders = append(folders, lines.Text())
	}
	return cmd, folders
}

// spins waits until the spinner runs in the groups, and returns its number. In version 1 the
// worker, too, is in them as long as one of its threads starts the spinner there.
func spins(t *testing.T, folders []string) string {
	t.Helper()
	for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(time.Millisecond) {
		procs, _ := os.ReadFile(filepath.Join(folders[0], "p", "cgroup.procs"))
		for _, pid := range strings.Fields(string(procs)) {
			environment, _ := os.ReadFile("/proc/" + pid + "/environ")
			if strings.Contains(string(environment), envRole+"="+spinner) {
				return pid
			}
		}
	}
	t.Fatal("nothing runs in the group")
	return ""
}

// TestKilled: groups do not outlive a SIGKILL of the process that made them, nor does what runs
// in them.
func TestKilled(t *testing.T) {
	limited(t, map[string]Limits{"p": {CPU: 1, Memory: units.GB}}).Close()
	cmd, folders := startHolder(t)
	if len(folders) == 0 {
		t.Fatal("there are no groups")
	}
	spinning := spins(t, folders)

	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	gone(t, folders, 20*time.Second)
	if _, err := os.Stat("/proc/" + spinning); err == nil {
		state, _ := os.ReadFile("/proc/" + spinning + "/stat")
		if !strings.Contains(string(state), ") Z ") { // one whose parent is to take note
			t.Errorf("process %s still runs: %s", spinning, state)
		}
	}
}

// TestGuardHolds: what the guard is about to remove is not left, though who made it has it no
// more.
func TestGuardHolds(t *testing.T) {
	tree := limited(t, map[string]Limits{"p": {CPU: 1, Memory: units.GB}})
	for _, h := range tree.hierarchies {
		if err := h.lock.Close(); err != nil {
			t.Error(err)
		}
		h.lock = nil
	}
	for _, folder := range tree.folders() {
		if !slices.Contains(Made(), folder) || slices.Contains(Left(), folder) {
			t.Errorf("%v: made %v, left %v", folder, Made(), Left())
		}
	}
	if err := tree.Close(); err != nil {
		t.Error(err)
	}
}

// TestGuardKilled: where the guard was killed, too, whoever makes the next groups removes those
// that are left, and none that are in use.
func TestGuardKilled(t *testing.T) {
	used := limited(t, map[string]Limits{"p": {CPU: 1, Memory: units.GB}})
	defer used.Close()
	cmd, left := startHolder(t)
	spins(t, left)
	stop(t, children(t, cmd.Process.Pid)...)
	stop(t, cmd.Process.Pid)
	_ = cmd.Wait()

	// Others that make groups at this time remove them, too.
	isLeft := func(folder string) bool {
		_, err := os.Stat(folder)
		return errors.Is(err, os.ErrNotExist) || slices.Contains(Left(), folder)
	}
	for began := time.Now(); !isLeft(left[0]) || !isLeft(left[len(left)-1]); time.Sleep(time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			t.Fatalf("%v are not among what is left, %v", left, Left())
		}
	}
	for _, folder := range used.folders() {
		if !slices.Contains(Made(), folder) || slices.Contains(Left(), folder) {
			t.Errorf("of %v, which is in use: made %v, left %v", folder, Made(), Left())
		}
	}

	removed := 0
	for began := time.Now(); removed < len(left) && time.Since(began) < 10*time.Second; time.Sleep(time.Millisecond) {
		removed += Sweep() // the kernel takes a moment for what ran in them
	}
	gone(t, left, 0)
	for _, folder := range used.folders() {
		if _, err := os.Stat(folder); err != nil {
			t.Error(err)
		}
	}
}

// children are the processes that one has started, theirs included.
func children(t *testing.T, of int) (list []int) {
	t.Helper()
	if _, err := os.Stat(fmt.Sprintf("/proc/%d/task/%d/children", of, of)); err != nil {
		t.Skip("this kernel does not tell children:", err)
	}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", of))
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		for _, word := range strings.Fields(string(text)) {
			var pid int
			if _, err := fmt.Sscan(word, &pid); err == nil {
				list = append(list, pid)
				list = append(list, children(t, pid)...)
			}
		}
	}
	return list
}

func stop(t *testing.T, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}
}

// TestFind: groups of version 1 are made in the own one, those of version 2 beside it, where the
// controller is there for them; else there is what to do.
func TestFind(t *testing.T) {
	const one = "25 1 0:3 / /cg/cpu rw - cgroup cgroup rw,cpu\n26 1 0:4 / /cg/memory rw - cgroup cgroup rw,memory\n"
	const two = "30 1 0:26 / /cg rw - cgroup2 cgroup2 rw\n"
	for name, tc := range map[string]struct {
		files map[string]string
		want  string // base, version and controllers of each
		err   string
	}{
		"none":            {nil, "", "no control groups of the kernel's controller cpu are mounted"},
		"first":           {map[string]string{"proc/self/cgroup": "4:memory:/a\n1:cpu:/\n0::/x\n", "proc/self/mountinfo": two + one}, "/cg/cpu false [cpu] /cg/memory/a false [memory]", ""},
		"second":          {map[string]string{"proc/self/cgroup": "0::/user/me/s.scope\n", "proc/self/mountinfo": two, "cg/user/me/cgroup.subtree_control": "cpu memory pids\n"}, "/cg/user/me true [cpu memory]", ""},
		"second, root":    {map[string]string{"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": two, "cg/cgroup.subtree_control": "memory cpu\n"}, "/cg true [cpu memory]", ""},
		"not delegated":   {map[string]string{"proc/self/cgroup": "0::/user/s.scope\n", "proc/self/mountinfo": two, "cg/user/cgroup.subtree_control": "cpu\n"}, "", "the control group /cg/user has no memory for those in it; run as root, or in a scope"},
		"nothing enabled": {map[string]string{"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": two}, "", "the control group /cg has no cpu"},
	} {
		root := fstest.MapFS{}
		for name, text := range tc.files {
			root[name] = &fstest.MapFile{Data: []byte(text)}
		}
		found, err := find(root, []string{cpu, memory})
		var parts []string
		for _, h := range found {
			parts = append(parts, fmt.Sprint(h.base, h.second, h.controllers))
		}
		got := strings.Join(parts, " ")
		if strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(tc.want, " ", "") ||
			(tc.err == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: %s, %v; want %s, %s", name, got, err, tc.want, tc.err)
		}
	}
}

// TestSettings: each version has files of its own.
func TestSettings(t *testing.T) {
	l := Limits{CPU: 0.5, Memory: 64 * units.MB}
	var got []string
	for _, second := range []bool{false, true} {
		for _, c := range l.controllers() {
			for _, s := range l.settings(c, second) {
				got = append(got, s.file+"="+s.value)
			}
		}
	}
	want := []string{"cpu.cfs_period_us=100000", "cpu.cfs_quota_us=50000", "memory.limit_in_bytes=64000000",
		"memory.memsw.limit_in_bytes=64000000", "cpu.max=50000 100000", "memory.max=64000000", "memory.swap.max=0"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for _, wrong := range []Limits{{CPU: 0.001}, {CPU: 2000}, {CPU: -1}, {Memory: 1}, {Memory: -5}, {Memory: 2000 * units.GB}} {
		if _, err := wrong.Check(); err == nil || !strings.Contains(err.Error(), "out of range") {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
	if _, err := l.Check(); err != nil {
		t.Error(err)
	}
}

// TestNone: without limits nothing is made, and a program with limits that nobody made groups
// for is not started.
func TestNone(t *testing.T) {
	tree, err := Make(nil)
	if tree != nil || err != nil || tree.Attach(&exec.Cmd{}) != nil || tree.Close() != nil {
		t.Errorf("%v, %v", tree, err)
	}
	groups, err := Open()
	if groups != nil || err != nil {
		t.Fatal(groups, err)
	}
	if err := groups.Start("p", exec.Command("true")); !errors.Is(err, errNone) {
		t.Error(err)
	}
}

// TestDescriptors: what is not whole is refused.
func TestDescriptors(t *testing.T) {
	for text, want := range map[string]string{
		`[{"Controllers":["cpu","memory"],"Second":true,"Folder":4}]`: "[{[cpu memory] true 4 0}]",
		`[{"Controllers":["cpu"],"Second":false,"Folder":4,"Own":5}]`: "[{[cpu] false 4 5}]",
		`[{"Controllers":["cpu"],"Second":false,"Folder":4}]`:         "",
		`[{"Controllers":["cpu"],"Second":true,"Folder":4,"Own":5}]`:  "",
		`[{"Controllers":["cpu"],"Second":true}]`:                     "",
		`[{"Second":true,"Folder":4}]`:                                "",
		`[{"Controllers":["cpu"],"Second":true,"Folder":"4"}]`:        "",
		`[{"Controllers":["cpu"],"Second":true,"Folder":4}`:           "",
		``: "",
	} {
		list, err := descriptors(text)
		got := ""
		if err == nil {
			got = fmt.Sprint(list)
		}
		if got != want {
			t.Errorf("%s: %s, %v; want %q", text, got, err, want)
		}
	}
}

// TestNotRoot: who may not make groups is told what to do.
func TestNotRoot(t *testing.T) {
	if unix.Geteuid() != 0 {
		t.Skip("run as root, which may, and a user who may not is tried")
	}
	runtime.LockOSThread() // and never unlocked: the thread is another user's, and ends
	const nobody = 65534
	found, err := find(os.DirFS("/"), []string{cpu})
	if err != nil {
		t.Skip(err)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, nobody, nobody, nobody); errno != 0 {
		t.Fatal(errno)
	}
	tree := &Tree{hierarchies: found}
	if err := tree.add(prefix + "test"); err == nil || !strings.Contains(err.Error(), "systemd-run") {
		t.Errorf("an ordinary user: %v", err)
	}
}
