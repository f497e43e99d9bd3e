package logs

import (
	"bytes"

	"casebook/ingest"
)

// The logs of device installation: setupapi.dev.log, setupapi.app.log, setupapi.offline.log and setupapi.setup.log since Windows Vista, setupapi.log before.
//
//	boot    = "[Boot Session: " stamp "]"
//	section = ">>>  [" title "]" / ">>>  Section start " stamp / body … / "<<<  Section end " stamp / "<<<  [Exit status: " status "]"
//	body    = "!!!  " | "!    " | "     "  { " " } category ": " text [ " " hh:mm:ss.mmm ]      error, warning, information
//
//	section = "[" yyyy/mm/dd hh:mm:ss pid.n ... "]" / entry …                                   before Windows Vista
//	entry   = [ "@ " hh:mm:ss.mmm " " ] "#" letter number " " text                              E error, W warning, others information
//
// The log is in English on every system. A section may hold thousands of lines, so each line is a record; Component is the category. A time of day gets
// its date from the section (runningClock).
//
// Source: "SetupAPI Text Logs" and "Format of a Text Log Section Body", "Interpreting a Sample SetupAPI Log File" (Microsoft Learn, Windows drivers).

var setupapiReader = ingest.Reader{
	Kind:  ingest.KindLogSetupAPI,
	Sniff: sniffSetupAPI,
	New:   func() ingest.Splitter { return new(setupapiSplitter) },
}

func sniffSetupAPI(_ string, head []byte) int {
	first, _ := firstLine(head)
	switch {
	case bytes.HasPrefix(first, []byte("[Device Install Log]")), bytes.HasPrefix(first, []byte("[SetupAPI Log]")), bytes.HasPrefix(first, []byte("[Boot Session: ")):
		return scoreFirst
	case bytes.Contains(head, []byte("\n>>>  Section start ")), bytes.Contains(head, []byte("\n<<<  Section end ")):
		return scoreLater
	}
	return 0
}

type setupapiSplitter struct{ clock runningClock }

func (s *setupapiSplitter) Split(text []byte, atEOF bool, emit func(ingest.Record)) int {
	pos := 0
	for pos < len(text) {
		n := lineLen(text[pos:], atEOF)
		if n == 0 {
			break
		}
		emit(s.record(text[pos : pos+n]))
		pos += n
	}
	return pos
}

func (s *setupapiSplitter) record(raw []byte) ingest.Record {
	line := trimRight(raw)
	r := ingest.Record{Raw: raw, Text: line}
	if len(line) < 6 {
		return r
	}
	switch line[0] {
	case '>', '<', '[':
		r.Time = s.section(line)
		r.Severity = exitSeverity(line)
	case '#':
		r.Severity = entrySeverity(line)
	case '@':
		if tod, at, ok := timeOfDay(line, 2, ':'); ok && line[1] == ' ' {
			f, n := millis(line, at)
			r.Time = s.clock.at(tod + f)
			if rest := line[at+n:]; len(rest) > 1 && rest[0] == ' ' {
				r.Text = rest[1:]
				r.Severity = entrySeverity(rest[1:])
			}
		}
	case ' ', '!', '.':
		s.body(line, &r)
	}
	return r
}

// section reads the stamp of a line that begins or ends a section and sets the clock.
func (s *setupapiSplitter) section(line []byte) ingest.Time {
	for i := range min(len(line), maxStampColumn) {
		if !stampStart(line, i) {
			continue
		}
		if f, ok := parseStamp(line, i); ok && f.shape == shapeISO && f.dated {
			return s.clock.set(f.midnight + f.tod)
		}
	}
	return ingest.Time{}
}

// body reads a line within a section.
func (s *setupapiSplitter) body(line []byte, r *ingest.Record) {
	switch {
	case bytes.HasPrefix(line, []byte("!!!")):
		r.Severity = ingest.SeverityError
	case line[0] == '!':
		r.Severity = ingest.SeverityWarning
	default:
		r.Severity = ingest.SeverityInfo
	}
	at := 0
	for at < len(line) && at < 8 && (line[at] == ' ' || line[at] == '!' || line[at] == '.') {
		at++
	}
	if i := bytes.IndexByte(line[at:min(len(line), at+5)], ':'); i > 1 {
		r.Component = line[at : at+i]
	}
	const stamp = len(" hh:mm:ss.mmm")
	if i := len(line) - stamp; i > 0 && line[i] == ' ' {
		if tod, end, ok := timeOfDay(line, i+1, ':'); ok {
			if f, n := millis(line, end); n == 4 && end+n == len(line) {
				r.Time = s.clock.at(tod + f)
			}
		}
	}
}

// millis reads a point and a fraction at line[i:] and returns how many bytes they take.
func millis(line []byte, i int) (micros int64, n int) {
	if i >= len(line) || line[i] != '.' {
		return 0, 0
	}
	micros, n = fraction(line, i+1)
	return micros, n + 1
}

func entrySeverity(entry []byte) ingest.Severity {
	if len(entry) < 2 || entry[0] != '#' {
		return ingest.SeverityNone
	}
	switch entry[1] {
	case 'E':
		return ingest.SeverityError
	case 'W':
		return ingest.SeverityWarning
	}
	return ingest.SeverityInfo
}

// exitSeverity judges the line that states how a section ended: SUCCESS, FAILURE(0x...) or Exit Status(0x...).
func exitSeverity(line []byte) ingest.Severity {
	_, status, ok := bytes.Cut(line, []byte("[Exit "))
	if !ok {
		return ingest.SeverityNone
	}
	if bytes.Contains(status, []byte("SUCCESS")) || bytes.Contains(status, []byte("(0x00000000)")) {
		return ingest.SeverityInfo
	}
	return ingest.SeverityError
}
