package program

import (
	"maps"
	"slices"

	"edgebed/nodes/yamlfile"
)

// idle looks for keys of programs that do nothing beside the others.
func idle(programs []Program) error {
	names := make([]map[string]bool, len(programs)) // in each program's texts
	all := map[string]bool{}
	for i := range programs {
		names[i] = programs[i].names()
		maps.Copy(all, names[i])
	}

	var errs []error
	for i := range programs {
		p := &programs[i]
		own, r := names[i], &p.Ready
		fail := func(key, format string, args ...any) {
			errs = append(errs, p.Pos.At(key).Errorf(format, args...))
		}
		if p.Port != 0 && !r.Port && r.HTTP == "" && !own["port"] && !all[p.Name+".port"] {
			fail("port", "nothing uses the port; write {{port}} where the program is told it, {{%s.port}} in another "+
				"one, or ready: {port: true}, or remove it", p.Name)
		}
		if len(p.Files) > 0 && !own["dir"] {
			fail("files", "nothing finds the files; write {{dir}}, the folder that they are in, in the command, "+
				"or remove them")
		}
		if r.Within != 0 && !r.Port && r.HTTP == "" && r.Log == "" {
			errs = append(errs, p.Pos.At("ready", "within").Errorf("there is nothing to wait for; add port, http or "+
				"log, or remove it"))
		}
		if p.Samples != "" && len(p.Quantities) == 0 {
			fail("samples", "nothing is taken from them; add quantities, such as quantities: {rate: {}}, or remove it")
		}
	}
	return yamlfile.Join(errs...)
}

// names are those of the placeholders in a program's texts.
func (p *Program) names() map[string]bool {
	found := map[string]bool{}
	texts := slices.Concat(p.Command, slices.Collect(maps.Values(p.Environment)), slices.Collect(maps.Values(p.Files)))
	for _, text := range texts {
		for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
			found[m[1]] = true
		}
	}
	return found
}
