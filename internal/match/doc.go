// Package match finds the signals of all checks in one pass over the records of an upload.
//
// A [Signal] names literals and a regular expression. Literals are searched for together; a regular expression sees only the
// records that hold one of its signal's literals.
package match
