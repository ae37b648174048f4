package record

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Pack writes the records of the result folder dir, packed by gzip as Read reads
// them. Where withoutPorts is true, executions lose the traffic of single ports,
// which is most of a large result: what is told of links is lost with it, nothing
// else.
func Pack(w io.Writer, dir string, withoutPorts bool) error {
	z := gzip.NewWriter(w)
	err := eachLine(dir, func(line []byte) error {
		if withoutPorts {
			var err error
			if line, err = dropPorts(line); err != nil {
				return err
			}
		}
		_, err := z.Write(append(line, '\n'))
		return err
	})
	if err := errors.Join(err, z.Close()); err != nil {
		return fmt.Errorf("pack the records of %s: %w", dir, err)
	}
	return nil
}

// dropPorts returns the line of an execution without its ports, any other as it is.
func dropPorts(line []byte) ([]byte, error) {
	kind, err := typeOf(line)
	if err != nil || kind != typeExecution {
		return line, err
	}
	var e Execution
	if err := json.Unmarshal(line, &e); err != nil {
		return nil, fmt.Errorf("parse %s record: %w", kind, err)
	}
	e.Ports = nil

	var short bytes.Buffer
	enc := json.NewEncoder(&short)
	enc.SetEscapeHTML(false)
	err = enc.Encode(executionLine(e))
	return bytes.TrimSpace(short.Bytes()), err
}
