package cost

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"edgebed/nodes/wire"
)

// bill is a Sleep that writes down instead of waiting.
type bill struct{ charges []time.Duration }

func (b *bill) sleep(ctx context.Context, d time.Duration) error {
	b.charges = append(b.charges, d)
	return ctx.Err()
}

var prices = Model{Call: 1, Connection: 2, StateMove: 3, ClientStart: 4, WakeUp: 5}

func TestChargesByTerm(t *testing.T) {
	b := &bill{}
	c := NewCharger(prices, b.sleep)
	ctx := context.Background()
	if err := errors.Join(c.StateMove(ctx), c.ClientStart(ctx)); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(b.charges, []time.Duration{3, 4}) {
		t.Errorf("charged %v, want a state's move and a client's start", b.charges)
	}

	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := c.StateMove(ended); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "state's move") {
		t.Errorf("a context that ended gives %v", err)
	}
}

// nowhere is a network whose dials all succeed.
type nowhere struct{ wire.Net }

func (nowhere) DialContext(context.Context, string) (net.Conn, error) { return nil, nil }

// TestConnections: those to another host cost, those within the host do not.
func TestConnections(t *testing.T) {
	b := &bill{}
	n := NewCharger(prices, b.sleep).Net(nowhere{}, netip.MustParseAddr("10.1.0.1"))
	for _, to := range []string{"10.1.0.1:6473", "10.1.0.2:10000"} {
		if _, err := n.DialContext(context.Background(), to); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(b.charges, []time.Duration{2}) {
		t.Errorf("charged %v, want one connection", b.charges)
	}
}

func TestNilChargesNothing(t *testing.T) {
	var c *Charger
	if err := errors.Join(c.StateMove(context.Background()), c.ClientStart(context.Background())); err != nil {
		t.Error(err)
	}
	if n := c.Net(nowhere{}, netip.Addr{}); n != (nowhere{}) {
		t.Errorf("the network became %v", n)
	}
	if _, empty := c.Server().(grpc.EmptyServerOption); !empty {
		t.Error("servers get an option")
	}
}

func TestModel(t *testing.T) {
	if got, want := prices.Times(2), (Model{2, 4, 6, 8, 10}); got != want {
		t.Errorf("twice is %v, want %v", got, want)
	}
	if got, want := (Model{StateMove: 1500 * time.Microsecond}).String(), "call 0s, connection 0s, state-move 1.5ms, client-start 0s, wake-up 0s"; got != want {
		t.Errorf("written %q, want %q", got, want)
	}
	for _, m := range []Model{{Call: -1}, {ClientStart: 11 * time.Second}} {
		if err := m.Validate(); err == nil || !strings.Contains(err.Error(), "expected 0 to 10s") {
			t.Errorf("%v: error %v", m, err)
		}
	}
}

// TestFitted reads what make calibrate wrote.
func TestFitted(t *testing.T) {
	fit, err := Fitted("emulated")
	if err != nil {
		t.Fatal(err)
	}
	if fit.Model == (Model{}) || fit.Date == "" || fit.Source == "" {
		t.Errorf("the fit is %+v: nothing, or from nowhere", fit)
	}
	if _, err := Fitted("emulatoin"); err == nil || !strings.Contains(err.Error(), "emulated") {
		t.Errorf("an unknown network: error %v, want one that names the nearest", err)
	}
}
