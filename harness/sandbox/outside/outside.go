// Package outside describes what no sandbox may change or leave: the machine around it.
// Out come texts that are equal where nothing has changed, and the processes of a
// campaign; those call it who run campaigns and look at what is left.
package outside

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"

	"edgebed/harness/cgroup"
)

// Describe returns what a campaign must not change: links with their queues,
// addresses, routes, rules, settings of the network, mounts, control groups and
// namespaces of this process, named namespaces, and control groups that nobody has
// any more: those of other campaigns that run come and go.
func Describe() (string, error) {
	var b strings.Builder
	for _, part := range []func(*strings.Builder) error{links, addresses, routes, files, sysctls, namespaces} {
		if err := part(&b); err != nil {
			return "", fmt.Errorf("describe the machine: %w", err)
		}
	}
	return b.String(), nil
}

func links(b *strings.Builder) error {
	list, err := netlink.LinkList()
	if err != nil {
		return err
	}
	for _, l := range list {
		a := l.Attrs()
		fmt.Fprintln(b, "link", a.Index, a.Name, l.Type(), a.MTU, a.HardwareAddr, a.Flags, a.OperState, a.TxQLen)
		queues, err := netlink.QdiscList(l)
		if err != nil {
			return err
		}
		for _, q := range queues {
			fmt.Fprintln(b, "qdisc", a.Name, q.Type(), q.Attrs().Handle)
		}
	}
	return nil
}

func addresses(b *strings.Builder) error {
	list, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return err
	}
	for _, a := range list {
		fmt.Fprintln(b, "address", a.LinkIndex, a.IPNet)
	}
	return nil
}

func routes(b *strings.Builder) error {
	list, err := netlink.RouteList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return err
	}
	for _, r := range list {
		fmt.Fprintln(b, "route", r)
	}

	rules, err := netlink.RuleList(netlink.FAMILY_ALL)
	if err != nil {
		return err
	}
	for _, r := range rules {
		fmt.Fprintln(b, "rule", r)
	}
	return nil
}

// files are what the kernel describes itself, and the control groups that are left.
func files(b *strings.Builder) error {
	for _, file := range []string{"/proc/self/mountinfo", "/proc/self/cgroup"} {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "%s\n%s", file, data)
	}

	groups, _ := filepath.Glob("/sys/fs/cgroup/*/")
	made := cgroup.Made()
	groups = slices.DeleteFunc(groups, func(g string) bool { return slices.Contains(made, filepath.Clean(g)) })
	fmt.Fprintln(b, "cgroups", groups)
	for _, group := range cgroup.Left() {
		fmt.Fprintln(b, "cgroup", group)
	}
	return nil
}

// sysctls are all settings of the network that can be read, in a fixed order.
func sysctls(b *strings.Builder) error {
	return filepath.WalkDir("/proc/sys/net", func(name string, d fs.DirEntry, err error) error {
		// This one counts what the kernel does meanwhile.
		if err != nil || d.IsDir() || d.Name() == "nf_conntrack_count" {
			return err
		}
		value, err := os.ReadFile(name)
		if err != nil {
			return nil // some can only be written, such as route/flush
		}
		fmt.Fprintln(b, "sysctl", name, strings.TrimSpace(string(value)))
		return nil
	})
}

func namespaces(b *strings.Builder) error {
	spaces, err := filepath.Glob("/proc/self/ns/*")
	if err != nil {
		return err
	}
	for _, file := range spaces {
		space, err := os.Readlink(file)
		if err != nil {
			return err
		}
		fmt.Fprintln(b, "namespace", file, space)
	}

	named, _ := filepath.Glob("/run/netns/*")
	fmt.Fprintln(b, "netns", named)
	return nil
}

// Changed returns the lines that only one of two descriptions has, with a sign.
func Changed(before, after string) string {
	var b strings.Builder
	for _, side := range []struct{ sign, text, other string }{{"-", before, after}, {"+", after, before}} {
		for line := range strings.Lines(side.text) {
			if !strings.Contains(side.other, line) {
				b.WriteString(side.sign + line)
			}
		}
	}
	return b.String()
}

// Marked returns the processes that have the mark, NAME=VALUE, in their environment,
// without this one and without zombies.
func Marked(mark string) ([]int, error) {
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, file := range environs {
		data, err := os.ReadFile(file)
		if err != nil || !slices.Contains(strings.Split(string(data), "\x00"), mark) {
			continue // it has ended, or is another user's
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
