package machine

import (
	"strings"
	"testing"
	"testing/fstest"
)

// tree makes a file system of texts.
func tree(files map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

const (
	mountsTwo = "30 1 0:26 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n"
	mountsOne = "25 1 0:3 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n26 1 0:4 /box /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
)

// TestQuota checks both versions of control groups, groups around the own one, and
// a container that sees a part of the hierarchy.
func TestQuota(t *testing.T) {
	for name, tc := range map[string]struct {
		files map[string]string
		want  float64 // 0 is none
	}{
		"none": {map[string]string{"proc/self/cgroup": "0::/a\n", "proc/self/mountinfo": mountsTwo, "sys/fs/cgroup/a/cpu.max": "max 100000\n"}, 0},
		"half": {map[string]string{"proc/self/cgroup": "0::/a\n", "proc/self/mountinfo": mountsTwo, "sys/fs/cgroup/a/cpu.max": "50000 100000\n"}, 0.5},
		"around": {map[string]string{"proc/self/cgroup": "0::/a/b\n", "proc/self/mountinfo": mountsTwo,
			"sys/fs/cgroup/a/cpu.max": "20000 100000\n", "sys/fs/cgroup/a/b/cpu.max": "150000 100000\n"}, 0.2},
		"container": {map[string]string{"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": mountsTwo, "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5},
		"first version": {map[string]string{"proc/self/cgroup": "3:cpu,cpuacct:/x\n0::/\n", "proc/self/mountinfo": mountsOne,
			"sys/fs/cgroup/cpu/x/cpu.cfs_quota_us": "25000", "sys/fs/cgroup/cpu/x/cpu.cfs_period_us": "100000", "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"}, 0.25},
		"nothing to read": {nil, 0},
		"nonsense":        {map[string]string{"proc/self/cgroup": "::\nx", "proc/self/mountinfo": "a b - c\n- -", "sys/fs/cgroup/cpu.max": "1"}, 0},
	} {
		got, ok := quota(tree(tc.files))
		if ok != (tc.want > 0) || ok && got != tc.want {
			t.Errorf("%s: %v cores, %v; want %v", name, got, ok, tc.want)
		}
	}
}

func TestTasks(t *testing.T) {
	files := map[string]string{"proc/self/cgroup": "4:pids:/box/in\n", "proc/self/mountinfo": mountsOne,
		"sys/fs/cgroup/pids/in/pids.max": "60", "sys/fs/cgroup/pids/in/pids.current": "20",
		"sys/fs/cgroup/pids/pids.max": "45", "sys/fs/cgroup/pids/pids.current": "21"}
	got, ok := tasks(tree(files))
	if !ok || got.Left != 24 || got.Allowed != 45 || !strings.Contains(got.Setting, "/sys/fs/cgroup/pids ") {
		t.Errorf("the tightest limit is %+v, %v; want 24 of 45 by the outer group", got, ok)
	}
	files["sys/fs/cgroup/pids/in/pids.max"], files["sys/fs/cgroup/pids/pids.max"] = "max", "max"
	if got, ok := tasks(tree(files)); ok {
		t.Errorf("without limits: %+v", got)
	}
}

func TestThreadsOf(t *testing.T) {
	files := tree(map[string]string{
		"proc/1/status": "Name:\ta\nUid:\t0\t0\t0\t0\nThreads:\t3\n", "proc/20/status": "Uid:\t7\t7\t7\t7\nThreads:\t5\n",
		"proc/21/status": "Uid:\t7\t7\t7\t7\nThreads:\t2\n", "proc/self/status": "Uid:\t7\t7\t7\t7\nThreads:\t5\n",
	})
	if got := threadsOf(files, "7"); got != 7 {
		t.Errorf("%d threads, want 7", got)
	}
}
