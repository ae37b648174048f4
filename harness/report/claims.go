package report

import (
	"strings"

	"edgebed/harness/gate"
	"edgebed/harness/record"
)

// writeClaims writes what the records say of the scenario's claims.
func writeClaims(b *strings.Builder, r *record.Results) error {
	if len(r.Campaign.Claims) == 0 {
		return nil
	}
	b.WriteString("## Claims\n\n")
	if err := gate.WriteClaims(b, "markdown", gate.Check(r, r.Campaign.Claims)); err != nil {
		return err
	}
	b.WriteByte('\n')
	return nil
}
