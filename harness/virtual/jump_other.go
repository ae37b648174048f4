//go:build !faketime

package virtual

// newJump returns what cannot move the machine's clock.
func newJump() func() bool { return func() bool { return false } }
