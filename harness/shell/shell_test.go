package shell

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/pcapgo"

	"edgebed/harness/apart"
	"edgebed/harness/cgroup"
	"edgebed/harness/emu"
	"edgebed/harness/emu/delayline"
	"edgebed/harness/network"
	"edgebed/harness/program"
	"edgebed/harness/sandbox"
	"edgebed/harness/sandbox/sandboxtest"
	"edgebed/harness/topology"
	"edgebed/harness/topology/preset"
	"edgebed/nodes/units"
)

// TestMain runs the tests in a sandbox, as the shell does.
func TestMain(m *testing.M) {
	sandbox.Enter()
	delayline.MaybeMain()
	cgroup.MaybeMain()
	apart.MaybeMain()
	sandboxtest.Run(m)
}

// start builds a preset and returns a shell for it, with what it writes.
func start(t *testing.T, reference string) (s *Shell, out *bytes.Buffer) {
	t.Helper()
	model, err := preset.Build(reference)
	if err != nil {
		t.Fatal(err)
	}
	return startOn(t, model)
}

func startOn(t *testing.T, model *topology.Topology) (s *Shell, out *bytes.Buffer) {
	t.Helper()
	n, err := emu.Build(t.Context(), model, emu.Options{LiveDelay: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})

	out = &bytes.Buffer{}

	return New(n, out, out), out
}

func execute(t *testing.T, s *Shell, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if err := s.Execute(t.Context(), line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
}

// TestPresets builds every preset for real, small, and pings between all pairs: all
// answer, and packets cross as many links as the graph says.
func TestPresets(t *testing.T) {
	small := map[string]string{"grid": ",2,3", "fattree": ",2", "waxman": ",switches=6", "barabasi-albert": ",switches=6"}
	for _, p := range preset.List() {
		t.Run(p.Name, func(t *testing.T) {
			s, out := start(t, p.Name+small[p.Name])
			execute(t, s, "pingall")
			if !strings.Contains(out.String(), ", 0 % lost") || strings.Contains(out.String(), " X") {
				t.Errorf("pingall says:\n%s", out)
			}

			model := s.network.Topology()
			hosts := s.network.Hosts()
			a, b := hosts[0], hosts[len(hosts)-1]
			before, err := s.network.Counters()
			if err != nil {
				t.Fatal(err)
			}
			execute(t, s, fmt.Sprintf("ping %s %s 1", a.Name(), b.Name()))
			after, err := s.network.Counters()
			if err != nil {
				t.Fatal(err)
			}
			if _, packets := after.Sub(before).SentTrunks(); packets != int64(2*model.Hops(a.Name(), b.Name())) {
				t.Errorf("a round trip crossed %d links, want 2 x %d", packets, model.Hops(a.Name(), b.Name()))
			}
		})
	}
}

var mbps = regexp.MustCompile(`([0-9.]+) Mb/s of payload`)

// rate returns the payload rate that a measurement wrote.
func rate(t *testing.T, out *bytes.Buffer) float64 {
	t.Helper()
	m := mbps.FindStringSubmatch(out.String())
	out.Reset()
	if m == nil {
		t.Fatalf("no rate in %q", out)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}

	return v
}

// TestIperf checks that TCP reaches a link's rate less its headers, before and after
// the rate was changed, and that UDP above the rate is lost.
func TestIperf(t *testing.T) {
	s, out := start(t, "linear,2,rate=20 Mb/s")
	const payload = 1448.0 / 1514
	execute(t, s, "iperf host0 host1 2")
	if got := rate(t, out); got > 20*payload*1.01 || got < 20*payload*0.9 {
		t.Errorf("20 Mb/s give %v Mb/s of payload", got)
	}

	execute(t, s, "set s0 s1 rate 5Mbit/s", "iperf host1 host0 2")
	if got := rate(t, out); got > 5*payload*1.01 || got < 5*payload*0.9 {
		t.Errorf("5 Mb/s give %v Mb/s of payload", got)
	}

	execute(t, s, "iperfudp host0 host1 2Mb/s 1")
	if !strings.Contains(out.String(), ", 0 % lost") {
		t.Errorf("UDP below the rate: %s", out)
	}
}

// TestDatagrams sends datagrams between hosts, and interfaces of hosts, of several MTUs: each
// is one packet, the largest that both take.
func TestDatagrams(t *testing.T) {
	model, err := preset.Build("star,3")
	if err != nil {
		t.Fatal(err)
	}
	model.MTU, model.Hosts[0].MTU = 3000, 1280
	several, err := topology.Parse("several", []byte(`
name: several
switches: [s, r]
hosts:
  - {name: h, switch: s, also: [{switch: r, mtu: 1300}]}
  - {name: k, switch: s, also: [{switch: r, mtu: 1400}]}
  - {name: m, switch: r}
links: [{between: [s, r]}]
`))
	if err != nil {
		t.Fatal(err)
	}

	for _, tc := range []struct {
		model *topology.Topology
		line  string
		mtu   int64
	}{
		{model, "iperfudp host1 host2 2Mb/s 1", 3000},
		{model, "iperfudp -6 host2 host0 2Mb/s 1", 1280},
		{several, "iperfudp k h-eth1 2Mb/s 1", 1300},
		{several, "iperfudp k-eth1 h 2Mb/s 1", 1400},
		{several, "iperfudp h m 2Mb/s 1", 1300}, // by eth1, which is nearer
	} {
		t.Run(tc.line, func(t *testing.T) {
			t.Parallel() // they wait for each other's silence else
			if strings.Contains(tc.line, "-6") && !emu.HasIPv6() {
				t.Skip("this kernel has no IPv6")
			}
			s, out := startOn(t, tc.model)
			before, err := s.network.Counters()
			if err != nil {
				t.Fatal(err)
			}
			execute(t, s, tc.line)
			after, err := s.network.Counters()
			if err != nil {
				t.Fatal(err)
			}

			var received int64
			if _, err := fmt.Sscanf(out.String()[strings.Index(out.String(), ": "):], ": %d of", &received); err != nil {
				t.Fatalf("it says %q: %v", out, err)
			}
			if received == 0 {
				t.Error("nothing arrived")
			}
			for _, p := range after.Sub(before).Ports {
				frames, bytes := int64(p.TxPackets), int64(p.TxBytes)
				if frames > 0 && (frames != received || bytes != frames*(tc.mtu+14)) {
					t.Errorf("%d datagrams are %d frames with %d B, want %d B each", received, frames, bytes, tc.mtu+14)
				}
			}
		})
	}
}

// TestLinkDown takes a link down and up again.
func TestLinkDown(t *testing.T) {
	s, out := start(t, "linear,2")
	execute(t, s, "link s0 s1 down", "links", "pingall")
	if strings.Count(out.String(), "down") != 2 || !strings.Contains(out.String(), "0 of 2 answered") {
		t.Errorf("with the link down:\n%s", out)
	}

	out.Reset()
	execute(t, s, "link s1 s0 up", "pingall")
	if !strings.Contains(out.String(), "2 of 2 answered") {
		t.Errorf("with the link up again:\n%s", out)
	}
}

// TestSetIsWhole asks for changes that one direction of a link, or one of its parameters,
// cannot take: nothing changes, and the message says what each direction has.
func TestSetIsWhole(t *testing.T) {
	model, err := preset.Build("linear,2,rate=20 Mb/s,delay=1ms")
	if err != nil {
		t.Fatal(err)
	}
	model.Links[0].Reverse.Rate = new(units.Rate(0)) // unshaped
	n, err := emu.Build(t.Context(), model, emu.Options{LiveDelay: true})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	var out bytes.Buffer
	s := New(n, &out, &out)
	execute(t, s, "links")
	before := out.String()

	for line, want := range map[string]string{
		"set s0 s1 rate 5Mbit/s delay 10ms":  "s0 > s1 still has 20 Mb/s",
		"set s1 s0 delay 10ms rate 5Mbit/s":  "s1 > s0 still has",
		"set s0 s1 delay 10ms jitter 20ms":   "s0 > s1 still has",
		"set s0 s1 delay 10ms rate nonsense": "nonsense",
		"set s0 s1 delay 10ms queue 0":       "s1 > s0 still has",
	} {
		err := s.Execute(t.Context(), line)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want it to say %q", line, err, want)
		}
		out.Reset()
		execute(t, s, "links")
		if out.String() != before {
			t.Errorf("after %s:\n%swant\n%s", line, &out, before)
		}
	}

	partial := fmt.Errorf("change link s0-s1: %w", &emu.PartialError{Err: errors.New("it may have a part of it")})
	if err := s.stands(partial, [2][2]string{{"s0", "s1"}, {"s1", "s0"}}); err != partial {
		t.Errorf("of a link that may have a part of a change it says: %v", err)
	}

	execute(t, s, "set s0 s1 delay 10ms", "link s0 s1 down", "link s0 s1 down")
	if err := s.Execute(t.Context(), "set s1 s0 loss 0.1"); err == nil {
		t.Error("the loss of a link that is down was set")
	}
	out.Reset()
	execute(t, s, "set s1 s0 delay 2ms", "link s1 s0 up", "ping host0 host1 1", "links")
	if !strings.Contains(out.String(), "1 of 1 answered") || strings.Contains(out.String(), "down") ||
		strings.Count(out.String(), "2ms") < 2 {
		t.Errorf("after it was set while it was down:\n%s", &out)
	}
}

// TestPrograms runs programs on hosts: names are addresses, pipes work, and the exit
// code is the program's.
func TestPrograms(t *testing.T) {
	s, out := start(t, "single,2")
	execute(t, s, "host0 echo host1 'host0 too' | tr a-z A-Z", "host1 echo $EDGEBED_HOST")
	if want := "10.1.0.2 HOST0 TOO\nhost1\n"; out.String() != want {
		t.Errorf("programs write %q, want %q", out, want)
	}

	err := s.Execute(t.Context(), "host0 exit 7")
	var exit *ExitError
	if !errors.As(err, &exit) || exit.Code != 7 {
		t.Errorf("exit 7 gives %v", err)
	}
	if err := s.Program(t.Context(), "host9", "true"); err == nil || !strings.Contains(err.Error(), "host9") {
		t.Errorf("a host that is not there gives %v", err)
	}
}

// TestCapture checks that a capture holds the packets that the port counted.
func TestCapture(t *testing.T) {
	s, out := start(t, "linear,2")
	file := filepath.Join(t.TempDir(), "c.pcapng")
	before, err := s.network.Counters()
	if err != nil {
		t.Fatal(err)
	}
	execute(t, s, "capture s0-s1 "+file, "iperf host0 host1 1")
	// The last frames of the connection go while iperf is done already.
	after, err := s.network.Idle(t.Context(), 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}

	execute(t, s, "capture s0-s1 stop")

	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewNgReader(f, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	var packets, size int64
	for {
		_, info, err := r.ReadPacketData()
		if err != nil {
			break
		}
		packets++
		size += int64(info.Length)
	}

	ports := after.Sub(before).Ports
	p := ports[slices.IndexFunc(ports, func(p network.PortCounters) bool { return p.Name == "s0-s1" })]
	if packets != p.TxPackets+p.RxPackets || size != p.TxBytes+p.RxBytes {
		t.Errorf("captured %d packets and %d B, the port counted %d and %d\n%s",
			packets, size, p.TxPackets+p.RxPackets, p.TxBytes+p.RxBytes, out)
	}
}

func TestMistakes(t *testing.T) {
	s, _ := start(t, "linear,2")
	for line, want := range map[string]string{
		"pingal":                    "did you mean pingall?",
		"ping host0":                "usage: ping [-6] HOST HOST",
		"ping host0 hots1":          "did you mean host1?",
		"ping host0 host1 x":        "usage: ping",
		"iperf host0 host1 0":       "expected seconds",
		"iperfudp host0 host1":      "usage: iperfudp",
		"iperfudp host0 host1 fast": "expected one like 5Mb/s",
		"set s0 s1 rate":            "usage: set",
		"set s0 s1 rat 5":           "did you mean rate?",
		"set s0 s9 delay 1ms":       "no link s0-s9",
		"set s0 s1 delay 2h":        "delay",
		"set s0 s1 loss 2":          "probability",
		"link s0 s1":                "usage: link",
		"link s0 s7 down":           "no link",
		"link s0 nowhere up":        "no link s0-nowhere",
		"watch x":                   "usage: watch",
		"capture s0-s1":             "usage: capture",
		"capture s0-s7 x":           "no such port",
		"capture s0-s1 stop":        "not being captured",
	} {
		err := s.Execute(t.Context(), line)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, want an error that says %q", line, err, want)
		}
	}
	if _, err := os.Stat("x"); err == nil {
		os.Remove("x")
		t.Error("a capture that failed left its file")
	}
}

// TestLines runs lines to the end, also after a mistake, and stops at exit.
func TestLines(t *testing.T) {
	s, out := start(t, "linear,2")
	err := s.Lines(t.Context(), strings.NewReader("# a comment\n\nnonsense\nhosts\nexit\nlinks\n"))
	if !errors.Is(err, ErrLines) || !strings.Contains(out.String(), "host1") || strings.Contains(out.String(), "s0 > s1") {
		t.Errorf("error %v, output:\n%s", err, out)
	}

	var errs bytes.Buffer
	s.errs, s.script = &errs, "a.txt"
	err = s.Lines(t.Context(), strings.NewReader("\nhelp nonsense\nhelp ping\n"))
	if want := "a.txt:2: unknown command \"nonsense\""; !errors.Is(err, ErrLines) || !strings.HasPrefix(errs.String(), want) {
		t.Errorf("error %v, says %q, want %q", err, errs.String(), want)
	}
}

func TestComplete(t *testing.T) {
	s, _ := start(t, "linear,2")
	for line, want := range map[string][]string{
		"ping":            {"all ", " "},
		"ping ho":         {"st0 ", "st1 "},
		"link s":          {"0 ", "1 "},
		"link s0 s1 d":    {"own "},
		"set s0 s1 ra":    {"te "},
		"capture s0-h":    {"ost0 "},
		"host0 ping host": {"0 ", "1 "},
	} {
		var got []string
		suffixes, _ := completer{s}.Do([]rune(line), len(line))
		for _, suffix := range suffixes {
			got = append(got, string(suffix))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%q is completed by %q, want %q", line, got, want)
		}
	}
}

// TestNames touches a network whose names have dashes, dots and blanks: devices have names
// of their own, and programs know the hosts.
func TestNames(t *testing.T) {
	model := &topology.Topology{
		Version: 1, Name: "odd", Subnet: topology.DefaultSubnet(), Switches: []string{"core-1.south", "edge two"},
		Links: []topology.LinkSpec{{Between: [2]string{"core-1.south", "edge two"}}},
	}
	for i, name := range []string{"big server", "big", "web-1.example"} {
		model.Hosts = append(model.Hosts, topology.HostSpec{
			Name: name, Address: netip.AddrFrom4([4]byte{10, 1, 0, byte(i + 1)}), Switch: model.Switches[i%2],
		})
	}
	n, err := emu.Build(t.Context(), model, emu.Options{LiveDelay: true})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	out := &bytes.Buffer{}
	s := New(n, out, out)

	file := filepath.Join(t.TempDir(), "odd.pcapng")
	execute(t, s, "pingall", `ping "big server" 'web-1.example' 1`, `set "edge two" core-1.south delay 1ms`,
		`capture "edge two-big" `+file, "big server echo from $EDGEBED_HOST", "big echo to big web-1.example",
		`capture "edge two-big" stop`)
	for _, want := range []string{"6 of 6 answered", "1 of 1 answered", "from big server", "to 10.1.0.2 10.1.0.3"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the shell does not say %q:\n%s", want, out)
		}
	}
	if err := s.Execute(t.Context(), `ping "big server`); err == nil || !strings.Contains(err.Error(), "a quote has no end") {
		t.Errorf("got %v", err)
	}
}

// TestExitCodes checks that a program that is not there ends with 127, as in other shells,
// and one that cannot be run with 126.
func TestExitCodes(t *testing.T) {
	s, out := start(t, "star,2")
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no program"), 0o644); err != nil {
		t.Fatal(err)
	}
	for program, want := range map[string]int{"no-such-program": 127, "/no/such/program": 127, text: 126, "false": 1} {
		err := s.Program(t.Context(), "host0", program)
		var exit *ExitError
		if !errors.As(err, &exit) || exit.Code != want {
			t.Errorf("%s: %v, want exit code %d", program, err, want)
		}
	}
	if !strings.Contains(out.String(), "no-such-program") {
		t.Errorf("nothing is said of the program that is not there: %s", out)
	}
}

// TestIPv6 uses the shell's own commands over IPv6, and names as programs see them.
func TestIPv6(t *testing.T) {
	if !emu.HasIPv6() {
		t.Skip("this kernel has no IPv6")
	}
	s, out := start(t, "linear,2,rate=20Mb/s,delay=0ms")
	if err := program.NameHosts(emu.HostAddresses(s.network.Topology())); err != nil {
		t.Fatal(err)
	}

	for line, want := range map[string]string{
		"ping -6 host0 host1 1":                   "1 of 1 answered",
		"pingall -6":                              "2 of 2 answered",
		"iperf -6 host0 host1 1":                  "Mb/s of payload",
		"iperfudp -6 host0 host1 1Mb/s 1":         "0 % lost",
		"hosts":                                   "fded:bed::2",
		"host0 grep -w 'host1' /etc/hosts":        "fded:bed::2 host1",
		"host0 echo -6 host1":                     "-6 fded:bed::2",
		"host0 getent ahosts 'host1' | head -1":   "10.1.0.2",
		"host0 getent ahostsv6 'host1' | head -1": "fded:bed::2",
	} {
		out.Reset()
		if execute(t, s, line); !strings.Contains(out.String(), want) {
			t.Errorf("%s says %q, want %q", line, out, want)
		}
	}
}

// TestInterfaces touches a host with two interfaces: its names and addresses, its links one by
// one, and what is captured and counted.
func TestInterfaces(t *testing.T) {
	model, err := topology.Parse("dual", []byte(`
name: dual
switches: [s1, s2, s3]
hosts:
  - {name: h1, switch: s1, also: [{switch: s2, class: lte}]}
  - {name: h2, switch: s3}
link-classes: {lte: {rate: 20 Mb/s}}
links:
  - {between: [s1, s3]}
  - {between: [s1, s2]}
`))
	if err != nil {
		t.Fatal(err)
	}
	s, out := startOn(t, model)
	if err := program.NameHosts(emu.HostAddresses(model)); err != nil {
		t.Fatal(err)
	}

	file := filepath.Join(t.TempDir(), "dual.pcapng")
	for _, c := range []struct{ line, want string }{
		{"hosts", "h1-eth1  10.1.0.3"}, {"hosts", "at s2, port s2-h1"}, {"dump", "eth1       10.1.0.3  s2"},
		{"net", "h1 > s2  20 Mb/s"}, {"tables s1", "s1      h1    10.1.0.3  s2"},
		{"h2 echo to h1 h1-eth1", "to 10.1.0.1 10.1.0.3"},
		{"h2 getent ahosts 'h1' | head -1", "10.1.0.1"}, {"h2 getent ahosts 'h1-eth1' | head -1", "10.1.0.3"},
		{"capture s2-h1 " + file, "capturing"}, {"ping h2 h1-eth1 1", "1 of 1 answered"},
		{"capture s2-h1 stop", "2 packets"}, {"counters", "s2-h1"},
		{"iperf h1-eth1 h2 1", "Mb/s of payload"}, {"iperfudp h1-eth1 h2 1Mb/s 1", "0 % lost"},
		{"link h1 s2 down", ""}, {"net", "h1 > s2  down"}, {"ping h2 h1-eth1 1", "no answer"}, {"ping h2 h1 1", "1 of 1 answered"},
		{"link h1 s2 up", ""}, {"pingall", "2 of 2 answered"},
	} {
		out.Reset()
		if execute(t, s, c.line); !strings.Contains(out.String(), c.want) {
			t.Errorf("%s says %q, want %q", c.line, out, c.want)
		}
	}
	counted, err := s.network.Counters()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range counted.Ports {
		if p.Name == "s2-h1" && p.RxBytes < 1_000_000 {
			t.Errorf("what was sent from eth1 did not leave by it: %+v", p)
		}
	}
}

// TestTables shows what switches know.
func TestTables(t *testing.T) {
	s, out := start(t, "ring,4")
	if execute(t, s, "tables s0"); !strings.Contains(out.String(), "host1") || strings.Contains(out.String(), "\ns1 ") {
		t.Errorf("tables s0: %s", out)
	}
	if execute(t, s, "tables"); !strings.Contains(out.String(), "\ns1 ") {
		t.Errorf("tables: %s", out)
	}
}

// TestRouters runs a program on a router.
func TestRouters(t *testing.T) {
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip(err)
	}
	s, out := start(t, "linear,2,mode=routed")
	if execute(t, s, "s1 ip route"); !strings.Contains(out.String(), "10.1.0.1 via 198.18.0.1 dev eth0") {
		t.Errorf("s1 ip route: %s", out)
	}
	out.Reset()
	if err := s.Program(t.Context(), "s0", "ip", "-6", "route"); err != nil || !strings.Contains(out.String(), "fded:bed::2 via") {
		t.Errorf("ip on s0: %v, %s", err, out)
	}
	if err := s.Program(t.Context(), "s9", "ip"); err == nil || !strings.Contains(err.Error(), "no host") {
		t.Errorf("a program on s9: %v", err)
	}
}

// TestPingWithoutProgram pings from hosts where the machine has no ping: over the protocol of
// the address, which the size of frames tells; routers are no hosts.
func TestPingWithoutProgram(t *testing.T) {
	s, out := start(t, "linear,2,mode=routed")
	t.Setenv("PATH", t.TempDir())

	const echo4, echo6 = 14 + 20 + 8 + 56, 14 + 40 + 8 + 56
	sizes := map[string]int64{"host0 ping -c 1 host1": echo4, "host0 ping -c1 10.1.0.2": echo4}
	if emu.HasIPv6() {
		sizes["host0 ping -c 1 fded:bed::2"] = echo6
		sizes["host0 ping -6 -c 1 host1"] = echo6
		sizes["host0 ping -6 -c 1 10.1.0.2"] = echo6
	}
	for line, size := range sizes {
		before, err := s.network.Counters()
		if err != nil {
			t.Fatal(err)
		}
		out.Reset()
		execute(t, s, line)
		after, err := s.network.Counters()
		if err != nil {
			t.Fatal(err)
		}

		bytes, packets := after.Sub(before).SentTrunks()
		if packets != 2 || bytes != 2*size || !strings.Contains(out.String(), "1 of 1 answered") {
			t.Errorf("%s sent %d packets with %d B, want 2 of %d B each: %s", line, packets, bytes, size, out)
		}
	}

	for line, want := range map[string]string{
		"s0 ping -c 1 host1":    "s0 is a router, ping from a host",
		"host0 ping 10.1.0.200": "no host has this address",
	} {
		if err := s.Execute(t.Context(), line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gives %v, want an error that says %q", line, err, want)
		}
	}
}
