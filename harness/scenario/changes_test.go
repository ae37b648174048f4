package scenario

import (
	"fmt"
	"strings"
	"testing"
)

// TestChanges: a change of a link is about one link or one host, and changes it.
func TestChanges(t *testing.T) {
	for change, want := range map[string]string{
		"{link: [s0, s1], forward: {rate: 2 Mb/s}}":                           "",
		"{link: [s0, s1], reverse: {rate: 2 Mb/s}}":                           "",
		"{link: [s0, s1], mtu: 1400}":                                         "",
		"{host: host1, uplink: {rate: 2 Mb/s}}":                               "",
		"{host: host1, downlink: {rate: 2 Mb/s}}":                             "",
		"{host: host1, mtu: 1400}":                                            "",
		"{forward: {rate: 2 Mb/s}}":                                           "expected either link, with two switches, or host",
		"{link: [s0, s1], host: host1, mtu: 1400}":                            "expected either link, with two switches, or host",
		"{link: [s0], mtu: 1400}":                                             "changes[0].link: expected two switches, got 1",
		"{link: [s0, s1, s2], mtu: 1400}":                                     "changes[0].link: expected two switches, got 3",
		"{link: [s0, s1], uplink: {rate: 2 Mb/s}}":                            "uplink and downlink are of a host",
		"{link: [s0, s1], forward: {rate: 2 Mb/s}, downlink: {rate: 2 Mb/s}}": "uplink and downlink are of a host",
		"{host: host1, reverse: {rate: 2 Mb/s}}":                              "forward and reverse are of a link between switches",
		"{host: host1, uplink: {rate: 2 Mb/s}, forward: {rate: 2 Mb/s}}":      "forward and reverse are of a link between switches",
		"{link: [s0, s1]}":                                                    "changes[0]: this changes nothing",
		"{host: host1}":                                                       "changes[0]: this changes nothing",
	} {
		err := mistakesIn("name: c\ntopology: {preset: ring, changes: [" + change + "]}\nexecution: {model: pure-faas}\n")
		if !says(err, want) {
			t.Errorf("%s: %v, want %q", change, err, want)
		}
	}

	for n, want := range map[int]string{1000: "", 1001: "expected at most 1000 changes, got 1001"} {
		changes := strings.Repeat("{host: host1, mtu: 1400}, ", n)
		err := mistakesIn("name: c\ntopology: {preset: ring, changes: [" + changes + "]}\nexecution: {model: pure-faas}\n")
		if !says(err, want) {
			t.Errorf("%d changes: %v", n, err)
		}
	}
}

// TestTopologySection: a network is described in one way, and its settings have limits.
func TestTopologySection(t *testing.T) {
	const inline = "switches: [s], hosts: [{name: a, switch: s}, {name: b, switch: s}]"
	sysctls := func(n, long int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf("net.ipv4.x%d: \"%s\"", i, strings.Repeat("1", long)))
		}
		return "preset: ring, sysctls: {" + strings.Join(list, ", ") + "}"
	}
	for topology, want := range map[string]string{
		"preset: ring": "", "file: x.yaml": "", inline: "",
		"delay: netem":                                 "expected one of file, preset, or switches and hosts; got 0 of them",
		"preset: ring, file: x.yaml":                   "got 2 of them",
		"preset: ring, " + inline:                      "got 2 of them",
		"preset: ring, links: []":                      "got 2 of them",
		"preset: ring, link-classes: {a: {}}":          "got 2 of them",
		"preset: ring, subnet: 10.0.0.0/8":             "got 2 of them",
		"preset: ring, file: x, " + inline:             "got 3 of them",
		"preset: ring, delay: netm":                    "topology.delay: unknown delay back end \"netm\"; did you mean netem?",
		"preset: ring, classes: {ring: {}}":            "topology.classes.ring: this changes nothing; expected parameters of links",
		"preset: ring, classes: {ring: {delay: 1 ms}}": "",
		"preset: ring, sysctls: {kernel.panic: 1}":     "topology.sysctls.\"kernel.panic\": check sysctl",
		sysctls(100, 200):                              "",
		sysctls(101, 1):                                "topology.sysctls: expected at most 100 settings, got 101",
		sysctls(1, 201):                                "expected a value of at most 200 characters",
	} {
		err := mistakesIn("name: c\ntopology: {" + topology + "}\nexecution: {model: pure-faas}\n")
		if !says(err, want) {
			t.Errorf("%.80s: %v, want %q", topology, err, want)
		}
	}
}

// TestEventChanges: an event is about one thing, and does one that can be done to it.
func TestEventChanges(t *testing.T) {
	for event, want := range map[string]string{
		"link: [s0, s1], down: true":                                      "",
		"direction: [s0, s1], down: true":                                 "",
		"link-class: ring, set: {rate: 1 Mb/s}":                           "",
		"computer: host1, stop: true":                                     "",
		"computer: host1, speed: 2":                                       "",
		"link: [s0, s1, s2], down: true":                                  "events[0].link: expected two switches, got 3",
		"direction: [s0], down: true":                                     "events[0].direction: expected two ends of a link, got 1",
		"direction: [s0, s1, s2], down: true":                             "events[0].direction: expected two ends of a link, got 3",
		"link-class: ring, link: [s0, s1], down: true":                    "expected one of link, direction, link-class and computer, got 2",
		"direction: [s0, s1], computer: host1, down: true":                "expected one of link, direction, link-class and computer, got 2",
		"link: [s0, s1], speed: 2":                                        "stop and speed are of computers",
		"computer: host1, set: {rate: 1 Mb/s}":                            "down and set are of links",
		"computer: host1, stop: true, speed: 2":                           "expected one of stop and speed, got 2",
		"computer: host1, stop: true, every: 5 s, for: 1 s":               "",
		"computer: host1, stop: true, every: 5 s, for: 6 s, random: true": "",
		"computer: host1, stop: true, every: 5 s, random: true":           "what stays cannot be repeated",
	} {
		_, err := underLoad(t, "events: [{"+event+"}]")
		if !says(err, want) {
			t.Errorf("%s: %v, want %q", event, err, want)
		}
	}
	many := strings.Repeat("{computer: host1, stop: true}, ", 1000)
	if _, err := underLoad(t, "events: ["+many+"]"); err != nil {
		t.Errorf("1000 events: %v", err)
	}
}
