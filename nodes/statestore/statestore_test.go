package statestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"edgebed/nodes/wire"
)

func start(t testing.TB) (*Server, *Client) {
	t.Helper()
	s, err := Start(t.Context(), Config{Endpoint: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := Dial(wire.TCP{}, s.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(c.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	})
	return s, c
}

func TestPutGetDel(t *testing.T) {
	s, c := start(t)
	ctx := t.Context()
	for _, content := range []string{"first", "second, longer than the first", ""} {
		if err := c.Put(ctx, "s0", []byte(content)); err != nil {
			t.Fatal(err)
		}
		got, err := c.Get(ctx, "s0")
		if err != nil || string(got) != content {
			t.Errorf("Get = %q, %v, want %q", got, err, content)
		}
	}
	if err := c.Put(ctx, "a", nil); err != nil {
		t.Fatal(err)
	}
	if got, want := s.Names(), []string{"a", "s0"}; !slices.Equal(got, want) || s.Len() != 2 {
		t.Errorf("Names = %q, Len = %d, want %q", got, s.Len(), want)
	}
	if err := c.Del(ctx, "s0"); err != nil {
		t.Fatal(err)
	}
	if s.Len() != 1 {
		t.Errorf("Len = %d after Del, want 1", s.Len())
	}
}

// The retcodes are the prototype's (Edge/stateserver.cpp).
func TestUnknownState(t *testing.T) {
	_, c := start(t)
	_, err := c.Get(t.Context(), "s7")
	checkRetcode(t, err, "could not find state: s7")
	checkRetcode(t, c.Del(t.Context(), "s7"), "state not found: s7")
}

func checkRetcode(t *testing.T, err error, want string) {
	t.Helper()
	var ret *wire.RetError
	if !errors.As(err, &ret) || ret.Retcode != want {
		t.Errorf("error %v, want retcode %q", err, want)
	}
}

// The sizes are those of the prototype's messages: Get answers with the
// content alone, Put and Del with the retcode alone.
func TestMessageSizes(t *testing.T) {
	var s store
	s.contents = map[string][]byte{"s0": bytes.Repeat([]byte("A"), 10000), "s1": bytes.Repeat([]byte("A"), 20000)}
	for _, test := range []struct {
		what string
		call func(context.Context, *wire.State) (*wire.StateResponse, error)
		in   *wire.State
		req  int
		resp int
	}{
		{"get s0", s.Get, &wire.State{Name: "s0"}, 4, 10010},
		{"get s1", s.Get, &wire.State{Name: "s1"}, 4, 20012},
		{"put s0", s.Put, &wire.State{Name: "s0", Content: s.contents["s0"]}, 10007, 4},
		{"del s0", s.Del, &wire.State{Name: "s0"}, 4, 4},
	} {
		resp, err := test.call(t.Context(), test.in)
		if err != nil {
			t.Fatal(err)
		}
		if got := proto.Size(test.in); got != test.req {
			t.Errorf("%s: request of %d bytes, want %d", test.what, got, test.req)
		}
		if got := proto.Size(resp); got != test.resp {
			t.Errorf("%s: response of %d bytes, want %d", test.what, got, test.resp)
		}
	}
}

func TestLargeState(t *testing.T) {
	_, c := start(t)
	want := bytes.Repeat([]byte("edge"), 4<<20)
	if err := c.Put(t.Context(), "big", want); err != nil {
		t.Fatal(err)
	}
	got, err := c.Get(t.Context(), "big")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("Get returned %d bytes, %v, want %d", len(got), err, len(want))
	}
}

// Whatever the calls, the server answers like a map.
func TestServerIsAMap(t *testing.T) {
	_, c := start(t)
	ctx := t.Context()
	rapid.Check(t, func(t *rapid.T) {
		run := rapid.StringMatching(`[a-z]{8}`).Draw(t, "prefix")
		model := map[string]string{}
		name := rapid.Map(rapid.SampledFrom([]string{"x", "y", "z"}), func(s string) string { return run + s })
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				n, v := name.Draw(t, "name"), rapid.String().Draw(t, "content")
				if err := c.Put(ctx, n, []byte(v)); err != nil {
					t.Fatal(err)
				}
				model[n] = v
			},
			"get": func(t *rapid.T) {
				n := name.Draw(t, "name")
				got, err := c.Get(ctx, n)
				want, held := model[n]
				if held != (err == nil) || string(got) != want {
					t.Fatalf("Get(%s) = %q, %v, want %q (held: %v)", n, got, err, want, held)
				}
			},
			"del": func(t *rapid.T) {
				n := name.Draw(t, "name")
				_, held := model[n]
				if err := c.Del(ctx, n); held != (err == nil) {
					t.Fatalf("Del(%s) = %v (held: %v)", n, err, held)
				}
				delete(model, n)
			},
		})
		for n := range model {
			if err := c.Del(ctx, n); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestConcurrentClients(t *testing.T) {
	s, _ := start(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			c, err := Dial(wire.TCP{}, s.Endpoint())
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			name := fmt.Sprint("s", i)
			if err := c.Put(t.Context(), name, []byte(name)); err != nil {
				t.Error(err)
			}
			if got, err := c.Get(t.Context(), name); err != nil || string(got) != name {
				t.Errorf("Get(%s) = %q, %v", name, got, err)
			}
		})
	}
	wg.Wait()
	if s.Len() != 8 {
		t.Errorf("Len = %d, want 8", s.Len())
	}
}

func TestStartErrors(t *testing.T) {
	if _, err := Start(t.Context(), Config{}); err == nil {
		t.Error("Start without an endpoint succeeded")
	}
	s, _ := start(t)
	if _, err := Start(t.Context(), Config{Endpoint: s.Endpoint()}); err == nil {
		t.Errorf("Start on the busy address %s succeeded", s.Endpoint())
	}
}

func TestCloseFreesAddress(t *testing.T) {
	s, err := Start(t.Context(), Config{Endpoint: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	lis, err := net.Listen("tcp", s.Endpoint())
	if err != nil {
		t.Fatalf("the address is still in use after Close: %v", err)
	}
	lis.Close()
}
