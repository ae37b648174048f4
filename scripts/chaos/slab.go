package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// slabSlack is how many objects more of a kind the kernel may hold afterwards: it keeps
// some of those that are free, and other programs have theirs. Each emulated campaign makes
// dozens of namespaces.
const slabSlack = 200

// slab returns how many objects the kernel holds of the kinds that networks need; nil where
// it does not say.
func slab() map[string]int {
	data, err := os.ReadFile("/proc/slabinfo")
	if err != nil {
		return nil // for root alone
	}
	return parseSlab(data)
}

func parseSlab(data []byte) map[string]int {
	objects := make(map[string]int)
	for line := range bytes.Lines(data) {
		var name string
		var active int
		if n, _ := fmt.Sscan(string(line), &name, &active); n == 2 && strings.HasSuffix(name, "_namespace") {
			objects[name] = active
		}
	}
	return objects
}

// compareSlab waits until the kernel holds hardly more objects than before, and says how
// many it holds.
func (b *bench) compareSlab(before map[string]int) string {
	var grown []string
	after := slab()
	for end := time.Now().Add(afterward); ; after = slab() {
		grown = nil
		for _, name := range slices.Sorted(maps.Keys(after)) {
			if after[name] > before[name]+slabSlack {
				grown = append(grown, name)
			}
		}
		if grown == nil || time.Now().After(end) {
			break
		}
		time.Sleep(100 * time.Millisecond) // namespaces are taken down in the background
	}

	for _, name := range grown {
		b.tally.note(&b.tally.leaked, "the kernel holds %d objects of %s, and held %d", after[name], name, before[name])
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(after)) {
		parts = append(parts, fmt.Sprintf("%s %d, then %d", name, before[name], after[name]))
	}
	return strings.Join(parts, "; ")
}
