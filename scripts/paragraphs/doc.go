// Command paragraphs checks that the code can be read: it counts the functions
// of 25 lines and more that have no blank line between their first and their
// last, and the lines over 120 columns, and fails where there are more than
// allowed. Functions inside functions count as part of the outer one; generated
// files and tests are left out.
//
//	go run ./scripts/paragraphs -walls 15 -wide 0 harness nodes scripts
package main
