package logs

import (
	"bytes"

	"casebook/ingest"
)

// The logs that the Symantec Endpoint Protection client keeps of itself: AVMan.log, syslog.log (system), seclog.log (security), tralog.log (traffic),
// rawlog.log (packets), processlog.log (application and device control), as far as they are text.
//
//	file   = header { record }
//	header = [ type tab ] hex tab hex tab hex tab hex tab hex tab hex          seven fields with the type, 0 to 4; six in AVMan.log
//	record = length tab time tab field { tab field }                           up to the next record; not always on a line of its own
//	time   = 16 hexadecimal digits, a FILETIME in UTC
//
// All numbers are hexadecimal. length counts the record's bytes as they stand in the file; bytes that are not text (addresses, padding) stand in between,
// so that a record is told by its length, at least 64, followed by a time of a year that a log can have. Such pairs within a record (begin and end of an attack) follow a
// small number.
//
//	0 syslog      event tab ? tab severity tab size tab text tab source          severity 0 information, 1 warning, 2 error, 3 fatal
//	1 seclog      event tab severity tab … text is the thirteenth field          severity 0-3 critical, 4-7 major, 8-11 minor, 12-15 information
//	2, 3          what went over the network
//	4 processlog  event tab severity tab action tab test tab text tab …          action 1 blocked, 4 terminated
//	AVMan         time tab time tab ? tab line of the scan log (sepav.go)
//
// Sources: "Schema reference" of Symantec Endpoint Protection Manager (agent system, security and behavior log); the field tables of Beercow/SEPparser.

var sepClientReader = ingest.Reader{
	Kind:  ingest.KindLogSEPClient,
	Sniff: sniffSEPClient,
	New:   func() ingest.Splitter { return &sepClientSplitter{layout: sepUnknown} },
}

// sepLayout is which of the logs a file is: the type of its header.
type sepLayout int

const (
	sepSystem   sepLayout = 0
	sepSecurity sepLayout = 1
	sepProcess  sepLayout = 4
	sepAVMan    sepLayout = 100
	sepUnknown  sepLayout = -1
)

// minSEPLength is less than the length of any record, and more than the numbers before the times within one.
const minSEPLength = 64

func sniffSEPClient(_ string, head []byte) int {
	first, at := firstLine(head)
	if _, ok := sepHeader(first); ok {
		if b, _ := nextSEP(head, at+len(first)); b > 0 {
			return scoreFirst
		}
		return scoreLater // an empty log
	}
	if _, ok := sepRecord(head, at); ok {
		return scoreFirst
	}
	return 0
}

// sepHeader reads the first line of a file.
func sepHeader(line []byte) (sepLayout, bool) {
	var part [8]span
	n := fields(line, '\t', part[:])
	if n != 6 && n != 7 {
		return sepUnknown, false
	}
	for _, p := range part[:n] {
		if w := p.to - p.from; w != 8 && w != 16 {
			return sepUnknown, false
		}
		if _, ok := hexNumber(p.in(line)); !ok {
			return sepUnknown, false
		}
	}
	if n == 6 {
		return sepAVMan, true
	}
	kind, _ := hexNumber(part[0].in(line))
	return sepLayout(kind & 7), kind < 8
}

// sepRecord tells whether a record begins at text[at:], and returns where its fields behind the time begin.
func sepRecord(text []byte, at int) (body int, ok bool) {
	i := at
	for i < len(text) && i-at <= 8 && text[i] != '\t' {
		i++
	}
	length, ok := hexNumber(text[at:i])
	if !ok || i-at > 8 || length < minSEPLength || length > ingest.MaxRecord {
		return 0, false
	}
	const digits = 16
	if i+1+digits >= len(text) || text[i] != '\t' || text[i+1+digits] != '\t' {
		return 0, false
	}
	ft, ok := hexNumber(text[i+1 : i+1+digits])
	if _, sound := fileTime(ft); !ok || !sound {
		return 0, false
	}
	return i + 2 + digits, true
}

// nextSEP returns where the first record at or behind text[from:], from being at least 1, begins, -1 if none does, and from where on to look again when there is more text.
func nextSEP(text []byte, from int) (begin, again int) {
	const mark = "\t01" // times of a log begin so: 01b20… is the year 1990, 01ff… the year 2058
	for at := from; ; {
		i := bytes.Index(text[at:], []byte(mark))
		if i < 0 {
			return -1, max(from, len(text)-len(mark)+1-8)
		}
		at += i
		start := at
		for start > from && at-start < 8 {
			if _, ok := hexDigit(text[start-1]); !ok {
				break
			}
			start--
		}
		if len(text)-at < 18 {
			return -1, start
		}
		if _, digit := hexDigit(text[start-1]); digit { // the end of a longer number
			at++
			continue
		}
		if _, ok := sepRecord(text, start); ok && start < at {
			return start, start
		}
		at++
	}
}

// fileTime returns the microseconds since 1970 of a FILETIME, and false if its year is none that a log can have.
func fileTime(ft uint64) (int64, bool) {
	const (
		perMicro = 10
		epoch    = 11644473600 * microSecond // from 1601
		first    = 315532800 * microSecond   // 1980
		last     = 4102444800 * microSecond  // 2100
	)
	if ft > 1<<62 {
		return 0, false
	}
	t := int64(ft/perMicro) - epoch
	return t, t >= first && t < last
}

// sepClientSplitter remembers how far it has looked for the next record.
type sepClientSplitter struct {
	layout   sepLayout
	begun    bool // the header is behind us
	searched int  // no record begins in this many bytes of the text that was not taken, but at their start
}

func (s *sepClientSplitter) Split(text []byte, atEOF bool, emit func(ingest.Record)) int {
	pos := 0
	for pos < len(text) {
		window, final := text[pos:], atEOF
		if len(window) >= ingest.MaxRecord {
			window, final = window[:ingest.MaxRecord], true
		}
		from := max(s.searched, 1)
		if body, ok := sepRecord(window, 0); ok {
			from = max(from, body)
		}
		next, again := nextSEP(window, from)
		if next < 0 {
			if !final {
				s.searched = again
				break
			}
			next = len(window)
			if !atEOF || next < len(text)-pos {
				next = runeCut(window)
			}
		}
		s.emit(window[:next], emit)
		pos += next
		s.searched = 0
	}
	return pos
}

// emit passes on the record raw.
func (s *sepClientSplitter) emit(raw []byte, emit func(ingest.Record)) {
	if !s.begun {
		s.begun = true
		first, _ := firstLine(raw)
		if layout, ok := sepHeader(first); ok {
			s.layout = layout
		}
	}
	body, ok := sepRecord(raw, 0)
	if !ok {
		emitLines(raw, emit)
		return
	}
	ft, _ := hexNumber(raw[body-17 : body-1])
	micros, _ := fileTime(ft)
	r := ingest.Record{Raw: raw, Text: trimPadding(raw[body:]), Time: wall(micros).Stated(0).On(ingest.BasisFormat)}
	var part [15]span
	n := fields(r.Text, '\t', part[:])
	text := r.Text
	switch {
	case s.layout == sepSystem && n > 4:
		r.Severity = systemLevel(part[2].in(text))
		r.Text = trimPadding(part[4].in(text))
		if n > 5 && part[5].to > part[5].from {
			r.Component = part[5].in(text)
		}
	case s.layout == sepSecurity && n > 13:
		r.Severity = securityLevel(part[1].in(text))
		r.Text = trimPadding(part[11].in(text))
	case s.layout == sepProcess && n > 5:
		r.Severity = ingest.SeverityInfo
		if action := part[2].in(text); len(action) == 1 && (action[0] == '1' || action[0] == '4') {
			r.Severity = ingest.SeverityWarning
		}
		r.Text = text[part[4].from:]
	case s.layout == sepAVMan && n > 4:
		r.Text = text[part[3].from:]
		if line, ok := parseSEPAV(r.Text); ok {
			r.Severity = line.severity
		}
	}
	emit(r)
}

// trimPadding returns b without blanks, line ends and NULs at its end.
func trimPadding(b []byte) []byte { return bytes.TrimRight(b, " \t\r\n\x00") }

// systemLevel judges the severity of the system log, which rises.
func systemLevel(field []byte) ingest.Severity {
	switch level, ok := hexNumber(field); {
	case !ok:
		return ingest.SeverityNone
	case level == 0:
		return ingest.SeverityInfo
	case level == 1:
		return ingest.SeverityWarning
	}
	return ingest.SeverityError
}

// securityLevel judges the severity of the security log, which falls.
func securityLevel(field []byte) ingest.Severity {
	switch level, ok := hexNumber(field); {
	case !ok:
		return ingest.SeverityNone
	case level < 4:
		return ingest.SeverityError
	case level < 8:
		return ingest.SeverityWarning
	}
	return ingest.SeverityInfo
}
