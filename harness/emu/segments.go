package emu

import (
	"context"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// mostSegments is how many frames of a connection a port takes at once.
const mostSegments = 1

// singleFrames makes the ports take single frames that do not yet: in Linux 5.10, and no more
// in 6.1, the far end of a veth pair has the limits of the near one, whatever is asked of it.
//
// It returns what the kernel says about the ports then.
func singleFrames(ctx context.Context, c *conn, ports []*port, found []device) ([]device, error) {
	b := c.batch()
	var indices []int
	for i, p := range ports {
		indices = append(indices, p.index)
		if found[i].maxSegs == mostSegments {
			continue
		}
		if err := b.add(setSegments(p.index), "make single frames of", p.name); err != nil {
			return nil, err
		}
	}
	if b.seq == 0 {
		return found, nil
	}

	if err := b.send(); err != nil {
		return nil, err
	}
	return connected(ctx, c.raw.Socket, indices)
}

func setSegments(index int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, 0)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(unix.IFLA_GSO_MAX_SEGS, nl.Uint32Attr(mostSegments)))
	return req
}
