package delayline_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"edgebed/harness/emu/delayline"
)

// local is the EtherType for local experiments, in network order.
var local = binary.NativeEndian.Uint16([]byte{0x88, 0xb5})

// cable makes a pair of devices of which one end is a host's, the other the inner
// end of a line.
func cable(host, inner string) error {
	pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: host}, PeerName: inner}
	if err := netlink.LinkAdd(pair); err != nil {
		return err
	}
	other, err := netlink.LinkByName(inner)
	if err != nil {
		return err
	}
	return errors.Join(netlink.LinkSetUp(pair), netlink.LinkSetUp(other))
}

// raw opens a socket for frames on a device.
func raw(name string) (fd int, err error) {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return 0, err
	}
	if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, int(local)); err != nil {
		return 0, err
	}
	return fd, unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: local, Ifindex: link.Attrs().Index})
}

// Delay frames between two devices by 20 ms one way, and 5 ms back. The main
// function of the program calls MaybeMain first.
func ExampleStart() {
	var line delayline.Line
	err := errors.Join(cable("left", "inner-a"), cable("right", "inner-b"))
	if err != nil {
		fmt.Println(err)
		return
	}
	if line.A, err = delayline.Open("inner-a"); err != nil {
		fmt.Println(err)
		return
	}
	if line.B, err = delayline.Open("inner-b"); err != nil {
		fmt.Println(err)
		return
	}
	line.AB = delayline.Params{Delay: 20 * time.Millisecond}
	line.BA = delayline.Params{Delay: 5 * time.Millisecond}
	relay, err := delayline.Start(context.Background(), []delayline.Line{line})
	if err != nil {
		fmt.Println(err)
		return
	}

	left, errLeft := raw("left")
	right, errRight := raw("right")
	if err := errors.Join(errLeft, errRight); err != nil {
		fmt.Println(err)
		return
	}
	defer unix.Close(left)
	defer unix.Close(right)
	frame := append([]byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5}, make([]byte, 46)...)
	begin := time.Now()
	if _, err := unix.Write(left, frame); err != nil {
		fmt.Println(err)
	}
	got, err := unix.Read(right, make([]byte, 1600))
	fmt.Printf("%d bytes arrived, %v; not before they were due: %v\n", got, err, time.Since(begin) >= line.AB.Delay)

	stats, err := relay.Stats(context.Background())
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println("frames that fell to the relay:", stats.Lines[0].AB.Dropped)
	fmt.Println(relay.Close())

	// Output:
	// 60 bytes arrived, <nil>; not before they were due: true
	// frames that fell to the relay: 0
	// <nil>
}
