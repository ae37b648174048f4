package testbed

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"pgregory.net/rapid"
)

// TestBlocks checks on any frames, cut anywhere, that a limited capture is whole: a reader
// finds the first frames, and as many as were not counted as left out.
func TestBlocks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(14, 1514), 1, 40).Draw(t, "sizes")
		limit := rapid.Int64Range(200, 40_000).Draw(t, "limit")
		var whole, kept bytes.Buffer
		w, err := pcapgo.NewNgWriterInterface(&whole, pcapgo.NgInterface{
			Name: "s0-s1", LinkType: layers.LinkTypeEthernet,
		}, pcapgo.NgWriterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		total := int64(0)
		for _, size := range sizes {
			info := gopacket.CaptureInfo{Timestamp: time.Unix(1, 0), CaptureLength: size, Length: size}
			if err := w.WritePacket(info, make([]byte, size)); err != nil {
				t.Fatal(err)
			}
			total += int64(size)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}

		b := &blocks{w: &kept, left: limit}
		for rest := whole.Bytes(); len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "cut")
			if _, err := b.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if b.frames != int64(len(sizes)) || b.bytes != total || int64(kept.Len()) > limit {
			t.Fatalf("%d frames of %d B in %d B, want %d of %d in at most %d",
				b.frames, b.bytes, kept.Len(), len(sizes), total, limit)
		}

		r, err := pcapgo.NewNgReader(&kept, pcapgo.DefaultNgReaderOptions)
		if err != nil {
			t.Fatal(err)
		}
		read := 0
		for ; ; read++ {
			data, _, err := r.ReadPacketData()
			if err == io.EOF {
				break
			}
			if err != nil || len(data) != sizes[read] {
				t.Fatalf("frame %d has %d B, %v; want %d", read, len(data), err, sizes[read])
			}
		}
		if int64(read) != b.frames-b.leftOut {
			t.Fatalf("%d frames are in the file, %d came and %d were left out", read, b.frames, b.leftOut)
		}
	})
}
