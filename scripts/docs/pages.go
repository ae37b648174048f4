package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"edgebed/harness/emu"
	"edgebed/harness/program"
	"edgebed/harness/record"
	"edgebed/harness/scenario"
	"edgebed/harness/topology"
	"edgebed/nodes/workflow"
)

// pages returns the pages of the reference.
func pages() []page { return []page{scenarioPage(), topologyPage()} }

func scenarioPage() page {
	const (
		folder    = "harness/scenario"
		records   = "harness/record"
		workflows = "nodes/workflow"
		programs  = "harness/program"
	)
	return page{
		file: "docs/scenarios.md",
		intro: `# Scenario files

A scenario is one YAML file: what varies (the matrix), the network, the nodes, the
workload, how it is executed, and what figures and claims are made of the result.
` + "`edgebed show exp400`" + ` prints one with comments, ` + "`edgebed validate FILE`" + ` checks one without
running it. A mistake is answered with file, line and column, what was expected and
the nearest valid name.

The sections topology, nodes, workload, execution, clients, load and events may use ` + "`$name`" + ` for the value
that an axis of the matrix, or a parameter, has in the cell at hand. Each combination
of the axes' values with each seed of a profile is one cell.

A scenario is a name, a topology and what varies; whatever else it leaves out has the
[defaults](#defaults) below. [authoring.md](authoring.md) begins with one of a few lines.`,
		link: map[string]string{
			"Parameter": "Parameters", "axisFile": "Matrix", "valueFile": "Values", "Profile": "Profiles",
			"record.Figure": "Figures", "record.Claim": "Claims", "record.NetworkKind": "Networks",
			"ComputerGroup": "Computers", "Processor": "Processors",
			"Function": "Functions", "StateMode": "State modes",
			"topology.Class": "Link classes", "topology.Override": "Link parameters",
			"topology.HostSpec": "Hosts", "topology.LinkSpec": "Links", "LinkChange": "Changes of links",
			"foreign.Description": "Workflows", "Task": "Tasks",
			"workflow.Model": "Models", "workflow.Form": "Forms",
			"workflow.Variant": "Variants", "emu.Backend": "Delay back ends",
			"Process": "Arrivals", "Loop": "Loops", "Ramp": "Ramps", "ClientGroup": "Groups of clients",
			"Span": "Spans", "Ready": "Readiness", "Restart": "Restarts", "Source": "Samples", "Quantity": "Quantities",
			"cgroup.Limits": "Limits of programs", "HostLimits": "Limits of hosts",
		},
		words: map[string]string{
			"Generators": "[generators](#generators)", "Metrics": "[metrics](#metrics)",
			"FigureKinds": "[kinds of figures](#kinds-of-figures)",
			"ClaimKinds":  "[kinds of claims](#kinds-of-claims)",
		},
		sections: []section{
			{title: "The file", folder: folder, of: "file"},
			{title: "Networks", folder: records, of: "NetworkKind", only: texts(record.NetworkKinds)},
			{title: "Parameters", folder: folder, of: "Parameter",
				text: "Values that are the same in all cells. `edgebed run --set NAME=VALUE` changes them."},
			{title: "Matrix", folder: folder, of: "axisFile", text: "A list of axes; the last one varies fastest. " +
				"A range of values is `1..8` (in steps of 1), `0..50 ms step 10`, `10..90 kB linear 5` " +
				"or `1..100 Mb/s log 7`: so many values, the ends among them, with three digits; " +
				"without a unit, whole numbers where the ends are."},
			{title: "Values", folder: folder, of: "valueFile",
				text: "A value of an axis is plain text, or has a name and sets several variables at once:"},
			{title: "Expressions", text: expressions},
			{title: "Topology", folder: folder, of: "Topology"},
			{title: "Link classes", text: "The keys of a [link class](topologies.md#link-classes); " +
				"those that are given replace the topology's."},
			{title: "Link parameters", text: "The [parameters of a link](topologies.md#link-parameters); " +
				"those that are not given stay."},
			{title: "Changes of links", folder: folder, of: "LinkChange"},
			{title: "Hosts", text: "The keys of a [host](topologies.md#hosts) of a topology file."},
			{title: "Links", text: "The keys of a [link](topologies.md#links) of a topology file."},
			{title: "Delay back ends", folder: "harness/emu", of: "Backend", only: texts(emu.Backends)},
			{title: "Nodes", folder: folder, of: "Nodes", text: "Every host runs a router."},
			{title: "Computers", folder: folder, of: "ComputerGroup",
				text: "Each element describes equal computers on several hosts."},
			{title: "Limits of hosts", folder: folder, of: "HostLimits",
				text: "Each element, as `{hosts: [host1, host2], cpu: 0.5}`, is for each of its hosts; " +
					"[network.md](network.md#weak-hosts) says what that means, and what it needs."},
			{title: "Software cost", folder: "nodes/cost", of: "Model",
				text: "The terms of a software cost of one's own, `software-cost: {call: 1 ms, state-move: 2 ms}`; " +
					"those that are left out cost nothing. Each is 10 s at most. " +
					"[fidelity.md](fidelity.md) says where the fit is from."},
			{title: "State modes", folder: folder, of: "StateMode",
				only: texts([]scenario.StateMode{scenario.StateArtifact, scenario.StateReadWrite})},
			{title: "Processors", folder: folder, of: "Processor"},
			{title: "Functions", folder: folder, of: "Function"},
			{title: "Workload", folder: folder, of: "Workload",
				text: "The keys beside `generator` and `argument` are those that the generator reads, and no others."},
			generators(),
			{title: "Workflow files", text: workflowFiles},
			{title: "Workflows", folder: "nodes/workflow/foreign", of: "Description",
				text: "A workflow under `workload.workflow`, or in a YAML file of its own."},
			{title: "Tasks", folder: "nodes/workflow/foreign", of: "Task"},
			{title: "Variants", folder: workflows, of: "Variant",
				only: texts([]workflow.Variant{workflow.Artifact, workflow.Text})},
			{title: "Execution", folder: folder, of: "Execution"},
			{title: "Models", folder: workflows, of: "Model", only: texts(workflow.Models)},
			{title: "Forms", folder: workflows, of: "Form",
				only: texts([]workflow.Form{workflow.Carry, workflow.Direct})},
			{title: "Clients", folder: folder, of: "Clients"},
			{title: "Groups of clients", folder: folder, of: "ClientGroup",
				text: "Each element describes clients with a workload of their own; " +
					"[load.md](load.md#clients-with-workloads-of-their-own) has an example."},
			{title: "Load", folder: folder, of: "Load",
				text: "[load.md](load.md) says what is measured, and what of."},
			{title: "Arrivals", folder: folder, of: "Process", only: texts(scenario.Processes)},
			{title: "Ramps", folder: folder, of: "Ramp"},
			{title: "Loops", folder: folder, of: "Loop", only: texts([]scenario.Loop{scenario.Open, scenario.Closed})},
			{title: "Events", folder: folder, of: "Event",
				text: "A list of what changes while executions run; [load.md](load.md#events) has examples."},
			{title: "Programs", folder: programs, of: "Program",
				text: programsText},
			{title: "Spans", folder: programs, of: "Span",
				only: texts([]program.Span{program.Cell, program.Execution})},
			{title: "Readiness", folder: programs, of: "Ready"},
			{title: "Restarts", folder: programs, of: "Restart",
				only: texts([]program.Restart{program.Never, program.OnFailure, program.Always})},
			{title: "Limits of programs", folder: "harness/cgroup", of: "Limits",
				text: "As `limits: {cpu: 0.5, memory: 64 MB}`; [network.md](network.md#programs) says what they need."},
			{title: "Samples", folder: programs, of: "Source", only: texts([]program.Source{
				program.Descriptor, program.Stdout, program.Document, program.Text})},
			{title: "Quantities", folder: programs, of: "Quantity"},
			{title: "Capture", folder: folder, of: "Capture",
				text: "Frames as pcapng, for Wireshark and others; a list alone, " +
					"`capture: [s0-s1, host2]`, is what `of` says. See [network.md](network.md#captures)."},
			{title: "Profiles", folder: folder, of: "Profile",
				text: "How much of the matrix to run; `--profile` chooses one by name."},
			{title: "Figures", folder: records, of: "Figure"},
			{title: "Kinds of figures", folder: records, only: record.FigureKinds},
			metrics(),
			{title: "Claims", folder: records, of: "Claim",
				text: "A claim is a sentence made checkable; `edgebed check` says whether it holds. " +
					"It is about a metric's " +
					"mean at each point that `where` leaves."},
			{title: "Kinds of claims", folder: records, with: "Claim", only: record.ClaimKinds,
				text: "Below, a and \"a / b\" stand for an element of `of`: a series, or the ratio of two."},
			{title: "Defaults", text: "`edgebed show defaults` prints them, too.\n\n```yaml\n" +
				strings.TrimSpace(string(scenario.DefaultsText)) + "\n```"},
		},
	}
}

func topologyPage() page {
	const folder = "harness/topology"
	return page{
		file: "docs/topologies.md",
		intro: `# Topology files

A topology is one YAML file: switches, the hosts that are attached to them, and the
links between switches. ` + "`edgebed show ring6`" + ` prints one with comments; the files that come
with edgebed are in [topologies/](../topologies). Links between switches have a rate, a
delay, losses and a queue in each direction. The link between a host and its switch is
unshaped, as in the prototype, unless the host has parameters of its own: then it is an
access link, in both directions, whose queue towards the switch is not the host's but
that of a box at its end of the line, as of a modem.

Frames take the path with the fewest links. Among several, the one is taken that avoids
links further down the file, in both directions.`,
		link: map[string]string{
			"HostSpec": "Hosts", "InterfaceSpec": "Interfaces", "LinkSpec": "Links", "Class": "Link classes",
			"Override":       "Link parameters",
			"GilbertElliott": "Losses in bursts",
		},
		sections: []section{
			{title: "The file", folder: folder, of: "Topology"},
			{title: "Switches and routers", folder: folder, of: "Mode",
				only: texts([]topology.Mode{topology.Switched, topology.Routed}),
				text: "What switches are; [network.md](network.md#routers-and-ipv6) has an example."},
			{title: "Hosts", folder: folder, of: "HostSpec"},
			{title: "Interfaces", folder: folder, of: "InterfaceSpec", text: interfaces},
			{title: "Links", folder: folder, of: "LinkSpec"},
			{title: "Link classes", text: "The keys are all [link parameters](#link-parameters), which are of both " +
				"directions, `mtu`, and `forward` and `reverse`, which override them for one: " +
				"from the first switch of a link to the second, or from a host to its switch; and back."},
			{title: "Link parameters", folder: folder, of: "Override",
				text: "For a class of links, for one direction of one link, and for " +
					"`topology.classes` of a scenario. Each key may be absent."},
			{title: "Losses in bursts", folder: folder, of: "GilbertElliott", text: gilbertElliott},
			{title: "MTUs", text: mtus},
			{title: "Queues", folder: folder, of: "Discipline", only: texts(topology.Disciplines), text: queues},
			{title: "What does it", text: backends},
		},
	}
}

// interfaces is about hosts that have several.
const interfaces = "A host with several links says so with `also`: `{name: h1, switch: s1, also: [{switch: s2}]}` " +
	"has eth0 at s1 and eth1 at s2. [network.md](network.md#hosts-with-several-interfaces) says which way its " +
	"frames go, and how its links and ports are called. Switches that only interfaces of `also` are at may have " +
	"no link to the others: such a network reaches its members alone."

// gilbertElliott is about losses in bursts.
const gilbertElliott = `Random losses hit each frame by itself; on radio links they come in bursts. The channel of
Gilbert and Elliott has a good and a bad state: a frame is lost with the probability of the
state, and after it the state may change. ` + "`{loss: 1 %, loss-burst: 4}`" + ` is the short form: of all
frames 1 % are lost, 4 in a row on average, all in the bad state and none in the good one.
The keys of ` + "`gilbert-elliott`" + ` are the four parameters of the literature and of
` + "`tc netem loss gemodel`" + `:`

// mtus is about the largest packets.
const mtus = `An MTU is of a link in both directions. A host's is that of its link to its switch: its own
` + "`mtu`" + `, its class's, or the network's. TCP fits its segments to the smaller one of both ends' MTUs.

Links between switches may have others. A switch is no router: what does not fit through a link
it drops, and no ICMP message tells the hosts, so that a connection would stand still. Routers of
` + "`mode: routed`" + ` do not tell them either, because the bridges behind them drop. Therefore each
link must take what any two hosts exchange over it; where it does not, that is a mistake. A
larger MTU in the middle does no harm, and no good but for what follows from the largest frame,
such as the automatic ` + "`burst`" + `.`

// queues is about disciplines.
const queues = `A queue is limited in packets (tc: pfifo), or with ` + "`queue-bytes`" + ` in bytes of frames
(tc: bfifo).
What it drops is its discipline's matter. All but fifo are the kernel's, on emulated links; a
kernel that lacks one is found out before anything runs, and virtual time has fifo only.`

// backends is about what can do what.
const backends = `| | netem | delay line | virtual time |
|---|---|---|---|
| rate, queue in packets or bytes | yes | yes | yes |
| delay, jitter, loss, bursts, duplicates | yes | yes | yes |
| the same frames for the same seed | from Linux 6.6 on | yes, those of virtual time | yes, those of the delay line |
| MTUs of the network, links and hosts | yes | yes | yes |
| corruption | yes | no | no |
| red, codel, fq-codel | where the kernel has it | where the kernel has it | no |
| routers, parallel links, several interfaces of a host | yes | yes | yes |
| TCP's cubic and reno | yes | yes | yes |
| other congestion control, sysctls of hosts | where the kernel has it | where the kernel has it | no |
| programs of others | yes | yes | no |
| IPv6 beside IPv4 | where the kernel has it | where the kernel has it | no |

What a network cannot do is refused before anything runs, by ` + "`edgebed validate`" + `, ` + "`plan`" + ` and
` + "`run`" + ` alike, with the place and a sentence that names what can. The network is the scenario's,
or that of ` + "`--network`" + `. With netem and with
the delay line the rate and the queue are the kernel's (HTB).`

// expressions is about derived values.
const expressions = `Where $name may stand, so may an expression in ${}:

    ${2 * rate}    ${rate * delay}    ${n > 8 ? 'cubic' : 'reno'}

Numbers, rates, sizes and times are added, compared, multiplied and divided as
quantities: a rate times a time is a size. Rate("5 Mb/s"), Size("10 kB") and
Time("5 ms") are quantities, too. Functions are abs, ceil, float, floor, int, max,
min and round, of numbers. A name with a hyphen is one name where there is such a
variable; minus has spaces around it. The language is that of
[Expr](https://expr-lang.org), without loops; an expression has up to 500 characters.`

// workflowFiles is about the formats that package foreign reads.
const workflowFiles = `The end of a file's name and its content tell what it holds:

| file | holds |
|---|---|
| .json with the key workflow | [WfCommons' WfFormat](https://github.com/wfcommons/WfFormat) 1.3 to 1.6 |
| .json with functions, or successors | the prototype's chain or DAG |
| .csv | jobs of the Alibaba trace of 2018, rows of batch_task.csv: M2_1 is task 2, which waits for task 1 |
| .yaml | [a workflow](#workflows) of edgebed's own |

A task puts out what the file says: in WfFormat those of the files it writes that its
children read, and a last task all that it writes. Each child gets what it reads: in
WfFormat its files, in YAML as much as its reads says, and else all. Where the file does
not say sizes or times, an output is as large as the argument, and a task takes its
computer's service time. The client's input is the argument.

Several first tasks follow a task "start", which puts out as much as the one of them that
reads most, and of which each gets what it reads; and several last ones precede a task
"end", which puts out all that they do. Both take no time.

Where computers serve functions of the tasks' names, tasks run there. Where they serve none
of them, each execution draws a function for each task, as seeds say. The keys argument,
size-factor and time-factor bring a workflow to the magnitude of an edge network: an
output, and what a join reads, is at most 250 MB. A workflow has up to 1000 tasks.`

// generators lists the ways to draw workflows, and what they read.
func generators() section {
	s := section{title: "Generators", head: []string{"generator", "draws", "reads"}}
	for _, name := range slices.Sorted(maps.Keys(scenario.Generators)) {
		g := scenario.Generators[name]
		s.table = append(s.table, []string{"`" + name + "`", g.About, "`" + strings.Join(g.Keys, "`, `") + "`"})
	}
	return s
}

// metrics lists what figures and claims can be about.
func metrics() section {
	s := section{title: "Metrics", head: []string{"metric", "label of its axis"}}
	for _, name := range slices.Sorted(maps.Keys(record.Metrics)) {
		s.table = append(s.table, []string{"`" + name + "`", record.Metrics[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(record.Sampled)) {
		s.table = append(s.table, []string{"`" + name + "`", record.Sampled[name] + "; of a timeline only"})
	}
	return s
}

// texts returns names as strings.
func texts[T ~string](names []T) []string {
	var s []string
	for _, n := range names {
		s = append(s, fmt.Sprint(n))
	}
	return s
}

// programsText introduces the programs of a scenario.
const programsText = "Commands on hosts, of any software that the machine has; " +
	"[network.md](network.md#programs) has examples. In command, environment and files, `{{host}}`, " +
	"`{{address}}` and `{{port}}` stand for the program's own, `{{NAME.address}}` for a host's or another " +
	"program's, `{{NAME.host}}` and `{{NAME.port}}` for another program's, `{{dir}}` for its folder, " +
	"`{{seed}}` for the cell's seed, and `{{execution}}` for the number of the execution. " +
	"`$$` is one dollar sign."
