package deploy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"edgebed/nodes/client"
	"edgebed/nodes/deploy"
	"edgebed/nodes/workflow"
)

// TestReadWriteCloud: with every use a state is read from the cloud and written
// back there; without, it is moved there once.
func TestReadWriteCloud(t *testing.T) {
	noLeaks(t)
	for _, readWrite := range []bool{false, true} {
		network, cfg := ring(5, time.Millisecond)
		tap := newTap(t, network)
		for _, i := range []int{2, 3, 4} {
			c := cfg.Computers[name(i)]
			c.StateHost, c.StateReadWrite = name(5), readWrite
			cfg.Computers[name(i)] = c
		}
		d := warm(t, cfg)
		w := workedChain() // s0 is used twice, s1 once
		for _, form := range []workflow.Form{workflow.Carry, workflow.Direct} {
			for _, verify := range []bool{false, true} {
				tap.take()
				conns := network.Conns()
				result, err := executeForm(d, w, workflow.StateLocal, form, client.Options{Verify: verify})
				if err != nil {
					t.Fatalf("%s, read-write %t, verified %t: %v", form, readWrite, verify, err)
				}
				if at := result.States["s0"].Location; at != name(5)+":30000" {
					t.Errorf("%s: s0 is at %q, want in the cloud", form, at)
				}
				if verify {
					continue
				}
				opened := network.Conns() - conns
				var calls []string
				cloud := 0
				for _, m := range tap.take() {
					if strings.HasPrefix(m.method, "StateServer/") && m.from != m.to {
						if m.from == address(5) || m.to == address(5) {
							cloud += m.payload()
						}
						if m.request && m.to == address(5) {
							calls = append(calls, strings.TrimPrefix(m.method, "StateServer/"))
						}
					}
				}
				slices.Sort(calls)
				moved := 10000 + 20000
				wantCalls, wantCloud, extra := []string{"Put", "Put"}, moved, 0
				if readWrite {
					// Three uses: one Get and one Put each, over one connection.
					wantCalls = []string{"Get", "Get", "Get", "Put", "Put", "Put", "Put", "Put"}
					wantCloud, extra = moved+2*(2*10000+20000), 3
				}
				if !slices.Equal(calls, wantCalls) || cloud != wantCloud {
					t.Errorf("%s, read-write %t: calls %q and %d bytes at the cloud, want %q and %d", form, readWrite, calls, cloud, wantCalls, wantCloud)
				}
				// The client's router and own states, two moves from the client; and
				// the callback, or the tables (in the router's place), two computers
				// and two callbacks.
				want := map[workflow.Form]int{workflow.Carry: 1 + 1 + 2 + 1, workflow.Direct: 1 + 1 + 2 + 2 + 2}[form] + extra
				if opened != want {
					t.Errorf("%s, read-write %t: %d connections, want %d", form, readWrite, opened, want)
				}
			}
		}
		waitIdle(t, d)
	}
}

// TestReadWriteRefuses: a computer's own server is not a cloud.
func TestReadWriteRefuses(t *testing.T) {
	_, cfg := ring(3, 0)
	c := cfg.Computers[name(2)]
	c.StateReadWrite = true
	cfg.Computers[name(2)] = c
	if _, err := deploy.Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "name another host") {
		t.Errorf("%v, want a refusal", err)
	}
}
