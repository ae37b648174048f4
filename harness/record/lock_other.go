//go:build !unix

package record

import "os"

// noFollow does nothing here, as only Linux writes campaigns.
const noFollow = 0

// lock does nothing where there is no flock: campaigns run on Linux only, and
// reading takes no lock.
func lock(*os.File) error { return nil }
