package wire

//go:generate sh ../../scripts/protoc.sh
