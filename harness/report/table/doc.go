// Package table makes tables and facts of a campaign's records: metrics over the
// matrix, the order of the series, what was run and what came of it. What goes in
// are record.Results and the roles of the axes (package matrix); what comes out are
// texts, without any markup but Markdown's. The report's page and its Markdown show
// the same tables; figures take their words from here.
package table
