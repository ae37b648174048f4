package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"edgebed/harness/emu/delayline"
	"edgebed/harness/record"
	"edgebed/harness/sandbox/outside"
)

// fault is one way to harm a campaign. It ends with no process of it left.
type fault struct {
	name string
	do   func(*campaign) error
	// can tells whether it is possible here; nil always.
	can func(*campaign) bool
}

func emulated(c *campaign) bool { return c.network == string(record.Emulated) }

// faults are all of them, in the order in which they are drawn from.
func faults() []fault {
	return []fault{
		{name: "kill the parent", do: signalled(syscall.SIGKILL)},
		{name: "interrupt the parent", do: signalled(syscall.SIGINT)},
		{name: "terminate the parent", do: signalled(syscall.SIGTERM)},
		{name: "hang up", do: signalled(syscall.SIGHUP)},
		{name: "two interrupts", do: signalled(syscall.SIGINT, syscall.SIGINT)},
		{name: "stop the parent", do: (*campaign).stopParent},
		{name: "kill a worker", do: killed((*campaign).worker)},
		{name: "stop a worker", do: stopped((*campaign).worker)},
		{name: "kill a relay", do: killed((*campaign).relay), can: emulated},
		{name: "stop a relay", do: stopped((*campaign).relay), can: emulated},
		{name: "kill a program", do: killed((*campaign).program), can: emulated},
		{name: "stop a program", do: stopped((*campaign).program), can: emulated},
		{name: "kill all at once", do: (*campaign).killAll},

		{name: "shrink a limit", do: (*campaign).limited},
		{name: "few processes", do: (*campaign).fewProcesses, can: func(c *campaign) bool { return c.group != "" }},
		{name: "tear the last line", do: (*campaign).tear},
		{name: "damage the records", do: (*campaign).damage},
		{name: "move the folder away", do: (*campaign).moveAway},
		{name: "fill the disk", do: (*campaign).fill, can: func(c *campaign) bool { return c.disk != "" }},
		{name: "take a link down", do: (*campaign).linkDown, can: func(c *campaign) bool {
			return emulated(c) && os.Geteuid() == 0
		}},
	}
}

// choose draws a fault that is possible.
func (c *campaign) choose() fault {
	possible := slices.DeleteFunc(faults(), func(f fault) bool { return f.can != nil && !f.can(c) })
	return possible[c.rng.IntN(len(possible))]
}

// soon waits for a moment within the run, or for its end, which it tells.
func (c *campaign) soon(p *process) (ended bool) {
	moment := time.Duration(c.rng.Float64() * float64(c.left()))
	select {
	case err := <-p.done:
		p.done <- err
		return true
	case <-time.After(moment):
		return false
	}
}

// during starts a run, does something at a random moment, and waits for the end. What
// it does is left out where the run has ended.
func (c *campaign) during(name string, do func(*process) error) (int, *process, error) {
	p, err := c.start()
	if err != nil {
		return 0, nil, err
	}
	if c.soon(p) {
		c.missed = true
	} else if err := do(p); err != nil {
		_ = p.Process.Kill()
		<-p.done
		return 0, nil, err
	}
	code, err := c.wait(p, name)
	return code, p, err
}

// signalled sends signals to the parent, one soon after the other.
func signalled(signals ...syscall.Signal) func(*campaign) error {
	return func(c *campaign) error {
		_, _, err := c.during(fmt.Sprint("signals ", signals), func(p *process) error {
			for _, s := range signals {
				_ = p.Process.Signal(s) // it may have ended
				time.Sleep(time.Duration(c.rng.IntN(30)) * time.Millisecond)
			}
			return nil
		})
		return err
	}
}

// pause stops a process for a while that is long for timers and short for a person.
func (c *campaign) pause(pid int) {
	if syscall.Kill(pid, syscall.SIGSTOP) != nil {
		return // it has ended
	}
	time.Sleep(time.Duration(20+c.rng.IntN(300)) * time.Millisecond)
	_ = syscall.Kill(pid, syscall.SIGCONT)
}

func (c *campaign) stopParent() error {
	code, p, err := c.during("stop the parent", func(p *process) error { c.pause(p.Process.Pid); return nil })
	if err == nil && code != exitOK && !c.failures {
		c.tally.note(&c.tally.wrong,
			"campaign %d: stopped and continued, it ends with code %d:\n%s", c.seed, code, p.log.String())
	}
	return err
}

// worker draws one of the campaign's processes other than its parent; 0 is none.
func (c *campaign) worker(p *process) (int, error) {
	pids, err := outside.Marked(c.mark)
	if err != nil {
		return 0, err
	}
	pids = slices.DeleteFunc(pids, func(pid int) bool { return pid == p.Process.Pid })
	if len(pids) == 0 {
		return 0, nil
	}
	return pids[c.rng.IntN(len(pids))], nil
}

// relay draws a delay line; 0 is none: the kernel delays, or no network is up.
func (c *campaign) relay(*process) (int, error) {
	return c.one(outside.Marked(delayline.Mark))
}

// program draws a program of a host; 0 is none.
func (c *campaign) program(*process) (int, error) { return c.one(outside.Marked(programMark())) }

// one draws one of the processes that have the campaign's mark, or that are its programs.
func (c *campaign) one(pids []int, err error) (int, error) {
	own, ownErr := c.processes()
	pids = slices.DeleteFunc(pids, func(pid int) bool { return !slices.Contains(own, pid) })
	if err = errors.Join(err, ownErr); err != nil || len(pids) == 0 {
		return 0, err
	}
	return pids[c.rng.IntN(len(pids))], nil
}

// killed kills a process that is drawn.
func killed(draw func(*campaign, *process) (int, error)) func(*campaign) error {
	return func(c *campaign) error {
		_, _, err := c.during("kill a process", func(p *process) error {
			pid, err := draw(c, p)
			if pid > 0 {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
			c.missed = pid == 0
			return err
		})
		return err
	}
}

// stopped stops a process that is drawn, and lets it go on.
func stopped(draw func(*campaign, *process) (int, error)) func(*campaign) error {
	return func(c *campaign) error {
		_, _, err := c.during("stop a process", func(p *process) error {
			pid, err := draw(c, p)
			if pid > 0 {
				// An execution may miss its timeout meanwhile.
				c.failures = c.failures || emulated(c)
				c.pause(pid)
			}
			c.missed = pid == 0
			return err
		})
		return err
	}
}

func (c *campaign) killAll() error {
	_, _, err := c.during("kill all at once", func(*process) error {
		pids, err := c.processes()
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		return err
	})
	return err
}

// records is the campaign's file, with what it holds; empty where there is none.
func (c *campaign) records() (string, []byte, error) {
	name := filepath.Join(c.out, record.FileName)
	data, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return name, nil, nil
	}
	return name, data, err
}

// tear kills a run, and cuts its file within the last line, as a power cut may.
func (c *campaign) tear() error {
	if err := signalled(syscall.SIGKILL)(c); err != nil {
		return err
	}
	return c.tearFile()
}

// tearFile cuts the campaign's file within the last line; one without a line is missed.
func (c *campaign) tearFile() error {
	name, data, err := c.records()
	c.missed = len(data) == 0
	if err != nil || c.missed {
		return err
	}
	last := bytes.LastIndexByte(data[:len(data)-1], '\n') + 1
	return os.Truncate(name, int64(last+c.rng.IntN(len(data)-last)))
}

// damage kills a run, overwrites some bytes of its file with what no text has, as blocks
// that were never written, and repairs it as a person would. What is left must be sound.
// (Damage that leaves a line well-formed is not seen: records have no checksums.)
func (c *campaign) damage() error {
	if err := signalled(syscall.SIGKILL)(c); err != nil {
		return err
	}
	at, err := c.damageFile()
	if err != nil || c.missed {
		return err
	}

	out, err := exec.Command(c.edgebed, "fsck", "--repair", c.out).CombinedOutput()
	if err != nil {
		c.tally.note(&c.tally.lost,
			"campaign %d: fsck cannot repair byte %d: %v\n%s", c.seed, at, err, out)
		return nil
	}
	if out, err := exec.Command(c.edgebed, "fsck", c.out).CombinedOutput(); err != nil {
		c.tally.note(&c.tally.wrong,
			"campaign %d: repaired records are not sound: %v\n%s", c.seed, err, out)
	}
	return nil
}

// damageFile overwrites some bytes behind the campaign's first record, without which all is
// lost, and returns where; a file with nothing there is missed.
func (c *campaign) damageFile() (at int, err error) {
	name, data, err := c.records()
	first := bytes.IndexByte(data, '\n') + 1
	c.missed = first == 0 || first >= len(data)
	if err != nil || c.missed {
		return 0, err
	}

	at = first + c.rng.IntN(len(data)-first)
	for i := at; i < min(at+1+c.rng.IntN(8), len(data)); i++ {
		data[i] = byte(c.rng.IntN(8))
	}
	return at, os.WriteFile(name, data, 0o666)
}

// moveAway moves the result folder away while a campaign writes there, and back when
// it has ended, which it must, with an error.
func (c *campaign) moveAway() error {
	aside := c.out + ".aside"
	began := time.Now()
	moved := false
	code, p, err := c.during("move the folder away", func(*process) error {
		err := os.Rename(c.out, aside)
		moved = err == nil
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil || !moved {
		return err
	}

	if code == exitOK {
		// All records may have been written; then the report was, elsewhere or before.
		_, missing := os.Stat(c.out)
		last, err := os.Stat(filepath.Join(aside, "ports.csv"))
		before := err == nil && last.ModTime().After(began)
		if errors.Is(missing, os.ErrNotExist) && !before {
			c.tally.note(&c.tally.wrong,
				"campaign %d: the folder was moved away, and it ends with code 0:\n%s", c.seed, p.log.String())
		}
	}
	return errors.Join(os.RemoveAll(c.out), os.Rename(aside, c.out))
}

// fill runs a campaign on a small disk that becomes full, and then has room again.
func (c *campaign) fill() error {
	onDisk, home := filepath.Join(c.disk, filepath.Base(c.out)), c.out
	if err := move(home, onDisk); err != nil {
		return err
	}
	c.out = onDisk
	filler := filepath.Join(c.disk, "filler")

	code, p, err := c.during("fill the disk", func(*process) error {
		f, err := os.Create(filler)
		if err != nil {
			return err
		}
		defer f.Close()
		block := make([]byte, 1<<16)
		for err == nil {
			if _, err = f.Write(block); errors.Is(err, syscall.ENOSPC) && len(block) > 1 {
				block, err = block[:len(block)/2], nil
			}
		}
		if !errors.Is(err, syscall.ENOSPC) {
			return err
		}
		return nil
	})
	if err != nil {
		return err
	}
	if code == 2 {
		c.tally.note(&c.tally.wrong,
			"campaign %d: a full disk ends it with the code of a wrong file:\n%s", c.seed, p.log.String())
	}

	c.out = home
	if err := os.Remove(filler); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return move(onDisk, home)
}

// move moves a folder to another file system; one that is not there is left alone.
func move(from, to string) error {
	if _, err := os.Stat(from); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	return os.RemoveAll(from)
}

// linkDown takes a device of a worker's network down, for good: what runs there must
// end with a reason.
func (c *campaign) linkDown() error {
	_, _, err := c.during("take a link down", func(p *process) error {
		pid, err := c.worker(p)
		if err != nil || pid == 0 {
			return err
		}
		ns, err := netns.GetFromPid(pid)
		if err != nil {
			return nil // it has ended
		}
		defer ns.Close()
		own, err := netns.Get()
		if err != nil {
			return err
		}
		defer own.Close()
		if ns.Equal(own) { // the sandbox has just begun
			return nil
		}

		handle, err := netlink.NewHandleAt(ns)
		if err != nil {
			return nil
		}
		defer handle.Close()
		list, err := handle.LinkList()
		if err != nil {
			return nil
		}
		list = slices.DeleteFunc(list, func(l netlink.Link) bool {
			return l.Attrs().Flags&net.FlagUp == 0 || l.Attrs().Name == "lo"
		})
		if len(list) == 0 {
			return nil
		}
		c.failures = true
		_ = handle.LinkSetDown(list[c.rng.IntN(len(list))]) // it may be gone
		return nil
	})
	return err
}
