package wire

import (
	"google.golang.org/grpc/encoding"
	protocodec "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// ordered is gRPC's codec, but that it writes a map's entries in the order of their
// keys: the same message is the same bytes in every run, as a capture shows them.
type ordered struct{ encoding.CodecV2 }

// Codecs are gRPC's own, by name: one that is given to single connections would
// change the content type, and so the bytes of a call.
func init() {
	encoding.RegisterCodecV2(ordered{encoding.GetCodecV2(protocodec.Name)})
}

// Marshal implements encoding.CodecV2.
func (c ordered) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(proto.Message)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, err
	}
	return mem.BufferSlice{mem.SliceBuffer(data)}, nil
}
