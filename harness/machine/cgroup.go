package machine

import (
	"io/fs"
	"strconv"
	"strings"
)

// read returns the text of a small file, empty where it cannot be read.
func read(root fs.FS, name string) string {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// number reads a file of one whole number.
func number(root fs.FS, name string) (int64, bool) {
	n, err := strconv.ParseInt(read(root, name), 10, 64)
	return n, err == nil
}
