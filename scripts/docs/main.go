package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	root := flag.String("root", ".", "folder of the module")
	check := flag.Bool("check", false, "write nothing, and fail where a page is out of date")
	flag.Parse()

	if err := run(*root, *check); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

// run writes the pages and schemas, or compares them with what is there.
func run(root string, check bool) error {
	for _, p := range pages() {
		text, err := p.render(root)
		if err != nil {
			return fmt.Errorf("render %s: %w", p.file, err)
		}
		if err := put(root, p.file, text, check); err != nil {
			return err
		}
	}

	for _, s := range schemas() {
		text, err := s.render(root)
		if err != nil {
			return fmt.Errorf("render %s: %w", s.file, err)
		}
		if err := put(root, s.file, text, check); err != nil {
			return err
		}
	}
	return nil
}

// put writes a file, or compares it with what is there.
func put(root, name string, text []byte, check bool) error {
	file := filepath.Join(root, name)
	if !check {
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return fmt.Errorf("write reference: %w", err)
		}
		return nil
	}

	old, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("check reference (make docs writes it): %w", err)
	}
	if !bytes.Equal(old, text) {
		return fmt.Errorf("%s is not what the types say: run make docs", name)
	}
	return nil
}
