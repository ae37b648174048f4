// Two hosts on two switches with a link of 10 Mb/s and 2 ms: one sends to the other, and
// what arrives and what the link counts is said.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"edgebed/harness/emu"
	"edgebed/harness/emu/delayline"
	"edgebed/harness/sandbox"
	"edgebed/harness/topology"
)

const network = `
name: two
switches: [left, right]
hosts: [{name: a, switch: left}, {name: b, switch: right}]
links: [{between: [left, right], class: line}]
link-classes: {line: {rate: 10 Mb/s, delay: 2 ms}}
`

// sent is how much is sent, in bytes.
const sent = 500_000

func main() {
	delayline.MaybeMain()
	sandbox.Enter()
	err := outside
	if sandbox.Inside() {
		err = inside
	}
	if err := err(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		var refused *sandbox.RefusedError
		if errors.As(err, &refused) {
			os.Exit(3)
		}
		os.Exit(1)
	}
}

// outside starts the program again, where it may make networks.
func outside(ctx context.Context) error {
	cmd := sandbox.Command(ctx, sandbox.Options{KeepTmp: true})
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

func inside(ctx context.Context) (err error) {
	t, err := topology.Parse("two.yaml", []byte(network))
	if err != nil {
		return err
	}
	n, err := emu.Build(ctx, t, emu.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()

	a, errA := n.Host("a")
	b, errB := n.Host("b")
	if err := errors.Join(errA, errB); err != nil {
		return err
	}
	l, err := b.Listen(ctx, b.Address().String()+":7000")
	if err != nil {
		return err
	}
	defer l.Close()
	go func() {
		c, err := a.DialContext(ctx, l.Addr().String())
		if err != nil {
			return // nobody comes, and Accept's deadline is the program's
		}
		_, _ = c.Write(make([]byte, sent))
		c.Close()
	}()

	c, err := l.Accept()
	if err != nil {
		return err
	}
	began := time.Now()
	received, err := io.Copy(io.Discard, c)
	if err != nil {
		return err
	}
	took := time.Since(began).Seconds()
	counters, err := n.Counters()
	if err != nil {
		return err
	}
	trunk, _ := counters.SentTrunks()
	fmt.Printf("%d %d %g\n", received, trunk, float64(received)*8/1e6/took)
	return nil
}
