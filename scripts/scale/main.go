// Command scale measures what networks in virtual time cost: processor time of a host and
// of an execution, and memory of a host, from 100 hosts and 10 clients to 1,000 and 100.
// Each client makes ten executions. It exits with 1 where the processor time grows faster than
// the network.
//
//	make && go run ./scripts/scale
package main

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// scenario is a star of switches with ten hosts each, a router on each host, and one client
// for each switch. Connections open as they are needed: there are a million pairs of hosts.
const scenario = `
name: scale
topology: {preset: "star,leaves=%[1]d,hosts=10,rate=100 Mb/s"}
clients: {count: %[1]d}
load: {loop: closed}
execution: {warm-up: false, model: state-prop}
nodes:
  computers: [{hosts: [host1, host2, host3, host4, host5, host6, host7, host8, host9]}]
profiles: {quick: {executions: %[2]d}}
`

// most is the largest exponent with which processor time may grow with the hosts.
const most = 1.15

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func run() error {
	dir, err := os.MkdirTemp("", "edgebed-scale")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	const hosts, each = 10, 10 // of a switch, and executions of its client
	// What starting programs takes does not grow.
	least, err := measure(dir, 1, 1)
	if err != nil {
		return err
	}

	sizes := []int{10, 20, 50, 100}
	took := map[int]time.Duration{}
	for _, clients := range sizes {
		one, err := measure(dir, clients, clients)
		if err != nil {
			return err
		}
		all, err := measure(dir, clients, each*clients)
		if err != nil {
			return err
		}

		execution := (all.cpu - one.cpu) / time.Duration((each-1)*clients)
		host := (one.cpu - least.cpu - time.Duration(clients)*execution) / time.Duration(hosts*clients)
		fmt.Printf("%5d hosts, %3d clients: %.1f ms and %.1f MB a host, "+
			"%.1f ms an execution, %.1f s for %d executions\n",
			hosts*clients, clients, ms(host), all.memory/1e6/float64(hosts*clients), ms(execution),
			all.cpu.Seconds(), each*clients)
		took[clients] = all.cpu - least.cpu
	}

	first, last := sizes[0], sizes[len(sizes)-1]
	exponent := math.Log(took[last].Seconds()/took[first].Seconds()) / math.Log(float64(last)/float64(first))
	fmt.Printf("exponent of the processor time from %d to %d hosts: %.2f\n", hosts*first, hosts*last, exponent)
	if exponent > most {
		return fmt.Errorf("the processor time grows with an exponent of %.2f, want at most %.2f", exponent, most)
	}
	return nil
}

func ms(d time.Duration) float64 { return d.Seconds() * 1e3 }

// cost is what a campaign took of the machine.
type cost struct {
	cpu    time.Duration
	memory float64 // bytes, of its largest process
}

// measure runs the scenario with so many clients, and executions of all together.
func measure(dir string, clients, executions int) (cost, error) {
	name := filepath.Join(dir, fmt.Sprintf("%d-%d", clients, executions))
	file := name + ".yaml"
	if err := os.WriteFile(file, fmt.Appendf(nil, scenario, clients, executions), 0o600); err != nil {
		return cost{}, err
	}
	cmd := exec.Command("bin/edgebed", "run", file, "--network", "virtual", "--out", name)
	if said, err := cmd.CombinedOutput(); err != nil {
		return cost{}, fmt.Errorf("%v: %w\n%s", cmd, err, said)
	}

	// Those of the program and of its workers, for which it has waited.
	state := cmd.ProcessState
	usage := state.SysUsage().(*syscall.Rusage)
	return cost{state.UserTime() + state.SystemTime(), float64(usage.Maxrss) * 1024}, nil
}
