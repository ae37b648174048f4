// Package baseline keeps the results that later ones are compared with, and that
// published numbers stand on. What goes in are result folders (Update); what comes
// out are folders with packed records, a log of reasons, and the tables in the
// README.md beside them (Tables), each written from records between two comments:
//
//	<!-- table claims exp400 exp400-text -->
//	...
//	<!-- end -->
//
// A number in such a table is never typed by hand, and a test fails where the table
// and the records differ. edgebed baseline calls it.
package baseline
