// Command rooms lists the module's packages with the lines of their product and
// test code, the largest first. Its tests are the house's rules: who may import
// whom, and that docs/design.md names each package and only files that exist.
package main
