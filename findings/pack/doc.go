// Package pack reads check packs: checks that are written as data, in YAML with conditions in CEL, and that compile to ordinary
// values of [findings.Check], so that the runner, the report and the pages treat them as those that are written in Go.
//
// A pack is its user's own, but it may be wrong or come from elsewhere: its size and nesting are limited, its patterns are RE2, its conditions
// run with a cost limit and reach no file and no network. What is wrong with it is an [Error] with file, line, column and the line itself; a check
// that can't be compiled never vanishes silently.
//
// docs/check-packs.md is the reference of the language.
package pack
