package delayline

import (
	"golang.org/x/sys/unix"
	"syscall"

	"edgebed/nodes/units"
	"fmt"
	"github.com/vishvananda/netlink"
	"io"
	"net"
	"slices"
	"testing"
	"time"
)

// oneWay measures n one-way times from host 0 to host 1 in ns, from before the
// sending system call to the kernel's receive timestamp.
func oneWay(tb testing.TB, from, to *port, n int, gap time.Duration) []int64 {
	tb.Helper()
	out := make([]int64, 0, n)
	for i := range n {
		sent := from.send(tb, frame(uint64(i), 100))
		got, at := to.receive(tb, 5*time.Second)
		if got == nil || number(got) != uint64(i) {
			tb.Fatalf("frame %d did not arrive", i)
		}
		out = append(out, at-sent)
		time.Sleep(gap)
	}
	slices.Sort(out)
	return out
}

func quantile(sorted []int64, q float64) float64 {
	return float64(sorted[min(int(q*float64(len(sorted))), len(sorted)-1)])
}

// BenchmarkVeth reports the one-way time (us) over the veth pair between a host
// and the relay, which is part of what BenchmarkDelay measures.
func BenchmarkVeth(b *testing.B) {
	for _, gap := range []time.Duration{time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond} {
		b.Run(gap.String(), func(b *testing.B) {
			c := newCable(b)
			from, to := c.openPort(b, 0), openPort(b, c.wire, "a")
			b.ResetTimer()
			times := oneWay(b, from, to, b.N, gap)
			b.ReportMetric(quantile(times, 0.5)/1e3, "p50-us")
			b.ReportMetric(quantile(times, 0.99)/1e3, "p99-us")
		})
	}
}

// BenchmarkDelay reports how much later (us) than its nominal delay a line
// delivers single frames.
func BenchmarkDelay(b *testing.B) {
	for _, delay := range []time.Duration{0, time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond} {
		b.Run(delay.String(), func(b *testing.B) {
			c := newCable(b)
			from, to := c.openPort(b, 0), c.openPort(b, 1)
			r := c.start(b, Params{Delay: delay}, Params{Delay: delay}, 1)
			oneWay(b, from, to, 50, time.Millisecond)
			b.ResetTimer()
			times := oneWay(b, from, to, b.N, time.Millisecond)
			b.StopTimer()
			for _, q := range []struct {
				name string
				q    float64
			}{{"p1-us", 0.01}, {"p50-us", 0.5}, {"p99-us", 0.99}, {"max-us", 1}} {
				b.ReportMetric((quantile(times, q.q)-float64(delay))/1e3, q.name)
			}
			st, err := r.Stats(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(st.Lines[0].AB.LateP50)/1e3, "late50-us")
			b.ReportMetric(float64(st.Lines[0].AB.LateP99)/1e3, "late99-us")
			b.ReportMetric(float64(st.CPU)/float64(b.Elapsed())*100, "cpu-%")
		})
	}
}

// shape puts an HTB of the given rate and frames of at most one MTU (or GSO
// super-frames) on the interface of each host.
func (c *cable) shape(tb testing.TB, rate units.Rate, gso bool) {
	tb.Helper()
	for _, host := range c.hosts {
		inNamespace(tb, host, func() error {
			link, err := netlink.LinkByName(hostInterface)
			if err != nil {
				return err
			}
			if !gso {
				if err := netlink.LinkSetGSOMaxSegs(link, 1); err != nil {
					return err
				}
			}
			return limitRate(link, rate)
		})
	}
}

// limitRate puts an HTB on an interface.
func limitRate(link netlink.Link, rate units.Rate) error {
	qdisc := netlink.NewHtb(netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT})
	qdisc.Defcls = 1
	if err := netlink.QdiscAdd(qdisc); err != nil {
		return err
	}
	burst := uint32(max(3028, rate.Per(500*time.Microsecond)))
	return netlink.ClassAdd(netlink.NewHtbClass(
		netlink.ClassAttrs{LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(1, 1), Parent: netlink.MakeHandle(1, 0)},
		netlink.HtbClassAttrs{Rate: uint64(rate), Buffer: burst, Cbuffer: burst, Quantum: 1514},
	))
}

// stream opens a TCP connection from host 0 to host 1.
func (c *cable) stream(tb testing.TB) (client, server net.Conn) {
	tb.Helper()
	var listener net.Listener
	inNamespace(tb, c.hosts[1], func() (err error) {
		listener, err = net.Listen("tcp", "10.0.0.2:5000")
		return err
	})
	defer listener.Close()
	inNamespace(tb, c.hosts[0], func() (err error) {
		dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) (err error) {
			// The kernel's default may be another one, without its shape of
			// a steady stream.
			if ctlErr := raw.Control(func(fd uintptr) {
				err = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, "cubic")
			}); ctlErr != nil {
				return ctlErr
			}
			return err
		}}
		client, err = dialer.Dial("tcp", "10.0.0.2:5000")
		return err
	})
	server, err := listener.Accept()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		client.Close()
		server.Close()
	})
	return client, server
}

// BenchmarkStream sends 1 MB per operation over TCP through a shaped line, and
// reports the goodput as part of the rate's ideal and the processor time of the
// relay, which includes the receiving kernel work.
func BenchmarkStream(b *testing.B) {
	for _, t := range []struct {
		rate  units.Rate
		delay time.Duration
		gso   bool
	}{
		{10 * units.Mbps, 5 * time.Millisecond, false},
		{100 * units.Mbps, time.Millisecond, false},
		{100 * units.Mbps, 5 * time.Millisecond, false},
		{100 * units.Mbps, 20 * time.Millisecond, false},
		{100 * units.Mbps, 5 * time.Millisecond, true},
		{units.Gbps, time.Millisecond, true},
	} {
		name := fmt.Sprintf("%dMbps/%v/gso=%v", t.rate/units.Mbps, t.delay, t.gso)
		b.Run(name, func(b *testing.B) {
			c := newCable(b)
			c.shape(b, t.rate, t.gso)
			r := c.start(b, Params{Delay: t.delay}, Params{Delay: t.delay}, 1)
			client, server := c.stream(b)
			go func() {
				buf := make([]byte, 1<<16)
				for {
					if _, err := client.Write(buf); err != nil {
						return
					}
				}
			}()
			read := func(n int64) {
				if _, err := io.CopyN(io.Discard, server, n); err != nil {
					b.Fatal(err)
				}
			}
			// Leave slow start behind.
			read(int64(t.rate.Per(500 * time.Millisecond)))
			before, err := r.Stats(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			b.ResetTimer()
			read(int64(b.N) * int64(units.MB))
			b.StopTimer()
			st, err := r.Stats(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			mbps := float64(b.N) * 8 / b.Elapsed().Seconds()
			cpu := float64(st.CPU-before.CPU) / float64(b.Elapsed()) * 100
			b.ReportMetric(mbps/(t.rate.Mbps()*1448/1514)*100, "%ideal")
			b.ReportMetric(cpu, "cpu-%")
			b.ReportMetric(cpu/mbps, "cpu-%/Mbps")
			b.ReportMetric(float64(st.Lines[0].AB.LateP50)/1e3, "late50-us")
			b.ReportMetric(float64(st.Lines[0].AB.LateP99)/1e3, "late99-us")
			b.ReportMetric(float64(st.Lines[0].AB.LateMax)/1e3, "latemax-us")
			b.ReportMetric(float64(st.Lines[0].AB.Dropped), "dropped")
		})
	}
}

// BenchmarkLines sends 1 MB per operation and line through several lines of one
// relay at 10 Mb/s and 5 ms, and reports the goodput of the slowest.
func BenchmarkLines(b *testing.B) {
	for _, n := range []int{6, 24} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			const rate, delay = 10 * units.Mbps, 5 * time.Millisecond
			var cables []*cable
			var lines []Line
			for range n {
				c := newCable(b)
				c.shape(b, rate, false)
				c.line.AB.Delay, c.line.BA.Delay = delay, delay
				cables, lines = append(cables, c), append(lines, c.line)
			}
			r, err := Start(b.Context(), lines)
			if err != nil {
				b.Fatal(err)
			}
			defer r.Close()
			var servers []net.Conn
			for _, c := range cables {
				client, server := c.stream(b)
				servers = append(servers, server)
				go func() {
					buf := make([]byte, 1<<16)
					for {
						if _, err := client.Write(buf); err != nil {
							return
						}
					}
				}()
				if _, err := io.CopyN(io.Discard, server, int64(rate.Per(300*time.Millisecond))); err != nil {
					b.Fatal(err)
				}
			}
			before, err := r.Stats(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			start := time.Now()
			took := make(chan time.Duration, n)
			for _, s := range servers {
				go func() {
					if _, err := io.CopyN(io.Discard, s, int64(b.N)*int64(units.MB)); err != nil {
						b.Error(err)
					}
					took <- time.Since(start)
				}()
			}
			var slowest time.Duration
			for range n {
				slowest = max(slowest, <-took)
			}
			st, err := r.Stats(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			var p50, p99 time.Duration
			for _, l := range st.Lines {
				p50, p99 = max(p50, l.AB.LateP50), max(p99, l.AB.LateP99)
			}
			b.ReportMetric(float64(b.N)*8/slowest.Seconds()/(rate.Mbps()*1448/1514)*100, "%ideal-worst")
			b.ReportMetric(float64(st.CPU-before.CPU)/float64(slowest)*100, "cpu-%")
			b.ReportMetric(float64(p50)/1e3, "late50-us-worst")
			b.ReportMetric(float64(p99)/1e3, "late99-us-worst")
		})
	}
}
