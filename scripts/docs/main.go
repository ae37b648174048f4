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

// run writes the pages, or compares them with what is there.
func run(root string, check bool) error {
	for _, p := range pages() {
		text, err := p.render(root)
		if err != nil {
			return fmt.Errorf("render %s: %w", p.file, err)
		}

		file := filepath.Join(root, p.file)
		if !check {
			if err := os.WriteFile(file, text, 0o644); err != nil {
				return fmt.Errorf("write page: %w", err)
			}
			continue
		}

		old, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("check page (make docs writes it): %w", err)
		}
		if !bytes.Equal(old, text) {
			return fmt.Errorf("%s is not what the types say: run make docs", p.file)
		}
	}
	return nil
}
