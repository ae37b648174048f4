package main

import (
	"os"
	"path/filepath"
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

// write writes the scenario into a folder and returns its file.
func write(dir string) (string, error) {
	if err := os.WriteFile(filepath.Join(dir, "two.yaml"), []byte(topology), 0o666); err != nil {
		return "", err
	}
	file := filepath.Join(dir, "chaos.yaml")
	return file, os.WriteFile(file, []byte(scenario), 0o666)
}
