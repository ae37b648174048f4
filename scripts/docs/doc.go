// Command docs writes the reference of the files that users write,
// docs/scenarios.md and docs/topologies.md, from the Go types that read them: keys
// and values from their yaml tags and types, meanings from their comments. Its
// test fails where a page is not what the types say.
//
//	go run ./scripts/docs          write the pages
//	go run ./scripts/docs -check   fail where a page is out of date
package main

//go:generate go run . -root ../..
