package apart

import (
	"context"
	"encoding/json"

	"google.golang.org/grpc"

	"edgebed/nodes/client"
	"edgebed/nodes/wire"
	"edgebed/nodes/workflow"
)

// service is what the process serves, execute its one method that is a stream.
const (
	service = "edgebed.Nodes"
	execute = "Execute"
)

// begin is what the process is told first: the job, of which it finds its part, and the host.
type begin struct {
	Job  json.RawMessage
	Host string
}

// target is the node that a call is about, by the number under which its start was asked for. Each
// start has a number of its own, so that one that was given up can be closed, and only that.
type target struct{ Node int }

// startRouter asks for a router, which draws from the seed.
type startRouter struct {
	target
	Seed uint64
}

// startClient asks for a client, so many steps from the usual ports.
type startClient struct {
	target
	Ports int
}

// connect asks a router for its connections, or a computer for those to endpoints.
type connect struct {
	target
	Endpoints []string
}

// table asks for one of a router's tables.
type table struct {
	target
	Table int
}

// speed asks a computer for its speed.
type speed struct {
	target
	Factor float64
}

// execution asks a client for an execution. With Tell it says when there is an answer, and
// waits for leave before it verifies.
type execution struct {
	target
	Workflow     *workflow.Workflow
	Run          workflow.Run
	Verify, Tell bool
}

// goAhead is the leave of an execution that waits for it, or why it must not go on.
type goAhead struct{ Error string }

// progress is an execution's: that it has its answer, or how it ended.
type progress struct {
	Answered bool
	// Result has no States and no Output. Its Began is by the wall clock, which all processes share.
	Result client.Result
	// Failed is the stage at which it failed, for Reason; empty where it did not.
	Failed client.Stage
	Reason string
	// Spent is what the client says of itself.
	Spent bool
}

// nothing is an empty message.
type nothing struct{}

// codec is gRPC's for these messages.
type codec struct{}

// Marshal implements encoding.Codec.
func (codec) Marshal(v any) ([]byte, error) { return json.Marshal(v) }

// Unmarshal implements encoding.Codec.
func (codec) Unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }

// Name implements encoding.Codec.
func (codec) Name() string { return "json" }

// serverOptions are the process's. Messages may be long: a job can have long lists of workflows.
func serverOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ForceServerCodec(codec{}), grpc.InitialWindowSize(wire.Window), grpc.InitialConnWindowSize(wire.Window),
		grpc.MaxRecvMsgSize(wire.MaxMessage), grpc.MaxSendMsgSize(wire.MaxMessage),
	}
}

// method describes a method of the service.
func method[In, Out any](name string, do func(*server, context.Context, *In) (Out, error)) grpc.MethodDesc {
	handle := func(
		s any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor,
	) (any, error) {
		in := new(In)
		if err := decode(in); err != nil {
			return nil, err
		}
		return do(s.(*server), ctx, in)
	}
	return grpc.MethodDesc{MethodName: name, Handler: handle}
}

// stream describes the stream of an execution, for both sides.
func stream() grpc.StreamDesc {
	return grpc.StreamDesc{
		StreamName: execute, ServerStreams: true, ClientStreams: true,
		Handler: func(s any, stream grpc.ServerStream) error { return s.(*server).execute(stream) },
	}
}

// description describes the service.
func description() *grpc.ServiceDesc {
	return &grpc.ServiceDesc{
		ServiceName: service, HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{
			method("Begin", (*server).begin), method("Rest", (*server).rest),
			method("StartController", (*server).startController), method("StartRouter", (*server).startRouter),
			method("StartComputer", (*server).startComputer), method("StartClient", (*server).startClient),
			method("Connect", (*server).connect), method("Close", (*server).close),
			method("ControllerStats", (*server).controllerStats), method("RouterStats", (*server).routerStats),
			method("ComputerStats", (*server).computerStats), method("StateSizes", (*server).stateSizes),
			method("Table", (*server).table), method("SetSpeed", (*server).setSpeed),
			method("Abandon", (*server).abandon),
		},
		Streams: []grpc.StreamDesc{stream()},
	}
}
