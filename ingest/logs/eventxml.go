package logs

import (
	"bytes"

	"casebook/ingest"
)

// Events as XML: "wevtutil qe LOG /f:xml", the viewer's "Save All Events As" XML, Get-WinEvent's ToXml.
//
//	record   = "<Event " … "</Event>"         with what stands up to the next one
//	System   = <Provider Name='…'/> <EventID> <Level> <TimeCreated SystemTime='…Z'/> <Execution ThreadID='…'/> <Computer> …
//
// Attributes stand in either kind of quotation marks. SystemTime is UTC. Level is 1 critical, 2 error, 3 warning, 4 information, 5 verbose; 0 says nothing, and
// then the keyword of a failed audit (bit 52) is a warning. Component is the provider, the text is the whole event. It is searched, not parsed as XML: the
// elements of System are written by Windows alone, and everything of EventData and RenderingInfo stands behind them.
//
// Source: "Event Schema" (MicrosoftDocs/win32, desktop-src/WES).

var eventXMLReader = ingest.Reader{
	Kind:  ingest.KindLogEvents,
	Sniff: sniffEventXML,
	New:   func() ingest.Splitter { return new(eventXMLSplitter) },
}

const (
	eventStart  = "<Event "
	eventEnd    = "</Event>"
	eventSchema = "schemas.microsoft.com/win/2004/08/events/event"
)

func sniffEventXML(_ string, head []byte) int {
	i := bytes.Index(head, []byte(eventStart))
	if i < 0 || !bytes.Contains(head[i:min(len(head), i+200)], []byte(eventSchema)) {
		return 0
	}
	if bytes.IndexByte(head[:i], '\n') < 0 || i < 200 {
		return scoreFirst
	}
	return scoreLater
}

// eventXMLSplitter remembers how far it has looked for the end of an event.
type eventXMLSplitter struct{ searched int }

func (s *eventXMLSplitter) Split(text []byte, atEOF bool, emit func(ingest.Record)) int {
	pos := 0
	for pos < len(text) {
		window, final := text[pos:], atEOF
		if len(window) >= ingest.MaxRecord {
			window, final = window[:ingest.MaxRecord], true
		}
		i := bytes.Index(window[s.searched:], []byte(eventEnd))
		if i < 0 {
			if !final {
				s.searched = max(0, len(window)-len(eventEnd)+1)
				break
			}
			n := len(window)
			if !atEOF || n < len(text)-pos {
				n = runeCut(window)
			}
			emitLines(window[:n], emit)
			pos, s.searched = pos+n, 0
			continue
		}
		end := s.searched + i + len(eventEnd)
		n, ok := lineEnd(window, end, final)
		if !ok {
			s.searched += i
			break
		}
		start := lastStart(window[:end])
		if start < 0 {
			start = n
		}
		if start > 0 {
			emitLines(window[:start], emit)
		}
		if start < n {
			emit(eventXMLRecord(window[start:n]))
		}
		pos, s.searched = pos+n, 0
	}
	return pos
}

// lastStart returns where the last event of b begins, -1 if none does: one before it has no end.
func lastStart(b []byte) int {
	last := -1
	for at := 0; ; at++ {
		i := bytes.Index(b[at:], []byte(eventStart))
		if i < 0 {
			return last
		}
		at += i
		last = at
	}
}

func eventXMLRecord(raw []byte) ingest.Record {
	r := ingest.Record{Raw: raw, Text: trimRight(raw)}
	system, _, _ := bytes.Cut(raw, []byte("</System>"))
	if name := attribute(system, "<Provider ", "Name="); len(name) > 0 {
		r.Component = name
	}
	r.Thread = unsigned(attribute(system, "<Execution ", "ThreadID="))
	if f, ok := isoStamp(attribute(system, "<TimeCreated ", "SystemTime=")); ok {
		r.Time = f.time()
	}
	switch level := element(system, "<Level>"); {
	case len(level) != 1:
	case level[0] == '1' || level[0] == '2':
		r.Severity = ingest.SeverityError
	case level[0] == '3':
		r.Severity = ingest.SeverityWarning
	case level[0] == '4' || level[0] == '5':
		r.Severity = ingest.SeverityInfo
	case level[0] == '0':
		r.Severity = ingest.SeverityInfo
		if bits, ok := bytes.CutPrefix(element(system, "<Keywords>"), []byte("0x")); ok {
			if v, ok := hexNumber(bits); ok && v>>52&1 == 1 {
				r.Severity = ingest.SeverityWarning
			}
		}
	}
	return r
}

// attribute returns the value of an attribute of the first element that begins so, nil if there is none.
func attribute(b []byte, start, name string) []byte {
	_, rest, ok := bytes.Cut(b, []byte(start))
	if !ok {
		return nil
	}
	tag, _, ok := bytes.Cut(rest, []byte{'>'})
	if !ok {
		return nil
	}
	if !bytes.HasPrefix(tag, []byte(name)) {
		if _, tag, ok = bytes.Cut(tag, []byte(" "+name)); !ok {
			return nil
		}
	} else {
		tag = tag[len(name):]
	}
	if len(tag) == 0 || tag[0] != '\'' && tag[0] != '"' {
		return nil
	}
	value, _, ok := bytes.Cut(tag[1:], tag[:1])
	if !ok {
		return nil
	}
	return value
}

// element returns the text behind the first tag, nil if there is none.
func element(b []byte, tag string) []byte {
	_, rest, ok := bytes.Cut(b, []byte(tag))
	if !ok {
		return nil
	}
	text, _, _ := bytes.Cut(rest, []byte{'<'})
	return text
}
