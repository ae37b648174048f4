package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"edgebed/harness/record"
	"edgebed/harness/virtual"
)

// patches has those for each kind of network; in virtual time they build in a tenth.
//
//go:embed injections
var patches embed.FS

// patchesFor returns the folder of patches for a kind of network.
func patchesFor(network record.NetworkKind) string { return "injections/" + string(network) }

// injection is a slow-down that is built into the program. The zero one is none.
type injection struct {
	name  string // of its patch
	about string
	// series is where its curves lie, as a value on the axis of the execution
	// models; empty where it is in all of them.
	series string
	// metrics are those that it changes, and that may be named.
	metrics []string
	// expected is a finding's metric and, of the delay, its parts that it is
	// expected in; without parts any will do.
	expected string
	parts    []string
}

// injections are those that the gate is to find.
var injections = []injection{
	{name: "link", about: "one link at 95 % (in virtual time 99.5 %) of its rate", metrics: []string{"delay"},
		expected: "delay", parts: []string{"part per byte", "whole curve", "1 Mb/s", "2 Mb/s", "5 Mb/s", "10 Mb/s"}},
	{name: "computer", about: "1 ms (0.1 ms) more in the computer", metrics: []string{"delay"},
		expected: "delay", parts: []string{"fixed part", "whole curve", "20 Mb/s", "50 Mb/s", "100 Mb/s"}},
	{name: "connection", about: "a connection more for each (each tenth) state access", series: "state-local",
		metrics: []string{"delay", "traffic-volume"}, expected: "delay"},
	{name: "state", about: "state-prop sends each state (a tenth of it) once too often", series: "state-prop",
		metrics: []string{"delay", "traffic-volume"}, expected: "traffic-volume"},
}

// choose returns the injections with these comma-separated names, or all.
func choose(list string) ([]injection, error) {
	if list == "" {
		return injections, nil
	}
	var chosen []injection
	for _, name := range strings.Split(list, ",") {
		i := slices.IndexFunc(injections, func(i injection) bool { return i.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no injection %q; there are %s", name, names(injections))
		}
		chosen = append(chosen, injections[i])
	}
	return chosen, nil
}

// build compiles the program of the tree at root with the injection into a folder,
// with the worker for virtual time if that is the network.
func (i injection) build(ctx context.Context, network record.NetworkKind, root, folder string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("build the program, %s: %w", orUnchanged(i.name), err)
		}
	}()

	dir, err := os.MkdirTemp("", "gate-rates-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if folder, err = filepath.Abs(folder); err != nil {
		return err
	}

	args := []string{"build", "-trimpath"}
	if i.name != "" {
		overlay, _, err := i.overlay(ctx, network, root, dir)
		if err != nil {
			return err
		}
		args = append(args, "-overlay", overlay)
	}

	programs := [][]string{{"edgebed"}}
	if network == record.Virtual {
		programs = append(programs, slices.Concat([]string{"edgebed-virtual"}, virtual.BuildFlags()))
	}
	for _, p := range programs {
		of := slices.Concat(args, p[1:], []string{"-o", filepath.Join(folder, p[0]), "./harness/cmd/" + p[0]})
		cmd := exec.CommandContext(ctx, "go", of...)
		cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
		if err := output(cmd); err != nil {
			return err
		}
	}
	return nil
}

// overlay applies the injection's patch to copies, in dir, of the files that it
// changes, and returns the file for go build -overlay and the changed files,
// relative to root.
func (i injection) overlay(
	ctx context.Context, network record.NetworkKind, root, dir string,
) (overlay string, changed []string, err error) {
	file := patchesFor(network) + "/" + i.name + ".patch"
	patch, err := patches.ReadFile(file)
	if err != nil {
		return "", nil, err
	}

	if root, err = filepath.Abs(root); err != nil {
		return "", nil, err
	}

	replace := map[string]string{}
	for _, line := range strings.Split(string(patch), "\n") {
		name, ok := strings.CutPrefix(line, "--- a/")
		if !ok {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return "", nil, fmt.Errorf("patch %s changes a file that is not there any more: %w", i.name, err)
		}

		copied := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(copied), 0o777), os.WriteFile(copied, text, 0o666)); err != nil {
			return "", nil, err
		}
		replace[filepath.Join(root, name)] = copied
		changed = append(changed, name)
	}

	cmd := exec.CommandContext(ctx, "git", "apply", "-")
	cmd.Stdin = bytes.NewReader(patch)
	// The copies are of no repository, even where dir lies in one.
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
	if err := output(cmd); err != nil {
		return "", nil, fmt.Errorf("%s does not fit the source any more; bring it up to date: %w", file, err)
	}

	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", nil, err
	}

	overlay = filepath.Join(dir, "overlay.json")
	return overlay, changed, os.WriteFile(overlay, text, 0o666)
}

// output runs a command; its error has what the command said.
func output(cmd *exec.Cmd) error {
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args[:2], " "), err, bytes.TrimSpace(text))
	}
	return nil
}
