package logs

import (
	"bytes"

	"casebook/ingest"
)

// PFRO.log: what the session manager made of the pending file renames at boot (Windows Vista and later), in %SystemRoot%.
//
//	line = m/d/yyyy h:m:s " - " text
//	text = "PFRO Error: " source ", " target ", 0x" NTSTATUS | count " Successful PFRO operations" | other
//
// Nothing is padded, the month stands first whatever the locale, the time is local. The writer's buffer holds about 255 characters:
// longer lines are cut. One line is one record.

const pfroDash = " - "

var pfroReader = ingest.Reader{
	Kind:  ingest.KindLogPFRO,
	Sniff: sniffPFRO,
	New:   func() ingest.Splitter { return pfroSplitter{} },
}

func sniffPFRO(name string, head []byte) int {
	first, _ := firstLine(head)
	_, at, stamped := pfroTime(first)
	switch {
	case stamped && bytes.Contains(first[at:], []byte("PFRO")):
		return scoreFirst
	case stamped && name == "pfro.log":
		return scoreLater
	case bytes.Contains(head, []byte(" - PFRO Error: ")), bytes.Contains(head, []byte(" Successful PFRO operations")):
		return scoreFragment
	}
	return 0
}

type pfroSplitter struct{}

func (pfroSplitter) Split(text []byte, atEOF bool, emit func(ingest.Record)) int {
	pos := 0
	for pos < len(text) {
		n := lineLen(text[pos:], atEOF)
		if n == 0 {
			break
		}
		emit(pfroRecord(text[pos : pos+n]))
		pos += n
	}
	return pos
}

func pfroRecord(raw []byte) ingest.Record {
	line := trimEOL(raw)
	t, at, ok := pfroTime(line)
	if !ok {
		return ingest.Record{Raw: raw, Text: line, Severity: textSeverity(line)}
	}
	r := ingest.Record{Raw: raw, Text: line[at:], Time: t, Severity: textSeverity(line[at:])}
	if r.Severity == ingest.SeverityNone {
		r.Severity = ingest.SeverityInfo
	}
	return r
}

// pfroTime reads the stamp of a line and returns where the text begins.
func pfroTime(line []byte) (t ingest.Time, text int, ok bool) {
	d, ok := parseNumericDate(line, 0)
	if !ok || d.sep != '/' || d.yearFirst || d.end >= len(line) || line[d.end] != ' ' {
		return t, 0, false
	}
	tod, at, ok := timeOfDay(line, d.end+1, ':')
	if !ok || !bytes.HasPrefix(line[at:], []byte(pfroDash)) {
		return t, 0, false
	}
	midnight, ok := d.in(orderMonthFirst)
	return wall(midnight + tod), at + len(pfroDash), ok
}
