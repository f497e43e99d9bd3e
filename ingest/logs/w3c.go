package logs

import (
	"bytes"

	"casebook/ingest"
)

// The W3C extended log: IIS, its FTP and SMTP services, HTTP.sys, Windows' firewall.
//
//	directive = "#" name ": " value
//	record    = field { " " field }        as the last "#Fields:" names them; "-" is empty, "+" stands for a blank
//
// Times are UTC by the specification, unless "#Time Format: Local" says otherwise (the firewall). Where the fields have a time and no date, the date is that of
// "#Date:". "#Fields:" may change within a file, as after an update of the server; records before the first one are read as if date and time came first.
//
// Severity is the HTTP status': 500 and above an error, 400 and above a warning, but 401, which negotiated authentication begins with. The words of a
// URL are no verdict. Each line is a record.
//
// Source: W3C "Extended Log File Format", WD-logfile-960323; "W3C Extended Log File Format (IIS 6.0)" and "Interpreting the Windows Firewall log" (Microsoft).

var w3cReader = ingest.Reader{
	Kind:  ingest.KindLogW3C,
	Sniff: sniffW3C,
	New:   func() ingest.Splitter { return &w3cSplitter{columns: w3cColumns{date: 0, time: 1, status: -1}} },
}

const w3cFields = "#Fields: "

func sniffW3C(_ string, head []byte) int {
	i := bytes.Index(head, []byte(w3cFields))
	if i < 0 || i > 0 && head[i-1] != '\n' {
		return 0
	}
	line, _, _ := bytes.Cut(head[i:], []byte("\n"))
	if !bytes.Contains(line, []byte(" time")) && !bytes.Contains(line, []byte(" date")) {
		return 0
	}
	if first, _ := firstLine(head); first[0] == '#' {
		return scoreFirst
	}
	return scoreLater
}

// w3cColumns are the places of the fields that matter; -1 where there is none.
type w3cColumns struct{ date, time, status int }

type w3cSplitter struct {
	columns w3cColumns
	local   bool
	day     int64 // of "#Date:"
	dated   bool
}

func (s *w3cSplitter) Split(text []byte, atEOF bool, emit func(ingest.Record)) int {
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

func (s *w3cSplitter) record(raw []byte) ingest.Record {
	line := trimRight(raw)
	r := ingest.Record{Raw: raw, Text: line}
	if len(line) == 0 {
		return r
	}
	if line[0] == '#' {
		s.directive(line)
		return r
	}
	c := s.columns
	var day, tod int64
	dated, timed := s.dated && c.date < 0, false
	if dated {
		day = s.day
	}
	for at, k := 0, 0; at < len(line) && k <= max(c.date, c.time, c.status); k++ {
		f := line[at:]
		if i := bytes.IndexByte(f, ' '); i >= 0 {
			f = f[:i]
		}
		at += len(f) + 1
		switch k {
		case c.date:
			if d, ok := parseNumericDate(f, 0); ok && d.yearFirst && d.end == len(f) {
				day, dated = d.in(orderMonthFirst)
			}
		case c.time:
			var end int
			if tod, end, timed = timeOfDay(f, 0, ':'); timed && end < len(f) && f[end] == '.' {
				micros, _ := fraction(f, end+1)
				tod += micros
			}
		case c.status:
			r.Severity = httpSeverity(f)
		}
	}
	if dated && timed {
		r.Time = wall(day + tod)
		if !s.local {
			r.Time = r.Time.Stated(0).On(ingest.BasisFormat)
		}
	}
	return r
}

// directive learns from a line that begins with "#".
func (s *w3cSplitter) directive(line []byte) {
	if names, ok := bytes.CutPrefix(line, []byte(w3cFields)); ok {
		s.columns = w3cColumns{-1, -1, -1}
		for k := 0; len(names) > 0; k++ {
			var name []byte
			name, names, _ = bytes.Cut(names, []byte(" "))
			switch string(name) {
			case "date":
				s.columns.date = k
			case "time":
				s.columns.time = k
			case "sc-status":
				s.columns.status = k
			}
		}
	} else if value, ok := bytes.CutPrefix(line, []byte("#Date: ")); ok {
		if d, ok := parseNumericDate(value, 0); ok && d.yearFirst {
			s.day, s.dated = d.in(orderMonthFirst)
		}
	} else if value, ok := bytes.CutPrefix(line, []byte("#Time Format: ")); ok {
		s.local = bytes.Equal(value, []byte("Local"))
	}
}

// httpSeverity judges a status of three digits.
func httpSeverity(status []byte) ingest.Severity {
	if len(status) != 3 || !isDigit(status[1]) || !isDigit(status[2]) {
		return ingest.SeverityNone
	}
	switch {
	case status[0] == '5':
		return ingest.SeverityError
	case status[0] == '4' && string(status) != "401":
		return ingest.SeverityWarning
	case status[0] >= '1' && status[0] <= '4':
		return ingest.SeverityInfo
	}
	return ingest.SeverityNone
}
