package job

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"edgebed/harness/record"
	"edgebed/harness/scenario/scenariotest"
	"edgebed/nodes/yamlfile"
)

// TestNeedsPlaces: what a network lacks is told where it is asked for: by the last change of a
// link in this direction, the scenario's class, the file's, or in an event.
func TestNeedsPlaces(t *testing.T) {
	const file = `name: own
switches: [a, b]
hosts: [{name: x, switch: a, uplink: {corrupt: 1 %}}, {name: y, switch: b}]
link-classes: {wan: {delay: 1 ms}}
links: [{between: [a, b], class: wan}]
ipv6: true
`
	find := func(string) ([]byte, string, error) { return []byte(file), "own.yaml", nil }
	p, err := Prepare(scenariotest.ExpandText(t, `name: t
topology:
  file: own.yaml
  classes: {wan: {reverse: {corrupt: 2 %}}}
  changes:
    - {link: [b, a], reverse: {corrupt: 3 %}}
    - {host: y, downlink: {rate: 1 Mb/s, discipline: codel}}
events: [{at: 1 s, direction: [a, b], set: {corrupt: 4 %}}]
execution: {model: pure-faas}
`), find, nil)
	if err != nil {
		t.Fatal(yamlfile.Explain(err))
	}
	job := &p.Jobs[0]
	if err := job.CanRunOn(record.Emulated); err != nil {
		t.Error(err)
	}

	got := yamlfile.Each(job.CanRunOn(record.Virtual))
	want := []string{
		"own.yaml:3:48: hosts[0].uplink.corrupt: link x-a: ",
		"test.yaml:4:38: topology.classes.wan.reverse.corrupt: link b-a: ",
		"own.yaml:6:7: ipv6: ipv6: in virtual time hosts have IPv4 alone",
		"test.yaml:6:41: topology.changes[0].reverse.corrupt: link a-b: ",
		"test.yaml:7:54: topology.changes[1].downlink.discipline: link b-y: ",
		"test.yaml:8:54: events[0].set.corrupt: link a-b: ",
	}
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || !strings.HasPrefix(got[i].Error(), want[i]) {
			t.Fatalf("mistakes %d:\n%v\nwant\n%v", i, yamlfile.Join(got...), strings.Join(want, "\n"))
		}
	}
}

// TestManyLinks: to look at what links ask for takes the more time the more they are, and not
// the square of it.
func TestManyLinks(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	busy := func() time.Duration { // whatever others have of the processors
		var used unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &used); err != nil {
			t.Fatal(err)
		}
		return time.Duration(used.Nano())
	}

	check := func(hosts int) time.Duration {
		text := strings.Builder{}
		text.WriteString("name: many\nswitches: [s]\n" +
			"link-classes: {slow: {rate: 1 Mb/s, queue: 9, corrupt: 1 %}}\nhosts:\n")
		for i := range hosts {
			fmt.Fprintf(&text, "  - {name: h%d, switch: s, class: slow, uplink: {queue-bytes: 9 kB}}\n", i)
		}
		find := func(string) ([]byte, string, error) { return []byte(text.String()), "many.yaml", nil }
		p, err := Prepare(scenariotest.ExpandText(t, "name: t\ntopology: {file: many.yaml}\n"+
			"nodes: {computers: [{hosts: [h1]}]}\nexecution: {model: pure-faas}\n"), find, nil)
		if err != nil {
			t.Fatal(yamlfile.Explain(err))
		}

		least := time.Hour
		for range 5 {
			began := busy()
			if err := p.Jobs[0].checkEffects(); err != nil {
				t.Error(err)
			}
			if err := p.Jobs[0].CanRunOn(record.Virtual); err == nil || len(yamlfile.Each(err)) != 1 {
				t.Errorf("%v, want one mistake", err)
			}
			least = min(least, busy()-began)
		}
		return least
	}
	// 8 times as long would be it, and 64 times where each link looks at all others.
	if few, many := check(120), check(960); many > 24*few {
		t.Errorf("8 times the links take %v, and an eighth of them %v", many, few)
	}
}
