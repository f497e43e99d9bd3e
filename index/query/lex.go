package query

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error is a query that can't be understood.
type Error struct {
	Column int    // of the place, in characters, from 1
	Reason string // what is wrong there and how to put it right
}

func (e *Error) Error() string { return fmt.Sprintf("query, column %d: %s", e.Column, e.Reason) }

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenWord
	tokenPhrase
	tokenRegexp
	tokenField // name and colon; the value is the next token
	tokenAnd
	tokenOr
	tokenNot
	tokenOpen
	tokenClose
)

type token struct {
	kind  tokenKind
	text  string // of a word, phrase or regular expression; of a field its name
	at    int    // byte offset in the query
	glued bool   // nothing stands between it and the token before
}

// lexer cuts a query into tokens.
type lexer struct {
	in    string
	at    int
	value bool // a field's name and colon have just been read
}

func (l *lexer) fail(at int, format string, args ...any) *Error {
	return &Error{Column: utf8.RuneCountInString(l.in[:at]) + 1, Reason: fmt.Sprintf(format, args...)}
}

// next returns the next token.
func (l *lexer) next() (token, *Error) {
	before := l.at
	l.at += len(l.in[l.at:]) - len(strings.TrimLeftFunc(l.in[l.at:], unicode.IsSpace))
	t := token{at: l.at, glued: l.at == before}
	value := l.value && t.glued
	l.value = false
	if l.at == len(l.in) {
		return t, nil
	}
	switch l.in[l.at] {
	case '(':
		l.at++
		t.kind = tokenOpen
		return t, nil
	case ')':
		l.at++
		t.kind = tokenClose
		return t, nil
	case '"':
		return l.phrase(t)
	case '/':
		if end := regexpEnd(l.in[l.at:]); end > 0 {
			t.kind, t.text = tokenRegexp, l.in[l.at+1:l.at+end]
			l.at += end + 1
			return t, nil
		}
	case '-':
		if rest := l.in[l.at+1:]; !value && rest != "" && rest[0] != '-' && !strings.HasPrefix(rest, ")") && !startsWithSpace(rest) {
			l.at++
			t.kind = tokenNot
			return t, nil
		}
	}
	return l.word(t)
}

// regexpEnd returns the offset of the slash that ends the regular expression with which s begins: the first one that no backslash
// stands before and that nothing follows that could be a part of a path. It returns 0 if s begins with none.
func regexpEnd(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '/':
			r, n := utf8.DecodeRuneInString(s[i+1:])
			if i > 1 && (n == 0 || unicode.IsSpace(r) || strings.ContainsRune(`()"`, r)) {
				return i
			}
		}
	}
	return 0
}

func (l *lexer) phrase(t token) (token, *Error) {
	var b strings.Builder
	t.kind = tokenPhrase
	for i := l.at + 1; i < len(l.in); i++ {
		if l.in[i] != '"' {
			b.WriteByte(l.in[i])
			continue
		}
		if i+1 < len(l.in) && l.in[i+1] == '"' {
			b.WriteByte('"')
			i++
			continue
		}
		l.at = i + 1
		t.text = b.String()
		if strings.TrimSpace(t.text) == "" {
			return t, l.fail(t.at, "the phrase is empty; put the words to look for between the quotes")
		}
		return t, nil
	}
	return t, l.fail(t.at, `the quote is not closed; add a " at the end of the phrase, or write the text without quotes`)
}

// word reads to the next white space, quote or parenthesis. Parentheses that open and close within the word belong to it, as
// in Default.asp(12).
func (l *lexer) word(t token) (token, *Error) {
	start, open := l.at, 0
	for l.at < len(l.in) {
		r, n := utf8.DecodeRuneInString(l.in[l.at:])
		if unicode.IsSpace(r) || r == '"' || r == ')' && open == 0 || r == '(' && !closes(l.in[l.at:]) {
			break
		}
		switch r {
		case '(':
			open++
		case ')':
			open--
		case ':':
			if name, ok := field(l.in[start:l.at]); ok {
				l.at++
				l.value = true
				t.kind, t.text = tokenField, string(name)
				return t, nil
			}
		}
		l.at += n
	}
	t.kind, t.text = tokenWord, l.in[start:l.at]
	switch t.text {
	case "AND":
		t.kind = tokenAnd
	case "OR":
		t.kind = tokenOr
	case "NOT":
		t.kind = tokenNot
	}
	if name, rest, ok := strings.Cut(t.text, ":"); ok && rest != "" {
		if near, is := misspelt(name); is {
			return t, l.fail(start, `there is no field %q; write %s:%s, or "%s" to look for the text`, name, near, rest, t.text)
		}
	}
	return t, nil
}

// closes reports whether the parenthesis with which s begins is closed before the next white space or quote.
func closes(s string) bool {
	open := 0
	for _, r := range s {
		switch {
		case r == '(':
			open++
		case r == ')':
			if open--; open == 0 {
				return true
			}
		case r == '"', unicode.IsSpace(r):
			return false
		}
	}
	return false
}

// field tells which field s names.
func field(s string) (Name, bool) {
	n := Name(strings.ToLower(s))
	if n == "path" {
		return File, true
	}
	return n, n == time_ || n == code || slices.Contains(Names(), n) || slices.Contains(Numbers(), n)
}

// misspelt returns the field that s is meant to name: s is its plural or a usual short form, or has five letters or more of which one is wrong, missing or
// too many. Shorter words are too often like another.
func misspelt(s string) (Name, bool) {
	s = strings.ToLower(s)
	for _, suffix := range []string{"s", "es"} {
		if name, ok := field(strings.TrimSuffix(s, suffix)); ok && len(name) < len(s) {
			return name, true
		}
	}
	switch s {
	case "sev", "level", "severities":
		return Severity, true
	case "comp":
		return Component, true
	}
	for _, n := range Names() {
		if len(s) >= 5 && len(n) >= 6 && near(s, string(n)) {
			return n, true
		}
	}
	return "", false
}

// near reports whether a and b differ in one letter at most.
func near(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) == len(b) {
		return i == len(a) || a[i+1:] == b[i+1:]
	}
	return a[i:] == b[i+1:]
}

func startsWithSpace(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsSpace(r)
}
