package cli

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestUnknownBelow: a command that only has others below it does not take one that it does
// not have for a call for help.
func TestUnknownBelow(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]struct {
		code int
		says string
	}{
		"topo nosuch":                {exitUsage, `unknown command "nosuch" for "edgebed topo"`},
		"topo shwo ring6":            {exitUsage, "did you mean show?"},
		"baseline udpate x":          {exitUsage, "did you mean update?"},
		"completion nosuch":          {exitUsage, "unknown command"},
		"rnu x":                      {exitUsage, "unknown command"},
		"topo":                       {exitOK, ""},
		"topo --help":                {exitOK, ""},
		"topo list":                  {exitOK, ""},
		"help topo":                  {exitOK, ""},
		"help nosuch":                {exitUsage, "unknown command \"nosuch\""},
		"shell ring --file nope.txt": {exitUsage, "nope.txt: no such file"},
		"shell ring --file " + pipe:  {exitUsage, "nobody writes to it"},
		"shell ring --file .":        {exitUsage, "is a directory"},
		"topo list x":                {exitUsage, "unknown command"},

		"topo show ring --pairs --tables": {exitUsage, "pairs tables"},
		"validate ring --where a=b":       {exitUsage, "ring is a topology, and --where chooses among"},
		"plan ring-size --jobs -1":        {exitUsage, "--jobs -1: expected 0 to"},
		"compare a b --delay 1e30":        {exitUsage, "--delay 1e+30: expected 0 to 10"},
		"compare a b --bytes inf":         {exitUsage, "--bytes +Inf: expected 0 to 10"},
		"compare a b --noise -1":          {exitUsage, "--noise -1: expected 0 to 10"},
		"compare a b --delay nan":         {exitUsage, "--delay NaN: expected 0 to 10"},
		"compare a b --alpha 1":           {exitUsage, "--alpha 1: expected a probability"},
	} {
		var out, errs bytes.Buffer
		if code := Run(t.Context(), strings.Fields(line), &out, &errs); code != want.code {
			t.Errorf("edgebed %s ends with %d, want %d: %s", line, code, want.code, &errs)
		}
		if !strings.Contains(errs.String(), want.says) {
			t.Errorf("edgebed %s says %q, want %q", line, &errs, want.says)
		}
	}
}

// TestInterruptedSaysSo: what fails since a command was interrupted is not said of the
// machine.
func TestInterruptedSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, line := range []string{"doctor", "doctor --json", "run ring-size --out " + t.TempDir() + "/o"} {
		var out, errs bytes.Buffer
		if code := Run(ctx, strings.Fields(line), &out, &errs); code != exitInterrupted {
			t.Errorf("edgebed %s, interrupted, ends with %d: %s", line, code, &errs)
		}
		if text := out.String() + errs.String(); !strings.Contains(text, "interrupted") ||
			strings.Contains(text, "cannot run") || strings.Contains(text, "missing") {
			t.Errorf("edgebed %s, interrupted, says %q", line, text)
		}
	}
}
