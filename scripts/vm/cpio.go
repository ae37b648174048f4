package main

import (
	"fmt"
	"io"
	"strings"
)

// File types of a cpio archive.
const (
	cpioDir     = 0o040000
	cpioRegular = 0o100000
	cpioSymlink = 0o120000
)

// archive writes a cpio archive in the form that the kernel reads an initramfs
// in ("newc", Documentation/driver-api/early-userspace/buffer-format.rst).
type archive struct {
	w     io.Writer
	inode int
}

// add writes an entry. Its text is a file's content, or where a symlink leads.
func (a *archive) add(name string, mode int, size int64, text io.Reader) error {
	a.inode++
	// Magic, inode, mode, uid, gid, links, mtime, size, device and its special
	// device (major, minor), length of the name, checksum.
	header := "070701"
	for _, v := range []int64{int64(a.inode), int64(mode), 0, 0, 1, 0, size, 0, 0, 0, 0, int64(len(name) + 1), 0} {
		header += fmt.Sprintf("%08x", v)
	}
	header += name + "\x00"
	if _, err := io.WriteString(a.w, header+padding(int64(len(header)))); err != nil {
		return err
	}
	n, err := io.Copy(a.w, text)
	if err == nil && n != size {
		err = fmt.Errorf("%s has %d B, not the announced %d", name, n, size)
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(a.w, padding(size))
	return err
}

// close ends the archive. It leaves the writer open.
func (a *archive) close() error { return a.add("TRAILER!!!", 0, 0, strings.NewReader("")) }

// padding fills up to a multiple of four bytes.
func padding(size int64) string { return strings.Repeat("\x00", int(-size&3)) }
