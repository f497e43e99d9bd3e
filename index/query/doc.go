// Package query is casebook's search language: [Parse] turns what a user typed into a tree that a back end evaluates. [Guide]
// explains the language with examples; it is the help of the command, docs/search.md and a test of the language at once.
//
// Terms beside each other must all match. NOT binds closest, then AND, then OR; the operators are written in capitals. A colon
// behind anything but a field's name is text. Times are UTC where a record's offset from it is known, else its own clock's.
//
// A text ([Text], [Code], the text of a [Field]) is a [words.Matcher]: it finds itself in a record's text and names the terms by which an index
// finds the records at all. What a text matches is decided by the text alone, never by the index.
package query
