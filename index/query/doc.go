// Package query is casebook's search language: [Parse] turns what a user typed into a tree that a back end evaluates.
//
//	0x80040669                      a word, found whole, or as a part of a CamelCase word, in any case
//	C:\Windows\ccm.log              words with their punctuation
//	"exit code 1603"                a phrase; a quote within it is doubled
//	Clicore.*  W?S01                * any letters and digits, ? one of them; within quotes they are themselves
//	host:WKS01  file:smsts.log      a field: host, component, severity, file, kind, check
//	severity:(error OR warning)     a field of several terms
//	time:2012-03-08                 that day; a year, a month, an hour and a minute are written alike
//	time:2012-03-08..2012-03-09     both days and what lies between them; either end may be left out
//	time:>2012-03-08T21:00          after that minute; >= < <= too
//	a b, a AND b, a OR b, NOT a, -a, ( )
//
// Terms beside each other must all match. NOT binds closest, then AND, then OR; the operators are written in capitals. A colon
// behind anything but a field's name is text. Times are UTC where a record's offset from it is known, else its own clock's.
package query
