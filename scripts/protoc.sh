#!/bin/sh
# Regenerates nodes/wire/*.pb.go. Needs protoc (Debian: protobuf-compiler); the
# Go plugins are the versions that go.mod pins.
set -eu
cd "$(dirname "$0")/.."
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
go build -o "$bin" google.golang.org/protobuf/cmd/protoc-gen-go
go build -o "$bin" google.golang.org/grpc/cmd/protoc-gen-go-grpc
PATH=$bin:$PATH protoc -I nodes/wire/proto \
	--go_out=. --go_opt=module=edgebed \
	--go-grpc_out=. --go-grpc_opt=module=edgebed \
	nodes/wire/proto/serverlessonedge.proto
