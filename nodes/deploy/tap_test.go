package deploy_test

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/proto"

	"edgebed/nodes/memnet"
	"edgebed/nodes/wire"
)

// message is a protobuf message that crossed the network.
type message struct {
	// method is the gRPC method without the package, for instance
	// "EdgeServer/RunLambda".
	method   string
	request  bool
	from, to netip.Addr
	body     proto.Message
}

// payload is what a message carries of arguments and states, in bytes.
func (m message) payload() int {
	n := 0
	states := func(states map[string]*wire.State) {
		for _, s := range states {
			n += len(s.GetContent())
		}
	}
	switch b := m.body.(type) {
	case *wire.LambdaRequest:
		n += len(b.GetInput())
		states(b.GetStates())
	case *wire.LambdaResponse:
		n += len(b.GetOutput())
		states(b.GetStates())
	case *wire.State:
		n += len(b.GetContent())
	case *wire.StateResponse:
		n += len(b.GetState().GetContent())
	}
	return n
}

// bodies makes the message types of the methods that are looked at.
var bodies = map[string]struct{ request, response func() proto.Message }{
	"EdgeServer/RunLambda": {
		func() proto.Message { return &wire.LambdaRequest{} },
		func() proto.Message { return &wire.LambdaResponse{} },
	},
	"CallbackServer/ReceiveResponse": {
		func() proto.Message { return &wire.LambdaResponse{} },
		func() proto.Message { return &wire.Void{} },
	},
	"StateServer/Get": {newState, newStateResponse},
	"StateServer/Put": {newState, newStateResponse},
	"StateServer/Del": {newState, newStateResponse},
}

func newState() proto.Message         { return &wire.State{} }
func newStateResponse() proto.Message { return &wire.StateResponse{} }

// tap decodes the HTTP/2 streams of a network into gRPC messages.
type tap struct {
	t testing.TB

	mu       sync.Mutex
	streams  map[tapKey]*half
	methods  map[methodKey]string
	messages []message
}

type tapKey struct {
	conn   int
	dialed bool
}

type methodKey struct {
	conn   int
	stream uint32
}

// half is one direction of a connection.
type half struct {
	started bool // the client's preface was skipped
	rest    []byte
	headers *hpack.Decoder
	block   []byte
	data    map[uint32][]byte
}

func newTap(t testing.TB, network *memnet.Network) *tap {
	s := &tap{t: t, streams: make(map[tapKey]*half), methods: make(map[methodKey]string)}
	network.Tap(s.chunk)
	return s
}

// take returns the messages since the last call.
func (s *tap) take() []message {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.messages
	s.messages = nil
	return m
}

func (s *tap) chunk(c memnet.Chunk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := tapKey{c.Conn, c.Dialed}
	h := s.streams[key]
	if h == nil {
		h = &half{started: !c.Dialed, headers: hpack.NewDecoder(4096, nil), data: make(map[uint32][]byte)}
		s.streams[key] = h
	}
	h.rest = append(h.rest, c.Data...)
	if !h.started {
		if len(h.rest) < len(http2.ClientPreface) {
			return
		}
		h.started, h.rest = true, h.rest[len(http2.ClientPreface):]
	}
	for len(h.rest) >= 9 {
		length := int(h.rest[0])<<16 | int(h.rest[1])<<8 | int(h.rest[2])
		if len(h.rest) < 9+length {
			return
		}
		kind, flags := http2.FrameType(h.rest[3]), http2.Flags(h.rest[4])
		stream := binary.BigEndian.Uint32(h.rest[5:]) & (1<<31 - 1)
		s.frame(c, h, kind, flags, stream, h.rest[9:9+length])
		h.rest = h.rest[9+length:]
	}
}

func (s *tap) frame(c memnet.Chunk, h *half, kind http2.FrameType, flags http2.Flags, stream uint32, payload []byte) {
	switch kind {
	case http2.FrameHeaders, http2.FrameContinuation:
		if flags&(http2.FlagHeadersPadded|http2.FlagHeadersPriority) != 0 && kind == http2.FrameHeaders {
			s.t.Errorf("header frame with padding or priority")
			return
		}
		h.block = append(h.block, payload...)
		if flags&http2.FlagHeadersEndHeaders == 0 {
			return
		}
		fields, err := h.headers.DecodeFull(h.block)
		h.block = nil
		if err != nil {
			s.t.Errorf("decode headers: %v", err)
			return
		}
		for _, f := range fields {
			if f.Name == ":path" {
				s.methods[methodKey{c.Conn, stream}] = strings.TrimPrefix(f.Value, "/uiiit.rpc.")
			}
		}
	case http2.FrameData:
		if flags&http2.FlagDataPadded != 0 {
			s.t.Errorf("padded data frame")
			return
		}
		data := append(h.data[stream], payload...)
		for len(data) >= 5 {
			size := int(binary.BigEndian.Uint32(data[1:]))
			if len(data) < 5+size {
				break
			}
			s.message(c, s.methods[methodKey{c.Conn, stream}], data[5:5+size])
			data = data[5+size:]
		}
		h.data[stream] = data
		if len(data) == 0 {
			// Unary calls: there is one message in each direction.
			delete(h.data, stream)
			if !c.Dialed {
				delete(s.methods, methodKey{c.Conn, stream})
			}
		}
	}
}

func (s *tap) message(c memnet.Chunk, method string, raw []byte) {
	types, ok := bodies[method]
	if !ok {
		return
	}
	body := types.response()
	if c.Dialed {
		body = types.request()
	}
	if err := proto.Unmarshal(raw, body); err != nil {
		s.t.Errorf("decode message of %s: %v", method, err)
		return
	}
	if got := proto.Size(body); got != len(raw) {
		s.t.Errorf("message of %s has %d bytes on the wire and %d decoded", method, len(raw), got)
	}
	s.messages = append(s.messages, message{method, c.Dialed, c.From, c.To, body})
}
