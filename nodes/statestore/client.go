package statestore

import (
	"context"
	"fmt"

	"google.golang.org/grpc"

	"edgebed/nodes/wire"
)

// Client calls one state server over one connection. It is safe for concurrent
// use.
type Client struct {
	endpoint string
	conn     *grpc.ClientConn
	rpc      wire.StateServerClient
}

// Dial returns a client with a connection of its own to the state server at
// the endpoint (ip:port). The connection opens at the first call; Close closes
// it. A node that must open a new connection for each state it moves dials one
// client per state (prototype, Edge/edgecomputer.cpp).
func Dial(n wire.Net, endpoint string) (*Client, error) {
	conn, err := wire.Dial(n, endpoint)
	if err != nil {
		return nil, fmt.Errorf("connect to state server: %w", err)
	}
	return &Client{endpoint: endpoint, conn: conn, rpc: wire.NewStateServerClient(conn)}, nil
}

// Endpoint returns the server's endpoint.
func (c *Client) Endpoint() string { return c.endpoint }

// Close closes the client's connection.
func (c *Client) Close() error { return c.conn.Close() }

// Get returns the content of a state. The error wraps a *wire.RetError where
// the server does not hold the state.
func (c *Client) Get(ctx context.Context, name string) ([]byte, error) {
	resp, err := c.rpc.Get(ctx, &wire.State{Name: name})
	if err := c.check("get", name, resp, err); err != nil {
		return nil, err
	}
	return resp.GetState().GetContent(), nil
}

// Put stores a state, overwriting what was there.
func (c *Client) Put(ctx context.Context, name string, content []byte) error {
	resp, err := c.rpc.Put(ctx, &wire.State{Name: name, Content: content})
	return c.check("put", name, resp, err)
}

// Del makes the server forget a state. The error wraps a *wire.RetError where
// the server does not hold it.
func (c *Client) Del(ctx context.Context, name string) error {
	resp, err := c.rpc.Del(ctx, &wire.State{Name: name})
	return c.check("delete", name, resp, err)
}

func (c *Client) check(verb, name string, resp *wire.StateResponse, err error) error {
	call := fmt.Sprintf("%s state %s at %s", verb, name, c.endpoint)
	if err != nil {
		return fmt.Errorf("%s: %w", call, err)
	}
	return wire.CheckRet(call, resp.GetRetcode())
}
