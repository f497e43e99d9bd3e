package logs

import (
	"bytes"
	"unicode/utf8"

	"casebook/ingest"
)

// Scores of Sniff; the package comment explains them.
const (
	scoreCertain  = 97
	scoreFirst    = 95
	scoreLater    = 85
	scoreFragment = 60
	scoreStamps   = 30
	scoreAny      = 1
)

// lineLen returns the length of the first line of text with its line end, or 0 if the line is not complete and more text may come.
// A line longer than MaxRecord is cut there.
func lineLen(text []byte, atEOF bool) int {
	window := text[:min(len(text), ingest.MaxRecord)]
	if i := bytes.IndexByte(window, '\n'); i >= 0 {
		return i + 1
	}
	switch {
	case len(text) >= ingest.MaxRecord:
		return runeCut(window)
	case atEOF:
		return len(text)
	}
	return 0
}

// runeCut returns the length of b without a UTF-8 sequence that its end cuts.
func runeCut(b []byte) int {
	for i := 1; i < utf8.UTFMax && i < len(b); i++ {
		if c := b[len(b)-i]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(b[len(b)-i:]) {
				return len(b) - i
			}
			break
		}
	}
	return len(b)
}

// trimEOL returns line without its line end.
func trimEOL(line []byte) []byte {
	n := len(line)
	for n > 0 && (line[n-1] == '\n' || line[n-1] == '\r') {
		n--
	}
	return line[:n]
}

// trimRight returns b without blanks, tabs and line ends at its end.
func trimRight(b []byte) []byte {
	n := len(b)
	for n > 0 && isSpace(b[n-1]) {
		n--
	}
	return b[:n]
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
func isDigit(c byte) bool { return c-'0' <= 9 }

// isLetter also takes the bytes of non-ASCII characters, which in log texts are nearly always letters.
func isLetter(c byte) bool { return (c|0x20)-'a' <= 'z'-'a' || c >= utf8.RuneSelf }

// emitLines emits each line of text as a record without a time.
func emitLines(text []byte, emit func(ingest.Record)) {
	for len(text) > 0 {
		n := lineLen(text, true)
		emit(plainRecord(text[:n]))
		text = text[n:]
	}
}

// plainRecord makes a record of raw, of which nothing but its text is known.
func plainRecord(raw []byte) ingest.Record {
	t := trimEOL(raw)
	return ingest.Record{Raw: raw, Text: t, Severity: textSeverity(t)}
}

// firstLine returns the first line of head that is not blank, without its line end, and where it begins.
func firstLine(head []byte) (line []byte, at int) {
	for at < len(head) && isSpace(head[at]) {
		at++
	}
	line = head[at:]
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	return trimEOL(line), at
}
