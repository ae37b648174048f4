package figure

import "edgebed/harness/record"

// Render draws one figure of a result.
func Render(r *record.Results, f record.Figure, dir string) ([]string, error) {
	charts, err := Charts(r, f)
	return Drawn{f, charts, err}.Render(dir)
}

func renderTwo(two Two, f record.Figure, dir string) ([]string, error) {
	charts, err := two.Charts(f)
	return Drawn{f, charts, err}.Render(dir)
}
