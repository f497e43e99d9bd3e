package facts

import (
	"strings"
	"unicode/utf8"

	"casebook/ingest"
)

// What is kept of a line and its surroundings, in characters and lines.
const (
	maxQuote     = 400
	maxContext   = 300
	contextLines = 2
)

// Match is a line that a signal has found, kept with its place.
type Match struct {
	Ref      ingest.Ref
	Quote    string // the line as evidence quotes it: verbatim, line breaks as blanks, at most 400 characters and then …
	Time     ingest.Time
	Captures map[string]string // named groups of the signal's pattern
	Before   []string          // up to two lines before the quote
	After    []string          // up to two lines after it
}

// Capture returns what a named group of the signal's pattern matched, "" if nothing.
func (m Match) Capture(name string) string { return m.Captures[name] }

// Matches is what one signal has found in a system.
type Matches struct {
	Count int     // how many records match, kept or not
	Kept  []Match // of each artifact the first and the last ones, in the order of the text
}

// Any reports whether there is a match.
func (m Matches) Any() bool { return m.Count > 0 }

// First returns the first match in path order; false if there is none.
func (m Matches) First() (Match, bool) {
	if len(m.Kept) == 0 {
		return Match{}, false
	}
	return m.Kept[0], true
}

// Last returns the last match of the last artifact; false if there is none.
func (m Matches) Last() (Match, bool) {
	if len(m.Kept) == 0 {
		return Match{}, false
	}
	return m.Kept[len(m.Kept)-1], true
}

// quote returns the part of raw that evidence quotes: the lines that hold the bytes from start to end, and the number of line
// breaks before them.
func quote(raw []byte, start, end int) (string, int) {
	start, end = min(start, len(raw)), min(end, len(raw))
	from := start
	for from > 0 && raw[from-1] != '\n' {
		from--
	}
	to := max(start, end)
	for to < len(raw) && raw[to] != '\n' {
		to++
	}
	breaks := 0
	for _, b := range raw[:from] {
		if b == '\n' {
			breaks++
		}
	}
	// A long line is quoted from a little before what was found, so that the quote shows it.
	if start-from > maxQuote/2 {
		from = start - maxQuote/4
		for from < start && !utf8.RuneStart(raw[from]) {
			from++
		}
	}
	return clip(oneLine(string(raw[from:to])), maxQuote), breaks
}

// oneLine turns every line break within s into a blank and drops those at its end.
func oneLine(s string) string {
	s = strings.TrimRight(s, "\r\n")
	if !strings.Contains(s, "\n") {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", " "), "\n", " ")
}

// clip cuts s to n characters and marks the cut.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	count := 0
	for i := range s {
		if count == n {
			return s[:i] + "…"
		}
		count++
	}
	return s
}
