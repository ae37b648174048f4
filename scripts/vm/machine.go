package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// modules are what the emulation uses of a kernel (package emu), and what the
// drive for the results needs.
var modules = []string{"veth", "bridge", "sch_htb", "sch_netem", "sch_red", "sch_codel", "sch_fq_codel",
	"virtio_pci", "virtio_blk"}

// memory of a machine in MiB.
const memory = 768

// timeLimit of a machine. They take two to four minutes where the cores are free; what is
// measured in them does not depend on that.
const timeLimit = 25 * time.Minute

// machine is one guest: what it has and what it does.
type machine struct {
	name     string
	programs map[string]string // file on the host, by its path in the guest
	steps    []step
}

// boot runs the machine to its end. Its console goes to a log in dir and, line
// by line, to show; its results to the folder out. The error says why the
// machine did not do all of its plan, or that a step failed.
func (m machine) boot(ctx context.Context, k *kernel, dir, out string, show func(line string)) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("machine %s: %w", m.name, err)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, timeLimit)
	defer cancel()
	initramfs, disk := filepath.Join(dir, m.name+".cpio"), filepath.Join(dir, m.name+".disk")
	if err := m.writeInitramfs(ctx, k, initramfs); err != nil {
		return fmt.Errorf("make %s: %w", initramfs, err)
	}
	if err := errors.Join(os.WriteFile(disk, nil, 0o644), os.Truncate(disk, 256<<20)); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(dir, m.name+".log"))
	if err != nil {
		return err
	}
	defer log.Close()

	// Software emulation even where there is KVM: the guest's clock then counts
	// instructions (icount) and skips what is idle, so that what is measured
	// does not depend on the load of this machine.
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64",
		"-accel", "tcg", "-icount", "shift=0,sleep=off", "-m", fmt.Sprint(memory), "-smp", "1",
		// The same date at each boot, and from then on the guest's own clock.
		"-rtc", "base=2026-01-01,clock=vm",
		"-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot",
		"-drive", "if=virtio,format=raw,file="+disk,
		"-kernel", k.image, "-initrd", initramfs, "-append", "console=ttyS0 quiet panic=-1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = log
	console, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	// The parent-death signal follows the thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return err
	}
	verdict := ""
	lines := bufio.NewReader(console)
	for {
		line, err := lines.ReadString('\n')
		line = strings.TrimRight(line, "\r\n")
		fmt.Fprintln(log, line)
		if rc, ok := strings.CutPrefix(line, markEnd+"="); ok {
			verdict = rc
		}
		show(line)
		if err != nil {
			break // the exit code says why
		}
	}
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return fmt.Errorf("qemu: %w; its console is in %s", err, log.Name())
	}
	if verdict == "" {
		return fmt.Errorf("it stopped before the end of its plan; its console is in %s", log.Name())
	}
	results, err := os.Open(disk)
	if err != nil {
		return err
	}
	defer results.Close()
	if err := extract(results, out); err != nil {
		return fmt.Errorf("unpack the results: %w", err)
	}
	if verdict != "0" {
		return fmt.Errorf("a step failed; its console is in %s", log.Name())
	}
	return nil
}

// writeInitramfs writes the guest's root file system: this program as /init,
// the machine's programs, kernel modules and plan.
func (m machine) writeInitramfs(ctx context.Context, k *kernel, name string) (err error) {
	file, err := os.Create(name)
	if err != nil {
		return err
	}

	buffer := bufio.NewWriterSize(file, 1<<20)
	w := &archive{w: buffer}
	defer func() { err = errors.Join(err, buffer.Flush(), file.Close()) }()

	for _, dir := range []string{"bin", "lib"} {
		if err := w.add(dir, cpioDir|0o755, 0, strings.NewReader("")); err != nil {
			return err
		}
	}

	for name := range applets {
		const target = "/init"
		if err := w.add("bin/"+name, cpioSymlink|0o777, int64(len(target)), strings.NewReader(target)); err != nil {
			return err
		}
	}

	p := plan{Steps: m.steps}
	list, err := k.closure(ctx, modules)
	if err != nil {
		return err
	}
	for _, mod := range list {
		name := "lib/" + mod.name + ".ko"
		p.Modules = append(p.Modules, "/"+name)
		if err := w.add(name, cpioRegular|0o644, int64(len(mod.text)), bytes.NewReader(mod.text)); err != nil {
			return err
		}
	}

	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	place := strings.TrimPrefix(planFile, "/")
	if err := w.add(place, cpioRegular|0o644, int64(len(text)), bytes.NewReader(text)); err != nil {
		return err
	}

	for name, path := range m.programs {
		program, err := os.Open(path)
		if err != nil {
			return err
		}
		defer program.Close()
		info, err := program.Stat()
		if err != nil {
			return err
		}
		if err := w.add(name, cpioRegular|0o755, info.Size(), program); err != nil {
			return err
		}
	}

	return w.close()
}
