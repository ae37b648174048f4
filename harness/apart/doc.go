// Package apart runs the nodes of a host in a process of their own, which can be held by limits
// of the host. The process is the running program itself, started on the host, and asked through
// a pair of sockets to start nodes, to execute workflows and to say how they are: gRPC with
// messages of JSON. To a deployment it is a deploy.Starter.
//
//	p, err := apart.Start(ctx, apart.Options{Host: "host1", Job: text, Launch: launch})
//	cfg.Hosts[1].Elsewhere = p
//	d, err := deploy.Start(ctx, cfg)
//
// The program's main function calls MaybeMain first. The process ends when its caller does; the
// sandbox ends it where that was killed.
package apart
