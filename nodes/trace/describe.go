package trace

import (
	"cmp"
	"slices"
	"strconv"

	"edgebed/nodes/units"
	"edgebed/nodes/wire"
	"edgebed/nodes/workflow"
)

// describe says what a message carries; nothing of the message is kept. The
// method tells what a message stands for that other methods have too.
// describe says what a message of the given method carries. Of a message of another
// kind it knows nothing.
func describe(method string, message any) *Message {
	m := &Message{}
	switch b := message.(type) {
	case *wire.LambdaRequest:
		m.Invocation = Invocation{b.GetName(), b.GetUuid(), int(b.GetNextFunctionIndex())}
		if d := b.GetDirect(); d != nil {
			m.Sender = sender(d.GetSender())
		}
		m.Forwarded = b.GetForward()
		m.Argument = units.Size(len(b.GetInput()) + len(b.GetDatain()))
		m.setStates(b.GetStates())
	case *wire.LambdaResponse:
		m.Ack = b.GetAsynchronous()
		m.Argument = units.Size(len(b.GetOutput()) + len(b.GetDataout()))
		m.setStates(b.GetStates())
		m.setRetcode(b.GetRetcode())
		if method == "CallbackServer/ReceiveResponse" {
			m.Invocation = Invocation{UUID: b.GetUuid(), Index: int(b.GetSender())}
		}
	case *wire.State:
		m.States = []State{{b.GetName(), units.Size(len(b.GetContent())), b.GetLocation()}}
	case *wire.StateResponse:
		if s := b.GetState(); s != nil {
			m.States = []State{{s.GetName(), units.Size(len(s.GetContent())), s.GetLocation()}}
		}
		m.setRetcode(b.GetRetcode())
	case *wire.ForwardingTable:
		m.Entries = len(b.GetEntries())
	}

	return m
}

// sender names who sent a message of the direct form.
func sender(index int64) string {
	if index == workflow.Client {
		return string(Client)
	}
	return strconv.FormatInt(index, 10)
}

func (m *Message) setStates(states map[string]*wire.State) {
	for name, s := range states {
		m.States = append(m.States, State{name, units.Size(len(s.GetContent())), s.GetLocation()})
	}
	slices.SortFunc(m.States, func(a, b State) int { return cmp.Compare(a.Name, b.Name) })
}

func (m *Message) setRetcode(retcode string) {
	if retcode != wire.RetOK {
		m.Retcode = retcode
	}
}
