package program

import (
	"maps"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"

	"edgebed/nodes/yamlfile"
)

// placeholder is what stands for a value: {{NAME}} or {{NAME.WHAT}}.
var placeholder = regexp.MustCompile(`\{\{ *([A-Za-z0-9_. -]*?) *\}\}`)

// valuesOf returns what placeholders of a program stand for. Those that are known
// later are empty.
func valuesOf(programs []Program, hosts map[string]netip.Addr, own *Program) map[string]string {
	v := map[string]string{
		"host": own.Host, "address": hosts[own.Host].String(), "dir": "", "seed": "",
	}
	if own.Port != 0 {
		v["port"] = strconv.Itoa(own.Port)
	}
	if own.Runs == Execution {
		v["execution"] = ""
	}
	for name, address := range hosts {
		v[name+".address"] = address.String()
	}
	for _, p := range programs {
		v[p.Name+".host"], v[p.Name+".address"] = p.Host, hosts[p.Host].String()
		if p.Port != 0 {
			v[p.Name+".port"] = strconv.Itoa(p.Port)
		}
	}
	return v
}

// expanded is what a program is started with.
type expanded struct {
	argv, env []string
	files     map[string]string
}

// expand puts values for the placeholders of a program.
func (p *Program) expand(values map[string]string) (expanded, error) {
	var errs []error
	put := func(at yamlfile.Pos, s string) string {
		return placeholder.ReplaceAllStringFunc(s, func(found string) string {
			name := placeholder.FindStringSubmatch(found)[1]
			value, ok := values[name]
			if !ok {
				errs = append(errs, at.Errorf("nothing is called %s%s", found,
					yamlfile.Suggest(name, slices.Sorted(maps.Keys(values)))))
			}
			return value
		})
	}

	e := expanded{files: map[string]string{}, env: environment(values)}
	for i, arg := range p.Command {
		e.argv = append(e.argv, put(p.Pos.At("command", i), arg))
	}
	for _, name := range slices.Sorted(maps.Keys(p.Environment)) {
		e.env = append(e.env, name+"="+put(p.Pos.At("environment", name), p.Environment[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		e.files[name] = put(p.Pos.At("files", name), p.Files[name])
	}
	return e, yamlfile.Join(errs...)
}

// environment is what every program has: not the user's own, so that a result does
// not depend on it, and nothing secret is handed on.
func environment(values map[string]string) []string {
	env := []string{"EDGEBED_HOST=" + values["host"], "EDGEBED_ADDRESS=" + values["address"]}
	for _, name := range []string{"PATH", "HOME", "USER", "LANG"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}
