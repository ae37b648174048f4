//go:build !cgo

package virtual

// usesCgo tells whether the program was built with cgo.
const usesCgo = false
