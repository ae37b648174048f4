package virtual

import "testing"

// TestJumperEnded: who halts a jumper that has ended, as it does by the machine's clock,
// does not wait for it.
func TestJumperEnded(t *testing.T) {
	j := startJumper()
	<-j.ended
	j.halt()
	j.resume()
	j.stop()
}
