package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"edgebed/harness/record"
)

// scenario is six small cells. An execution that lost a link fails soon.
const scenario = `version: 1
name: chaos
title: Chaos
matrix:
  - {axis: model, values: [pure-faas, state-prop, state-local]}
  - {axis: rate, label: Rate, unit: Mb/s, values: [5 Mb/s, 20 Mb/s]}
topology: {file: two.yaml, classes: {wire: {rate: $rate}}}
nodes:
  client: a
  computers:
    - hosts: [b]
      processors: [{name: cpu, cores: 1, speed: 1e12, memory: 64 MiB}]
      functions: [{names: [f0, f1], workers: 1, service-time: 5 ms}]
workload: {generator: chain, variant: text, states: 1, length: 2, argument: 1 kB}
execution: {model: $model, pause: 0 ms, timeout: 1 s}
profiles: {quick: {executions: 6, seeds: [1]}}
figures:
  - {name: delay, title: Delay, kind: lines, metric: delay, x: rate, series: model}
`

const topology = `version: 1
name: two
subnet: 10.7.0.0/24
switches: [left, right]
hosts:
  - {name: a, address: 10.7.0.1, switch: left}
  - {name: b, address: 10.7.0.2, switch: right}
links: [{between: [left, right], class: wire}]
link-classes: {wire: {rate: 10 Mb/s, delay: 1 ms}}
`

// programs are of the emulated campaign: a program of others on a host.
const programs = `programs:
  - name: other
    host: b
    command: [sleep, "3600"]
    environment: {%s: "%d"}
`

// programVariable is by which they are found.
const programVariable = "EDGEBED_CHAOS_PROGRAM"

// programMark is what programs of campaigns have in their environment.
func programMark() string { return fmt.Sprintf("%s=%d", programVariable, os.Getpid()) }

// write writes the scenarios into a folder and returns their files by network.
func write(dir string) (map[string]string, error) {
	files := make(map[string]string)
	errs := []error{os.WriteFile(filepath.Join(dir, "two.yaml"), []byte(topology), 0o666)}
	for network, text := range map[record.NetworkKind]string{
		record.Virtual:  scenario,
		record.Emulated: scenario + fmt.Sprintf(programs, programVariable, os.Getpid()),
	} {
		file := filepath.Join(dir, string(network)+".yaml")
		files[string(network)] = file
		errs = append(errs, os.WriteFile(file, []byte(text), 0o666))
	}
	return files, errors.Join(errs...)
}
