package network

import (
	"maps"
	"slices"
)

// Settings collects what the members of a network, such as its hosts or its links,
// are set to: a value by key and member.
type Settings map[string]map[string]string

// Put records the value that one member has for a key.
func (s Settings) Put(key, member, value string) {
	if s[key] == nil {
		s[key] = map[string]string{}
	}
	s[key][member] = value
}

// Fold writes one entry for a key where all members agree, else one for each, with
// its name after a dot.
func (s Settings) Fold(into map[string]string) {
	for key, members := range s {
		values := slices.Sorted(maps.Values(members))
		if len(values) > 0 && values[0] == values[len(values)-1] {
			into[key] = values[0]
			continue
		}
		for member, value := range members {
			into[key+"."+member] = value
		}
	}
}
