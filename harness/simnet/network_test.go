package simnet

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// built builds the network of a topology's text, whose name is net.
func built(t *testing.T, text string) *Network {
	t.Helper()
	model, err := topology.Parse("net", []byte("name: net\nsubnet: 10.9.0.0/16\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	n, err := Build(model, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// TestSettings: the facts of a network are told by what was asked for, and by their
// direction where directions differ.
func TestSettings(t *testing.T) {
	const two = "switches: [s, r]\nhosts: [{name: a, switch: s}, {name: b, switch: r}]\n"
	for name, tc := range map[string]struct {
		links string
		want  map[string]string // beside those that all have
	}{
		"unshaped": {"links: [{between: [s, r]}]", map[string]string{
			"link-delay": "0s", "link-jitter": "0s", "link-loss": "0", "link-rate": "unshaped",
		}},
		"shaped": {"links: [{between: [s, r], forward: {rate: 10 Mb/s, delay: 1 ms, queue: 50}, " +
			"reverse: {rate: 10 Mb/s, delay: 1 ms, queue: 50}}]", map[string]string{
			"link-delay": "1ms", "link-jitter": "0s", "link-loss": "0", "link-rate": "10 Mb/s",
			"link-burst": "1514 B", "link-cburst": "1514 B", "link-queue": "50 packets",
		}},
		"two ways": {"links: [{between: [s, r], forward: {rate: 1 Mb/s, queue-bytes: 20 kB, burst: 5 kB}, " +
			"reverse: {delay: 3 ms, jitter: 1 ms, loss: 2 %}}]", map[string]string{
			"link-delay.s-r": "0s", "link-delay.r-s": "3ms", "link-jitter.s-r": "0s", "link-jitter.r-s": "1ms",
			"link-jitter-order": "fifo", "link-loss.s-r": "0", "link-loss.r-s": "0.02",
			"link-rate.s-r": "1 Mb/s", "link-rate.r-s": "unshaped",
			"link-burst": "5000 B", "link-cburst": "1514 B", "link-queue": "20000 B",
		}},
	} {
		want := tc.want
		want["topology"], want["delay-backend"], want["congestion-control"] = "net", "virtual", "cubic"
		if diff := cmp.Diff(want, built(t, two+tc.links).Settings()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestDistances: how long nobody can notice a frame is what the delays on its way add up
// to, less what jitter may take off, also behind switches that have no hosts.
func TestDistances(t *testing.T) {
	n := built(t, `switches: [s, m, r, x]
hosts: [{name: a, switch: s}, {name: b, switch: r}]
links:
  - {between: [s, m], forward: {delay: 2 ms}, reverse: {delay: 3 ms}}
  - {between: [r, m], forward: {delay: 5 ms}, reverse: {delay: 10 ms, jitter: 4 ms}}
  - {between: [m, x], forward: {delay: 1 ms}}
`)
	const ms = int64(time.Millisecond)
	for host, want := range map[string][]int64{ // from s, m, r and x
		"a": {0, 3 * ms, 8 * ms, 3 * ms}, "b": {8 * ms, 6 * ms, 0, 6 * ms},
	} {
		h, err := n.Host(host)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for at := range want {
			got = append(got, n.ahead(at, frame{to: h.Address()}))
		}
		if !slices.Equal(got, want) {
			t.Errorf("to %s it takes %v ns at least, want %v", host, got, want)
		}
	}
	if got := n.ahead(0, frame{to: netip.MustParseAddr("10.9.9.9")}); got < int64(100*365*24*time.Hour) {
		t.Errorf("a frame to nobody is noticed after %d ns", got)
	}
}

// TestTuning: what depends on the topology, of how hosts send.
func TestTuning(t *testing.T) {
	for name, tc := range map[string]struct {
		links string
		// A connection's share of the queue at s, and the least retransmission time.
		queue int
		rto   time.Duration
	}{
		// Four frames; and full windows of 128 KiB, in which a bit takes no time.
		"unshaped": {"links: [{between: [s, r]}]", 4 * 1514, 200 * time.Millisecond},
		// A millisecond at 100 Mb/s are 12.5 kB more.
		"fast": {"links: [{between: [s, r], forward: {rate: 100 Mb/s}, reverse: {rate: 10 Mb/s}}]", 4*1514 + 12_500,
			200*time.Millisecond + (10 * units.Mbps).Time(128*units.KiB)},
		// Of several directions that leave s the fastest counts, and of all the slowest.
		"several": {"links: [{between: [r, s], forward: {rate: 1 Gb/s}, reverse: {rate: 20 Mb/s}}, " +
			"{between: [s, q], forward: {rate: 16 Mb/s}, reverse: {rate: 1 Mb/s}}]", 4*1514 + 2500,
			200*time.Millisecond + units.Mbps.Time(128*units.KiB)},
	} {
		switches := "[s, r]"
		if strings.Contains(tc.links, "q]") {
			switches = "[s, r, q]"
		}
		n := built(t, "switches: "+switches+"\nhosts: [{name: a, switch: s}]\n"+tc.links)
		if got := n.cards[0].smallQueue; got != tc.queue {
			t.Errorf("%s: %d B of a connection may wait, want %d", name, got, tc.queue)
		}
		if got := minRTO(n.topology); got != tc.rto {
			t.Errorf("%s: retransmissions after %v, want %v", name, got, tc.rto)
		}
	}
}

// TestBucketLimits: waiting longer than it takes to fill the bucket gains nothing, and a
// class owes a minute at most.
func TestBucketLimits(t *testing.T) {
	const second = int64(time.Second)
	b := newBucket(topology.Params{Rate: 8 * units.Kbps, Burst: 2000, CeilBurst: 5000}, 0) // 1 B a ms
	if b.size < 2*second || b.size > 2*second+psched {
		t.Fatalf("the bucket holds %d ns, want those of the smaller burst, 2 s", b.size)
	}
	b.take(100*second, 1000)
	if left := b.size - second; b.tokens != left || b.due() != 100*second {
		t.Errorf("after an idle time %d ns are left, want %d; the next may leave at %d", b.tokens, left, b.due())
	}
	b.take(100*second, 5000)
	if owed := b.size - 6*second; b.tokens != owed || b.due() != 100*second-owed {
		t.Errorf("%d ns are owed, want %d; the next may leave at %d", b.tokens, owed, b.due())
	}

	b.take(101*second, 1_000_000)
	if b.tokens != 1-60*second || b.due() != 161*second-1 {
		t.Errorf("%d ns are owed, want a minute; the next may leave at %d", b.tokens, b.due())
	}
	b.take(161*second-1, 1)
	if want := -int64(time.Millisecond); b.tokens != want {
		t.Errorf("%d ns are owed once the minute is over, want %d", b.tokens, want)
	}
}

// TestRefused: what a host cannot do is told with its name.
func TestRefused(t *testing.T) {
	n := built(t, "switches: [s]\nhosts: [{name: a, switch: s}]\n")
	h, err := n.Host("a")
	if err != nil {
		t.Fatal(err)
	}
	if h.Name() != "a" || h.Address() != netip.MustParseAddr("10.9.0.1") {
		t.Errorf("host %s has the address %v", h.Name(), h.Address())
	}
	l, err := h.Listen(t.Context(), "10.9.0.1:80")
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"10.9.0.1", "10.9.0.1:80"} {
		if again, err := h.Listen(t.Context(), address); err == nil {
			again.Close()
			t.Errorf("a second listener at %s", address)
		}
	}
	l.Close()
	l, err = h.Listen(t.Context(), "10.9.0.1:80")
	if err != nil {
		t.Fatalf("after the first listener is closed: %v", err)
	}
	l.Close()
	for _, address := range []string{"10.9.0.1", "10.9.0.1:81"} {
		if c, err := h.DialContext(t.Context(), address); err == nil {
			c.Close()
			t.Errorf("%s answers", address)
		}
	}
}

// TestNarrowMTU: a network whose hosts' packets do not fit through a link is not built.
func TestNarrowMTU(t *testing.T) {
	model := &topology.Topology{
		Version: 1, Name: "net", Subnet: topology.DefaultSubnet(), Switches: []string{"s", "r"},
		Hosts: []topology.HostSpec{
			{Name: "a", Switch: "s", Address: netip.MustParseAddr("10.1.0.1")},
			{Name: "b", Switch: "r", Address: netip.MustParseAddr("10.1.0.2")},
		},
		Links: []topology.LinkSpec{{Between: [2]string{"s", "r"}, MTU: 1200}},
	}
	const want = "link s-r: packets between hosts a and b have up to 1500 bytes"
	n, err := Build(model, Options{})
	if err == nil {
		n.Close()
	}
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("building gives %v, want %q", err, want)
	}
}

// TestHostsByName names the nearest host where there is none of a name.
func TestHostsByName(t *testing.T) {
	n := built(t, "switches: [s]\nhosts: [{name: cloud, switch: s}, {name: edge, switch: s}]\n")
	for _, name := range []string{"cloud", "edge"} {
		if h, err := n.Host(name); err != nil || h.Name() != name {
			t.Errorf("host %s is %v: %v", name, h, err)
		}
	}
	if _, err := n.Host("clod"); err == nil || err.Error() != `find host: network net has no host "clod"; did you mean cloud? (valid: cloud, edge)` {
		t.Errorf("a host that there is not: %v", err)
	}
}

// TestChangeRefused: a change that a link cannot follow is none, and a closed network has
// none.
func TestChangeRefused(t *testing.T) {
	n := built(t, `switches: [s, r]
hosts: [{name: a, switch: s}]
link-classes: {slow: {rate: 1 Mb/s, delay: 1 ms, queue: 7}}
links: [{between: [s, r], class: slow}]
`)
	rate := func() string {
		p, err := n.Topology().Params("s", "r")
		return fmt.Sprint(p.Rate, " ", n.links[0][0].params.Rate, " ", n.links[0][1].params.Rate, " ", err)
	}
	if err := n.SetClass("slow", topology.Override{Rate: new(2 * units.Mbps)}); err != nil || rate() != "2 Mb/s 2 Mb/s 2 Mb/s <nil>" {
		t.Errorf("after a change of its class the link has %s: %v", rate(), err)
	}
	for name, change := range map[string]topology.Override{
		"unshaped": {Rate: new(units.Rate(0))}, "corrupt": {Corrupt: new(topology.Loss(0.1))},
	} {
		if err := n.SetClass("slow", change); err == nil || rate() != "2 Mb/s 2 Mb/s 2 Mb/s <nil>" {
			t.Errorf("%s: the link has %s: %v", name, rate(), err)
		}
	}
	for _, ends := range [][2]string{{"s", "r"}, {"r", "s"}} {
		err := n.SetLinks(topology.Change{From: ends[0], To: ends[1], Override: topology.Override{Rate: new(units.Rate(0))}})
		if err == nil || !strings.HasPrefix(err.Error(), "change link "+ends[0]+"-"+ends[1]+": ") {
			t.Errorf("a direction that cannot follow is told as %v", err)
		}
	}
	if err := n.SetClass("fast", topology.Override{Rate: new(units.Mbps)}); err == nil {
		t.Error("a class that there is not was changed")
	}
	n.Close()
	if err := n.SetClass("slow", topology.Override{Rate: new(units.Mbps)}); err == nil {
		t.Error("a closed network was changed")
	}
}
