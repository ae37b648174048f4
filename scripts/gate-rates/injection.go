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
)

//go:embed injections/*.patch
var patches embed.FS

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
	{name: "link", about: "one link at 95 % of its rate", metrics: []string{"delay"},
		expected: "delay", parts: []string{"part per byte", "whole curve", "1 Mb/s", "2 Mb/s", "5 Mb/s", "10 Mb/s"}},
	{name: "computer", about: "1 ms more in the computer", metrics: []string{"delay"},
		expected: "delay", parts: []string{"fixed part", "whole curve", "20 Mb/s", "50 Mb/s", "100 Mb/s"}},
	{name: "connection", about: "a connection more for each state access", series: "state-local",
		metrics: []string{"delay", "traffic-volume"}, expected: "delay"},
	{name: "state", about: "state-prop sends each state once too often", series: "state-prop",
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

// build compiles the program of the tree at root with the injection into file.
func (i injection) build(ctx context.Context, root, file string) (err error) {
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
	if file, err = filepath.Abs(file); err != nil {
		return err
	}

	args := []string{"build", "-trimpath", "-o", file}
	if i.name != "" {
		overlay, _, err := i.overlay(ctx, root, dir)
		if err != nil {
			return err
		}
		args = append(args, "-overlay", overlay)
	}

	cmd := exec.CommandContext(ctx, "go", append(args, "./harness/cmd/edgebed")...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	return output(cmd)
}

// overlay applies the injection's patch to copies, in dir, of the files that it
// changes, and returns the file for go build -overlay and the changed files,
// relative to root.
func (i injection) overlay(ctx context.Context, root, dir string) (overlay string, changed []string, err error) {
	patch, err := patches.ReadFile("injections/" + i.name + ".patch")
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
		return "", nil, fmt.Errorf("injections/%s.patch does not fit the source any more; bring it up to date: %w",
			i.name, err)
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
