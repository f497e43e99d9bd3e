package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"golang.org/x/term"
	"golang.org/x/text/width"
)

// page is where text for people goes: lines of a width.
type page struct {
	out   io.Writer
	width int // in columns
}

// page returns stdout with the width of its terminal.
func (a *App) page() page {
	p := page{out: a.out, width: plainWidth}
	if a.tty != nil {
		if columns, _, err := term.GetSize(int(a.tty.Fd())); err == nil && columns > 0 {
			p.width = max(minWidth, min(maxWidth, columns))
		}
	}
	return p
}

// line prints a line as it is.
func (p page) line(indent, text string) {
	fmt.Fprintln(p.out, strings.TrimRight(indent+text, " "))
}

// paragraph prints text broken into lines between words. The first line stands behind first, the others behind rest. A word that is
// longer than a line stays whole, so that a path can be copied.
func (p page) paragraph(first, rest, text string) {
	line, used, empty := first, columns(first), true
	for word := range strings.FieldsSeq(text) {
		n := columns(word)
		if !empty && used+1+n > p.width {
			p.line("", line)
			line, used, empty = rest, columns(rest), true
		}
		if !empty {
			line += " "
			used++
		}
		line += word
		used, empty = used+n, false
	}
	p.line("", line)
}

// prose prints paragraphs, which blank lines separate. One that has indented lines is a table and stays as it is.
func (p page) prose(text string) {
	for i, part := range strings.Split(text, "\n\n") {
		if i > 0 {
			p.line("", "")
		}
		if strings.HasPrefix(part, " ") || strings.Contains(part, "\n ") {
			p.line("", part)
			continue
		}
		p.paragraph("", "", part)
	}
}

// columns counts the columns of a terminal that text takes; escape sequences take none.
func columns(text string) int {
	n := 0
	escape := false
	for _, r := range text {
		switch {
		case r == '\x1b':
			escape = true
		case escape:
			escape = r != 'm'
		default:
			n += runeColumns(r)
		}
	}
	return n
}

func runeColumns(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	case width.Neutral, width.EastAsianAmbiguous, width.EastAsianNarrow, width.EastAsianHalfwidth:
	}
	return 1
}

// clipped cuts text to n columns, with an ellipsis where something is left out.
func clipped(text string, n int) string {
	used, fits := 0, 0 // fits is where text ends that leaves room for the ellipsis
	for i, r := range text {
		if used < n {
			fits = i
		}
		if used += runeColumns(r); used > n {
			return text[:fits] + "…"
		}
	}
	return text
}

// pad fills text with blanks to n columns.
func pad(text string, n int) string { return text + strings.Repeat(" ", max(0, n-columns(text))) }
