package emu

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Ethtool commands that switch segmentation offload (linux/ethtool.h).
const (
	ethtoolSetTSO = 0x1f
	ethtoolSetGSO = 0x24
)

// segmentOnSending makes the named device of the calling thread's namespace cut
// TCP's large segments into frames as it sends them, as a network card does.
//
// The alternative, gso_max_segs 1, makes TCP itself build single frames. Then
// the frames that wait in a switch's shaper are the sender's own buffers, the
// kernel takes them for not yet sent, and holds back the tail-loss probes that
// a sender on a machine of its own would send (skb_still_in_host_queue in
// net/ipv4/tcp_output.c; the prototype's runs at 1 Mb/s show those probes).
// It matters only on a device without a queue of its own: what it cuts is cut
// before any shaper sees it.
func segmentOnSending(device string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a socket for ethtool: %w", err)
	}
	defer unix.Close(fd)
	for _, command := range []uint32{ethtoolSetTSO, ethtoolSetGSO} {
		value := struct{ command, data uint32 }{command, 0}
		var request struct {
			name [unix.IFNAMSIZ]byte
			data unsafe.Pointer
			_    [16]byte // the kernel's union is larger
		}
		copy(request.name[:unix.IFNAMSIZ-1], device)
		request.data = unsafe.Pointer(&value)
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
		if errno != 0 {
			return fmt.Errorf("switch off segmentation offload of %s (ethtool command %#x): %w", device, command, errno)
		}
	}
	return nil
}
