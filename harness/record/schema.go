package record

import _ "embed"

// Schema is the JSON Schema (draft 2020-12) of a line of records.jsonl as this
// edgebed writes it, with the meaning and unit of each field. Lines that an older
// edgebed wrote with the same Version are valid as well.
//
//go:embed schema.json
var Schema []byte
