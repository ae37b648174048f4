package apart

import (
	"context"
	"encoding/json"

	"google.golang.org/grpc"

	"edgebed/nodes/client"
	"edgebed/nodes/computer"
	"edgebed/nodes/controller"
	"edgebed/nodes/router"
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

// kind is a kind of node, of which a host has one each.
type kind string

const (
	aController kind = "controller"
	aRouter     kind = "router"
	aComputer   kind = "computer"
)

// start asks for a node, with the seed of a router, or for a client, with its ports.
type start struct {
	Kind  kind
	Seed  uint64
	Ports int
}

// started says where a computer is, or gives a client its number.
type started struct {
	Endpoint string
	Client   int
}

// of is what a call is about: a node, or a client by its number where the kind is empty.
type of struct {
	Kind   kind
	Client int
}

// connect asks a router for its connections, or a computer for those to endpoints.
type connect struct {
	Kind      kind
	Endpoints []string
}

// stats are those of the node that was asked for.
type stats struct {
	Controller controller.Stats
	Router     router.Stats
	Computer   computer.Stats
}

// execution asks a client for an execution. With Tell it says when there is an answer, and
// waits for a word before it verifies.
type execution struct {
	Client       int
	Workflow     *workflow.Workflow
	Run          workflow.Run
	Verify, Tell bool
}

// word is what is said to an execution that waits for it: why it must not go on, or nothing.
type word struct{ Error string }

// news are of an execution: that it has its answer, or how it ended.
type news struct {
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

// text is gRPC's codec for these messages.
type text struct{}

// Marshal implements encoding.Codec.
func (text) Marshal(v any) ([]byte, error) { return json.Marshal(v) }

// Unmarshal implements encoding.Codec.
func (text) Unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }

// Name implements encoding.Codec.
func (text) Name() string { return "json" }

// window is the flow control's, fixed so that gRPC measures nothing, which takes time.
const window = 4 << 20

// serverOptions are the process's. Messages may be long: a job can have long lists of workflows.
func serverOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ForceServerCodec(text{}), grpc.InitialWindowSize(window), grpc.InitialConnWindowSize(window),
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
			method("Begin", (*server).begin), method("Start", (*server).start), method("Close", (*server).close),
			method("Connect", (*server).connect), method("Table", (*server).table), method("Stats", (*server).stats),
			method("States", (*server).states), method("SetSpeed", (*server).setSpeed),
			method("Abandon", (*server).abandon), method("Rest", (*server).rest),
		},
		Streams: []grpc.StreamDesc{stream()},
	}
}
