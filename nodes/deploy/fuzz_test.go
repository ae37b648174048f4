package deploy_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"edgebed/nodes/fuzztest"
	"edgebed/nodes/wire"
)

// rpcs are all calls that nodes serve.
func rpcs() []string {
	var all []string
	for _, service := range []grpc.ServiceDesc{
		wire.EdgeServer_ServiceDesc, wire.CallbackServer_ServiceDesc, wire.StateServer_ServiceDesc,
		wire.EdgeRouter_ServiceDesc, wire.EdgeController_ServiceDesc, wire.EdgeComputer_ServiceDesc,
	} {
		for _, m := range service.Methods {
			all = append(all, "/"+service.ServiceName+"/"+m.MethodName)
		}
	}
	return all
}

// raw passes bytes as messages.
type raw struct{}

func (raw) Name() string                  { return "raw" }
func (raw) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = slices.Clone(data)
	return nil
}

// FuzzRPC sends any bytes as a message of any call to any node, which must answer, with
// an error where it cannot make anything of them, and must not fall over: a panic ends
// this process, and a connection that the node dropped would not carry the next call.
// The same nodes get all messages, also those that take tables and computers away.
func FuzzRPC(f *testing.F) {
	chain := &wire.LambdaRequest{
		Name: name(2), Input: "x", Chain: []string{name(2), name(3)}, Callback: name(1) + ":6480", Uuid: "u",
		States:       map[string]*wire.State{"s": {Name: "s", Content: []byte("s")}, "t": {Name: "t", Location: name(3) + ":30000"}},
		Dependencies: map[string]*wire.FunctionList{"s": {Functions: []string{name(3)}}},
	}
	for i, message := range []proto.Message{
		chain, &wire.LambdaRequest{}, &wire.LambdaResponse{Responder: name(2), Retcode: "OK"}, &wire.State{Name: "s", Content: []byte("x")},
		&wire.ComputerInfo{EdgeServerEndpoint: name(2) + ":10000"}, &wire.EdgeRouterConf{},
	} {
		data, err := proto.Marshal(message)
		if err != nil {
			f.Fatal(err)
		}
		for call := range rpcs() {
			f.Add(uint8(i), uint8(call), data)
		}
	}
	f.Add(uint8(0), uint8(0), []byte{0xff, 0xff, 0xff, 0xff, 0x0f})

	network, cfg := ring(4, 0)
	cfg.CallTimeout, cfg.Timeout = 5*time.Second, 5*time.Second
	start(f, cfg)
	nodes := network.Listening()
	if len(nodes) < 5 {
		f.Fatalf("nodes listen at %v only", nodes)
	}

	f.Fuzz(func(t *testing.T, node, call uint8, message []byte) {
		fuzztest.Watch(t, 5*time.Second)
		endpoint := nodes[int(node)%len(nodes)]
		conn, err := wire.Dial(network.Host(endpoint.Addr()), endpoint.String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()

		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		all := rpcs()
		method := all[int(call)%len(all)]
		first, err := invoke(ctx, conn, method, message)
		if ctx.Err() != nil {
			t.Fatalf("%s of %d bytes at %s: no answer: %v", method, len(message), endpoint, err)
		}

		// No node serves this, but says so: over the same connection, or it was lost. A
		// look at the connection's state would not tell: it may change after the answer.
		then, err := invoke(ctx, conn, "/none/None", nil)
		if status.Code(err) != codes.Unimplemented || then != first {
			t.Fatalf("after %s of %d bytes over %s %s answers over %s: %v", method, len(message), first, endpoint, then, err)
		}
	})
}

// invoke calls a method with the bytes of a message, and returns this side's address of
// the connection that carried it.
func invoke(ctx context.Context, conn *grpc.ClientConn, method string, message []byte) (string, error) {
	var answer []byte
	var at peer.Peer
	err := conn.Invoke(ctx, method, &message, &answer, grpc.ForceCodec(raw{}), grpc.Peer(&at))
	if at.LocalAddr == nil {
		return "no connection", err
	}
	return at.LocalAddr.String(), err
}
