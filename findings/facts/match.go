package facts

import (
	"bytes"
	"strings"
	"time"
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
	Ref    ingest.Ref
	Quote  string // the line as evidence quotes it: verbatim, line breaks as blanks, at most 400 characters and then …
	Time   ingest.Time
	Before []string // up to two lines before the quote
	After  []string // up to two lines after it

	captures []capture // named groups of the signal's pattern
	clock    *clock
}

// capture is what one named group matched. There are few to a pattern: a list is smaller than a map, and there are many matches.
type capture struct{ name, text string }

// clock says how the offset of the times of one artifact is known, which is clear only when all artifacts have been read.
type clock struct {
	foreign bool           // the registry that lent it is another computer's
	reading ingest.Reading // what biases of open sign mean
}

// UTC returns the time of the line in UTC, and false if its offset is not known. Of a match that an observer has kept only this tells whether
// the offset holds, and not Time alone.
func (m Match) UTC() (time.Time, bool) { return m.settled().Time.UTC() }

// Clocked returns the time of the line with its offset as far as it is known in the end; its Zone is ingest.ZoneNone if the line has none.
func (m Match) Clocked() ingest.Time { return m.settled().Time }

// settled returns the match with the time as it is known in the end.
func (m Match) settled() Match {
	if m.clock == nil {
		return m
	}
	if m.Time = m.Time.Read(m.clock.reading); m.clock.foreign {
		m.Time = m.Time.WithoutSystem()
	}
	return m
}

// Capture returns what a named group of the signal's pattern matched, "" if nothing.
func (m Match) Capture(name string) string {
	for _, c := range m.captures {
		if c.name == name {
			return c.text
		}
	}
	return ""
}

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

// span is a part of a record's Raw that consists of whole lines.
type span struct{ from, to int }

// lines returns the lines of raw that hold the bytes from start to end, without the last line end.
func linesOf(raw []byte, start, end int) span {
	start = min(start, len(raw))
	end = max(start, min(end, len(raw)))
	s := span{bytes.LastIndexByte(raw[:start], '\n') + 1, len(raw)}
	if n := bytes.IndexByte(raw[end:], '\n'); n >= 0 {
		s.to = end + n
	}
	return s
}

// quote returns the lines of raw as evidence quotes them. A long line is quoted from a little before start, so that the quote shows what
// was found there.
func (s span) quote(raw []byte, start int, known *recent) string {
	from := s.from
	if start = min(start, s.to); start-from > maxQuote/2 {
		from = start - maxQuote/4
		for from < start && !utf8.RuneStart(raw[from]) {
			from++
		}
	}
	if line := bytes.TrimRight(raw[from:s.to], "\r\n"); len(line) <= maxQuote && !bytes.Contains(line, newline) {
		return known.text(line)
	}
	// A line break of two bytes becomes one character, so twice the longest quote is enough to see whether it is cut.
	return clip(oneLine(string(raw[from:min(s.to, from+2*utf8.UTFMax*(maxQuote+1))])), maxQuote)
}

// firstLines appends the first lines of b to out until it holds contextLines of them.
func firstLines(out []string, b []byte, known *recent) []string {
	for len(b) > 0 && len(out) < contextLines {
		if out == nil {
			out = make([]string, 0, contextLines)
		}
		line, rest, _ := bytes.Cut(b, newline)
		out, b = append(out, context(line, known)), rest
	}
	return out
}

// lastLines appends the last lines of b to out, the last one first, until it holds contextLines of them. With cut, b begins within a
// line.
func lastLines(out []string, b []byte, cut bool, known *recent) []string {
	more := len(b) > 0
	for b = bytes.TrimSuffix(b, newline); more && len(out) < contextLines; {
		i := bytes.LastIndexByte(b, '\n')
		line := context(b[i+1:], known)
		if out == nil {
			out = make([]string, 0, contextLines)
		}
		if more = i >= 0; more {
			b = b[:i]
		} else if cut {
			line = "…" + line
		}
		out = append(out, line)
	}
	return out
}

// context is a line as it stands around a quote.
func context(line []byte, known *recent) string {
	if line = bytes.TrimRight(line, "\r"); len(line) <= maxContext {
		return known.text(line)
	}
	if n := utf8.UTFMax * (maxContext + 1); len(line) > n {
		line = line[:n]
	}
	return clip(string(line), maxContext)
}

// recent holds what was kept last of an artifact: a record that several signals and observers keep, and the lines around those that follow each
// other, are kept once.
type recent struct {
	texts [24]string
	next  int
}

// text returns b as a string, one that is held if it can be.
func (r *recent) text(b []byte) string {
	for i := range r.texts {
		if r.texts[i] == string(b) {
			return r.texts[i]
		}
	}
	t := string(b)
	r.texts[r.next] = t
	r.next = (r.next + 1) % len(r.texts)
	return t
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
