package logs

import (
	"bytes"

	"casebook/ingest"
)

// A format without a severity field is judged as CMTrace's highlighting does: a text with "error" or "fail" is an error, one with
// "warning" a warning, in any case; "failover" is neither, nor is "error status: 0". "WARN: failed to" is a warning.
//
// Every word searched for begins with four letters that hold three pairs at successive places, so that looking at every
// third pair of the text finds it. The table tells the few pairs that are worth a closer look.

// pairKind says which word a pair of letters may belong to, and how far into it.
type pairKind struct {
	word  uint8 // index in severityWords plus 1; 0 if none
	shift uint8 // of the pair within the word
}

var severityWords = [...]struct {
	word     string
	severity ingest.Severity
}{
	{"error", ingest.SeverityError},
	{"fail", ingest.SeverityError},
	{"warning", ingest.SeverityWarning},
}

// severityPairs is indexed by the low five bits of two bytes, which fold the case of letters.
var severityPairs = func() (t [1 << 10]pairKind) {
	for w, s := range severityWords {
		for i := range 3 {
			t[pairIndex(s.word[i], s.word[i+1])] = pairKind{word: uint8(w + 1), shift: uint8(i)}
		}
	}
	return t
}()

func pairIndex(a, b byte) int { return int(a&31)<<5 | int(b&31) }

// textSeverity judges a text by its words; SeverityNone if none of them is there. A text that begins by calling itself a warning is none that failed.
func textSeverity(text []byte) ingest.Severity {
	found := ingest.SeverityNone
	if head := bytes.TrimLeft(text[:min(len(text), 16)], " \t[<*-"); hasFold(head, "warn") && beginsField(head) {
		return ingest.SeverityWarning
	}
	for i := 0; i+1 < len(text); i += 3 {
		p := severityPairs[pairIndex(text[i], text[i+1])]
		if p.word == 0 {
			continue
		}
		w := &severityWords[p.word-1]
		at := i - int(p.shift)
		if at < 0 || !hasFold(text[at:], w.word) {
			continue
		}
		if w.word == "fail" && hasFold(text[at:], "failover") || w.word == "error" && (at >= 2 && hasFold(text[at-2:], "noerror") || isSuccess(text[at:])) {
			continue
		}
		if w.severity == ingest.SeverityError {
			return ingest.SeverityError
		}
		found = w.severity
	}
	return found
}

// beginsField tells whether "warn" or "warning" at the beginning of a text is the name of a level, set off by a colon, a bracket or its like.
func beginsField(head []byte) bool {
	rest := head[len("warn"):]
	if hasFold(rest, "ing") {
		rest = rest[len("ing"):]
	}
	return len(rest) > 0 && bytes.IndexByte([]byte(":]>|-"), rest[0]) >= 0
}

// isSuccess tells whether a text that begins with "error" states success, as Installer's "error status: 0." does.
func isSuccess(b []byte) bool {
	const status = "error status: 0"
	return hasFold(b, status) && (len(b) == len(status) || b[len(status)] < '0' || b[len(status)] > '9')
}

// hasFold tells whether b begins with the lower-case ASCII word in any case.
func hasFold(b []byte, word string) bool {
	if len(b) < len(word) {
		return false
	}
	for i := range len(word) {
		c := b[i]
		if c-'A' <= 'Z'-'A' {
			c |= 0x20
		}
		if c != word[i] {
			return false
		}
	}
	return true
}
