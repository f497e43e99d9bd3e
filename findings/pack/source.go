package pack

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error says what is wrong with a pack, and where.
type Error struct {
	File    string // as given to Parse
	Line    int    // 1-based; 0 if it is about the whole file
	Column  int    // 1-based, in characters; 0 if it is about the whole line
	Source  string // the line as it stands in the file
	Message string // lower case
}

// Error gives the place and the message, and below them the line with a caret under the place.
func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Message)
	}
	number := fmt.Sprintf("%5d | ", e.Line)
	line := clip(strings.ReplaceAll(e.Source, "\t", " "), maxShownLine)
	out := fmt.Sprintf("%s:%d:%d: %s\n%s%s", e.File, e.Line, max(e.Column, 1), e.Message, number, shown(line))
	if e.Column > 0 && e.Column <= maxShownLine {
		out += "\n" + strings.Repeat(" ", len(number)-2) + "| " + strings.Repeat(" ", e.Column-1) + "^"
	}
	return out
}

// maxShownLine is how many characters of a line an error shows.
const maxShownLine = 300

// maxErrors is how many errors of one pack are reported.
const maxErrors = 20

// position is a place in the source, both from 1; zero if it is not known.
type position struct{ line, column int }

// source is a pack's text, and what was found wrong with it.
type source struct {
	name   string
	lines  []string
	errors []error
	more   int // errors beyond maxErrors
}

func newSource(name string, data []byte) *source {
	lines := strings.Split(string(data), "\n")
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], "\r")
	}
	return &source{name: name, lines: lines}
}

// fail notes an error at a place.
func (s *source) fail(at position, format string, args ...any) {
	e := &Error{File: s.name, Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...)}
	if at.line >= 1 && at.line <= len(s.lines) {
		e.Source = s.lines[at.line-1]
	} else {
		e.Line, e.Column = 0, 0
	}
	if len(s.errors) == maxErrors {
		s.more++
		return
	}
	s.errors = append(s.errors, e)
}

// err joins what was found wrong; nil if nothing was.
func (s *source) err() error {
	if s.more > 0 {
		return errors.Join(append(s.errors, fmt.Errorf("%s: %d more errors", s.name, s.more))...)
	}
	return errors.Join(s.errors...)
}

// within is the place of a byte offset in the text of a scalar that begins at a position: the line of the text is looked for in the
// source, which finds it in every style of YAML but a plain scalar that goes over several lines.
func (s *source) within(t text, offset int) position {
	offset = max(0, min(offset, len(t.s)))
	from := strings.LastIndexByte(t.s[:offset], '\n') + 1
	line, _, _ := strings.Cut(t.s[from:], "\n")
	wanted := strings.TrimSpace(line)
	for i := max(t.at.line-1, 0); i < len(s.lines) && wanted != ""; i++ {
		start := 0
		if i == t.at.line-1 {
			start = min(len(s.lines[i]), byteOffset(s.lines[i], t.at.column-1))
		}
		if n := strings.Index(s.lines[i][start:], wanted); n >= 0 {
			indent := strings.Index(line, wanted)
			return position{i + 1, utf8.RuneCountInString(s.lines[i][:start+n]) + max(0, utf8.RuneCountInString(line[:min(offset-from, len(line))])-indent) + 1}
		}
		if i > t.at.line+strings.Count(t.s, "\n")+2 {
			break
		}
	}
	return t.at
}

// byteOffset is the offset in bytes of a character of s.
func byteOffset(s string, character int) int {
	n := 0
	for i := range s {
		if n == character {
			return i
		}
		n++
	}
	return len(s)
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

// shown replaces what a terminal would obey.
func shown(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\ufffd'
		}
		return r
	}, s)
}
