package main

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// metaPackages name the newest kernel for virtual machines: Debian's, Ubuntu's.
var metaPackages = []string{"linux-image-cloud-amd64", "linux-image-virtual"}

// kernel is an unpacked kernel package.
type kernel struct {
	image   string // the bootable file
	version string
	modules map[string]string // file by name
	builtin map[string]bool   // modules that are part of the image
}

// findKernel returns the kernel below dir, as its package lays it out.
func findKernel(dir string) (*kernel, error) {
	images, err := filepath.Glob(filepath.Join(dir, "boot", "vmlinuz-*"))
	if err != nil {
		return nil, err
	}
	if len(images) == 0 {
		return nil, fmt.Errorf("find a kernel in %s: there is no boot/vmlinuz-*: %w", dir, fs.ErrNotExist)
	}
	slices.Sort(images)

	k := &kernel{image: images[len(images)-1], modules: map[string]string{}, builtin: map[string]bool{}}
	k.version = strings.TrimPrefix(filepath.Base(k.image), "vmlinuz-")
	tree := filepath.Join(dir, "lib", "modules", k.version)

	list, err := os.ReadFile(filepath.Join(tree, "modules.builtin"))
	if err != nil {
		return nil, fmt.Errorf("find the modules of kernel %s: %w", k.version, err)
	}
	for _, name := range strings.Fields(string(list)) {
		k.builtin[moduleName(name)] = true
	}

	return k, filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.Contains(d.Name(), ".ko") {
			k.modules[moduleName(path)] = path
		}
		return err
	})
}

// moduleName is the name of the module in a file: both spellings of a dash mean
// the same, and the file may be compressed.
func moduleName(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}

// closure returns the modules that must be loaded for the named ones, each after
// those that it needs.
func (k *kernel) closure(ctx context.Context, names []string) ([]module, error) {
	var list []module
	seen := map[string]bool{}

	var add func(name string) error
	add = func(name string) error {
		name = moduleName(name)
		if seen[name] || k.builtin[name] {
			return nil
		}
		seen[name] = true

		path, ok := k.modules[name]
		if !ok {
			return fmt.Errorf("kernel %s has no module %s", k.version, name)
		}
		text, err := readModule(ctx, path)
		if err != nil {
			return fmt.Errorf("read module %s: %w", name, err)
		}
		needs, err := dependencies(text)
		if err != nil {
			return fmt.Errorf("read module %s: %w", name, err)
		}

		for _, need := range needs {
			if err := add(need); err != nil {
				return err
			}
		}
		list = append(list, module{name, text})
		return nil
	}

	for _, name := range names {
		if err := add(name); err != nil {
			return nil, err
		}
	}
	return list, nil
}

type module struct {
	name string
	text []byte
}

// readModule reads a module's file and unpacks it.
func readModule(ctx context.Context, path string) ([]byte, error) {
	var tool string
	switch filepath.Ext(path) {
	case ".xz":
		tool = "xz"
	case ".zst":
		tool = "zstd"
	default:
		return os.ReadFile(path)
	}
	if err := need(tool, map[string]string{"xz": "xz-utils"}[tool]); err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, tool, "-dc", path).Output()
}

// dependencies reads what a module says that it needs.
func dependencies(text []byte) ([]string, error) {
	file, err := elf.NewFile(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	section := file.Section(".modinfo")
	if section == nil {
		return nil, errors.New("it has no section .modinfo")
	}
	info, err := section.Data()
	if err != nil {
		return nil, err
	}
	for field := range bytes.SplitSeq(info, []byte{0}) {
		if list, ok := bytes.CutPrefix(field, []byte("depends=")); ok {
			return strings.FieldsFunc(string(list), func(r rune) bool { return r == ',' }), nil
		}
	}
	return nil, nil
}

// fetchKernel downloads the first kernel of the named packages that apt knows, and
// unpacks it into dir, without installing it.
func fetchKernel(ctx context.Context, dir string, names []string) error {
	for _, tool := range []struct{ name, pkg string }{{"apt-get", "apt"}, {"apt-cache", "apt"}, {"dpkg-deb", "dpkg"}} {
		if err := need(tool.name, tool.pkg); err != nil {
			return fmt.Errorf("%w; on a machine without apt give an unpacked kernel package: -kernel DIR", err)
		}
	}

	image, err := imagePackage(ctx, names)
	if err != nil {
		return err
	}

	packages := []string{image}
	// Ubuntu has a kernel's modules in packages of their own.
	if _, version, ok := strings.Cut(image, "linux-image-"); ok {
		for _, name := range []string{"linux-modules-" + version, "linux-modules-extra-" + version} {
			if exec.CommandContext(ctx, "apt-cache", "show", name).Run() == nil {
				packages = append(packages, name)
			}
		}
	}

	work, err := os.MkdirTemp(filepath.Dir(dir), "fetch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)

	fmt.Println("fetching", strings.Join(packages, ", "))
	get := exec.CommandContext(ctx, "apt-get", append([]string{"download", "-q"}, packages...)...)
	get.Dir = work
	if out, err := get.CombinedOutput(); err != nil {
		return fmt.Errorf("download %s: %w (is the package list of today? run: sudo apt-get update)\n%s",
			image, err, out)
	}

	files, err := filepath.Glob(filepath.Join(work, "*.deb"))
	if err != nil {
		return err
	}
	for _, file := range files {
		unpack := exec.CommandContext(ctx, "dpkg-deb", "-x", file, filepath.Join(work, "tree"))
		if out, err := unpack.CombinedOutput(); err != nil {
			return fmt.Errorf("unpack %s: %w\n%s", filepath.Base(file), err, out)
		}
	}

	// In one step, so that a run that is stopped leaves no half kernel.
	return os.Rename(filepath.Join(work, "tree"), dir)
}

// imagePackage returns the package with the kernel that the first of some names which apt
// knows stands for: of a meta package the one that it depends on, of a kernel itself.
func imagePackage(ctx context.Context, names []string) (string, error) {
	for _, name := range names {
		out, err := exec.CommandContext(ctx, "apt-cache", "depends", "--", name).Output()
		if err != nil {
			continue
		}
		if image := imageOf(name, string(out)); image != "" {
			return image, nil
		}
	}
	return "", fmt.Errorf("find a kernel: apt knows none of %s "+
		"(run: sudo apt-get update; or give an unpacked kernel package: -kernel DIR)", strings.Join(names, ", "))
}

// imageOf returns the package with the kernel that a name stands for, by what apt-cache
// says that it depends on; empty where there is none.
func imageOf(name, depends string) string {
	const prefix = "linux-image-"
	for line := range strings.Lines(depends) {
		if on, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: "); ok && strings.HasPrefix(on, prefix) {
			return on
		}
	}
	// A package that does not exist, but which others name, stands in angle brackets.
	known := strings.HasPrefix(depends, name+"\n") && strings.Contains(depends, "Depends:")
	if known && strings.HasPrefix(name, prefix) {
		return name
	}
	return ""
}

// need checks that a program is there.
func need(program, pkg string) error {
	if _, err := exec.LookPath(program); err != nil {
		if pkg == "" {
			pkg = program
		}
		return fmt.Errorf("this needs %s: sudo apt-get install --no-install-recommends %s", program, pkg)
	}
	return nil
}
