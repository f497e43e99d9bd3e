package logs

import (
	"bytes"

	"casebook/ingest"
)

// Events as "wevtutil qe LOG /f:text" prints them.
//
//	record = word "[" number "]" [ ":" ] / { "  " label ": " value } / "  " label ":" / text …
//
// The labels are those of "Log Name", "Source", "Date", "Event ID", "Task", "Level", "Opcode", "Keyword", "User", "User Name", "Computer", "Description" in this order, in the language of
// Windows. Component is the source, the time that of the date, with its offset if it has one. The text of the record is the whole event.
//
// Source: "wevtutil" (Microsoft Learn, Windows commands).

var wevtutilReader = ingest.Reader{
	Kind:  ingest.KindLogEvents,
	Sniff: sniffWevtutil,
	New: func() ingest.Splitter {
		return &blocks{
			begin:  func(line []byte) (stamp, bool) { return stamp{judged: true}, isWevtutil(line) },
			finish: wevtutilFields,
		}
	},
}

func sniffWevtutil(_ string, head []byte) int {
	first, at := firstLine(head)
	if isWevtutil(first) && wevtutilDate(head[at+len(first):]) {
		return scoreFirst
	}
	for range sniffedLines {
		i := bytes.IndexByte(head[at:], '\n')
		if i < 0 {
			break
		}
		at += i + 1
		if at < len(head) && isWevtutil(head[at:at+lineLen(head[at:], true)]) && wevtutilDate(head[at:]) {
			return scoreLater
		}
	}
	return 0
}

// isWevtutil tells whether a line begins an event.
func isWevtutil(line []byte) bool {
	line = trimRight(line)
	if len(line) < 4 || !isLetter(line[0]) || len(line) > 64 {
		return false
	}
	if line[len(line)-1] == ':' {
		line = trimRight(line[:len(line)-1])
	}
	open := bytes.IndexByte(line, '[')
	if open < 1 || line[len(line)-1] != ']' || len(line)-open < 3 {
		return false
	}
	for _, c := range line[:open] {
		if !isLetter(c) && c != ' ' {
			return false
		}
	}
	return len(bytes.TrimLeft(line[open+1:len(line)-1], "0123456789")) == 0
}

// wevtutilDate tells whether an indented line of an event that begins in text has a date.
func wevtutilDate(text []byte) bool {
	for range 6 {
		i := bytes.IndexByte(text, '\n')
		if i < 0 {
			return false
		}
		text = text[i+1:]
		line := text[:lineLen(text, true)]
		if _, value, ok := labelled(line); ok && len(line) > 2 && line[0] == ' ' {
			if _, ok := isoStamp(value); ok {
				return true
			}
		}
	}
	return false
}

// The places of the labels of an event.
const (
	wevtutilSource = 1
	wevtutilLevel  = 5
	wevtutilLabels = 11
)

// wevtutilFields reads the labels of a record.
func wevtutilFields(r ingest.Record) ingest.Record {
	at := lineLen(r.Raw, true)
	for k := 0; k < wevtutilLabels && at < len(r.Raw); k++ {
		n := lineLen(r.Raw[at:], true)
		line := r.Raw[at : at+n]
		at += n
		_, value, ok := labelled(line)
		if !ok || line[0] != ' ' {
			return r
		}
		switch {
		case k == wevtutilSource && len(value) > 0:
			r.Component = value
		case k == wevtutilLevel:
			r.Severity = eventLevel(value)
		case r.Time.Zone == ingest.ZoneNone:
			if f, ok := isoStamp(value); ok {
				r.Time = f.time()
			}
		}
	}
	return r
}
