// Package export writes a report in the forms that other programs read: Markdown for a ticket, CSV for a table, JSON lines for Timesketch. One file, one form.
//
// Strings of the bundle are hostile in each of them in another way: a cell that a spreadsheet takes for a formula, a backtick or a line break that ends what is
// quoted. Each form says how it keeps them text.
package export
