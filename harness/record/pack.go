package record

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// Pack writes the records of the result folder dir, packed by gzip as Read reads
// them. Where withoutPorts is true, executions lose the traffic of single ports,
// which is most of a large result: what is told of links is lost with it, nothing
// else.
func Pack(w io.Writer, dir string, withoutPorts bool) error {
	z := gzip.NewWriter(w)
	var sums sums

	err := eachLine(dir, func(line []byte) error {
		switch {
		case !json.Valid(line):
			return errors.New("a line was cut short (edgebed fsck --repair leaves it out)")
		case sums.altered(line):
			return errors.New("a line was changed after it was written (edgebed fsck says which)")
		}
		line, err := dropPaths(line)
		if err == nil && withoutPorts {
			line, err = dropPorts(line)
		}
		if err != nil {
			return err
		}
		_, err = z.Write(append(seal(line), '\n'))
		return err
	})
	if err := errors.Join(err, z.Close()); err != nil {
		return fmt.Errorf("pack the records of %s: %w", dir, err)
	}
	return nil
}

// dropPaths returns the line of a campaign with the last elements alone of the absolute
// paths in its command: where files lay on a machine is nobody else's business. Any other
// line stays as it is.
func dropPaths(line []byte) ([]byte, error) {
	kind, err := typeOf(line)
	if err != nil || kind != typeCampaign {
		return line, err
	}
	var c struct{ Command []json.RawMessage }
	if err := json.Unmarshal(line, &c); err != nil {
		return nil, fmt.Errorf("parse %s record: %w", kind, err)
	}

	for _, written := range c.Command {
		var argument string
		if err := json.Unmarshal(written, &argument); err != nil {
			return nil, fmt.Errorf("parse %s record: command: %w", kind, err)
		}
		flag, path, joined := strings.Cut(argument, "=")
		switch {
		case filepath.IsAbs(argument):
			argument = filepath.Base(argument)
		case joined && filepath.IsAbs(path):
			argument = flag + "=" + filepath.Base(path)
		default:
			continue
		}
		last, err := json.Marshal(argument)
		if err != nil {
			return nil, err
		}
		line = bytes.ReplaceAll(line, written, last)
	}
	return line, nil
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
