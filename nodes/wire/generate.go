package wire

//go:generate ../../scripts/protoc
