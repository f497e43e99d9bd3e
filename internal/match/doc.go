// Package match finds the signals of all checks in one pass over the records of an upload.
//
// A [Signal] names literals and a regular expression. [Compile] turns the signals of all checks into a [Set], whose [Set.For] gives
// the [Matcher] of one artifact kind. Literals are searched for together, without regard to ASCII case; a regular expression sees only the
// records that hold one of its signal's literals.
//
// Signals are the project's own or come from a check pack: Compile refuses those that can't be searched for. Texts are hostile: no text
// costs more than time in proportion to its length for each signal, since regular expressions are RE2's, and the memory
// of a match doesn't grow with the text. The package keeps no state between records.
package match
