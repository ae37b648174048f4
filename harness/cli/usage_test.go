package cli

import (
	"bytes"
	"strings"
	"testing"
)

// TestUnknownBelow: a command that only has others below it does not take one that it does
// not have for a call for help.
func TestUnknownBelow(t *testing.T) {
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
		"shell ring --file .":        {exitUsage, "is a directory"},
		"topo list x":                {exitUsage, "unknown command"},

		"topo show ring --pairs --tables": {exitUsage, "pairs tables"},
		"validate ring --where a=b":       {exitUsage, "ring is a topology, and --where chooses among"},
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
