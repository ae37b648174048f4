package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"edgebed/nodes/yamlfile"
)

// yamlBlock is a block of YAML in a page.
var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```")

// TestPages: each whole scenario in the pages of docs is right.
func TestPages(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	scenarios := map[string]int{}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range yamlBlock.FindAllSubmatch(text, -1) {
			var keys map[string]yaml.Node
			if yaml.Unmarshal(block[1], &keys) != nil {
				continue // a list, or two ways to write a key
			}
			_, name := keys["name"]
			if _, topology := keys["topology"]; !name || !topology {
				continue
			}
			scenarios[filepath.Base(page)]++
			file := filepath.Join(t.TempDir(), "page.yaml")
			if err := os.WriteFile(file, block[1], 0o666); err != nil {
				t.Fatal(err)
			}
			flags := selectionFlags{profile: "quick"}
			if _, _, err := flags.prepare(file, nil); err != nil {
				t.Errorf("%s: %s", page, yamlfile.Explain(err))
			}
		}
	}
	if scenarios["authoring.md"] < 2 {
		t.Errorf("whole scenarios: %v", scenarios)
	}
}

// TestWhatToChange: each piece of a scenario in the table of authoring.md fits into one.
func TestWhatToChange(t *testing.T) {
	page, err := os.ReadFile("../../docs/authoring.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(page), "| question | what to write |")
	if !ok {
		t.Fatal("there is no table")
	}
	table, _, _ = strings.Cut(table, "\n\n")

	values := map[string]string{"rate": "[1 Mb/s, 2 Mb/s]", "up": "[1 Mb/s, 2 Mb/s]"}
	sections := map[string]bool{"workload": true, "nodes": true, "execution": true, "clients": true, "load": true,
		"events": true, "profiles": true, "capture": true}
	pieces := 0
	for _, code := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(table, -1) {
		piece, topology := code[1], "preset: \"ring,switches=6,rate=5 Mb/s\""
		key, _, _ := strings.Cut(piece, ":")
		switch {
		case key == "functions" && key != piece:
			piece = "nodes: {computers: [{" + piece + "}]}"
		case (key == "changes" || key == "classes" || key == "mtu") && key != piece:
			if key == "classes" {
				topology = "preset: \"fattree,k=4\""
			}
			topology, piece = topology+", "+piece, ""
		case key == "preset" && key != piece:
			topology, piece = piece, ""
		case !sections[key] || key == piece:
			continue
		}

		text := "name: piece\ntopology: {" + topology + "}\n" + piece + "\n"
		if m := regexp.MustCompile(`\$(\w+)`).FindStringSubmatch(text); m != nil {
			text += "matrix: [{axis: " + m[1] + ", values: " + values[m[1]] + "}]\n"
		}
		file := filepath.Join(t.TempDir(), "piece.yaml")
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		flags := selectionFlags{profile: "quick"}
		if _, _, err := flags.prepare(file, nil); err != nil {
			t.Errorf("%s\n%s", text, yamlfile.Explain(err))
		}
		pieces++
	}
	if pieces < 15 {
		t.Errorf("%d pieces, want 15 at least", pieces)
	}
}
