package sandbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"

	"edgebed/harness/sandbox"
)

// devices prints the names of the network devices that the worker sees.
func devices([]string) error {
	list, err := net.Interfaces()
	if err != nil {
		return err
	}
	var names []string
	for _, d := range list {
		names = append(names, d.Name)
	}
	return json.NewEncoder(os.Stdout).Encode(names)
}

// Run a part of the calling program in a sandbox: it sees no device of the
// machine. The program calls Enter first thing in main, and when Inside does what
// its arguments say; here that is to list its devices.
func ExampleCommand() {
	cmd := sandbox.Command(context.Background(), sandbox.Options{KeepTmp: true}, "devices")
	out, err := cmd.CombinedOutput()
	fmt.Printf("%s%v\n", out, err)

	// Output:
	// ["lo"]
	// <nil>
}
