package logs

import (
	"bytes"

	"casebook/ingest"
)

// The log of ConfigMgr's client and of many of its servers, of task sequences, of Intune's agent and of scripts that imitate
// them; CMTrace reads it.
//
//	record  = "<![LOG[" text "]LOG]!>" "<" { name "=" '"' value '"' } ">"
//	time    = hh:mm:ss.fff bias      date = m-d-yyyy      type = 1 information, 2 warning, 3 error, 0 success
//
// The text may hold line ends and brackets. A file that was rolled over begins with the rest of a record, a full disk leaves one
// without an end: what stands between two records is a record of its own.
//
// Source: "About log files in Configuration Manager" (Microsoft Learn) for names and rolling; the layout is what the components write.
//
// bias is Windows': the minutes to add to local time to get UTC. Only ConfigMgr's own components write it so. Others write a
// constant +000 (MDT's scripts), the opposite sign ("+-360", "+060": scripts that add Win32_TimeZone.Bias), an offset glued to the
// fraction without a sign (PSAppDeployToolkit: ".56760"), or a fraction of seven digits and no bias (Intune's agent). Of those the offset is unknown, unless
// a component of ConfigMgr wrote the same number with its sign into the same log, or the time of the file settles the sign (ingest.Reading).

const (
	ccmStart   = "<![LOG["
	ccmEnd     = "]LOG]!>"
	ccmTrailer = "<time="
)

// maxTrailer is the longest trailer that is believed; the context is a user name, the file a path.
const maxTrailer = 4 << 10

var ccmReader = ingest.Reader{
	Kind:  ingest.KindLogCCM,
	Sniff: sniffCCM,
	New:   func() ingest.Splitter { return new(ccmSplitter) },
}

func sniffCCM(_ string, head []byte) int {
	first, _ := firstLine(head)
	whole := bytes.Contains(head, []byte(ccmEnd+ccmTrailer))
	switch {
	case bytes.HasPrefix(first, []byte(ccmStart)):
		return scoreFirst
	case whole:
		return scoreLater
	case bytes.Contains(head, []byte("\n"+ccmStart)):
		return scoreFragment
	}
	return 0
}

// ccmSplitter remembers how far it has looked, so that a record without an end is searched once.
type ccmSplitter struct {
	noEnd int  // no end of a record begins before this index of the text that was not taken
	cut   bool // what was taken last is the beginning of a record

	stated   int16 // bias of the last record that ConfigMgr's own components wrote
	statedAt int64 // the clock's reading then; 0 if there was none
}

func (c *ccmSplitter) Split(text []byte, atEOF bool, emit func(ingest.Record)) int {
	pos := 0
	for pos < len(text) {
		n := c.next(text[pos:], atEOF, emit)
		if n == 0 {
			break
		}
		pos += n
		c.noEnd = max(0, c.noEnd-n)
	}
	return pos
}

// Cut implements ingest.Ender.
func (c *ccmSplitter) Cut() bool { return c.cut }

// next emits the first record of text, or the plain lines before it, and returns how many bytes it took; 0 if the text does not tell yet.
func (c *ccmSplitter) next(text []byte, atEOF bool, emit func(ingest.Record)) int {
	// What more text would bring does not matter once the window is full: a record is no longer than the window.
	window, final := text, atEOF
	if len(text) >= ingest.MaxRecord {
		window, final = text[:ingest.MaxRecord], true
	}
	c.cut = false
	if !final && len(window) < len(ccmStart) {
		return 0
	}
	end, sure := c.findEnd(window, final)
	if !sure {
		return 0
	}
	limit := end
	if end < 0 {
		limit = len(window)
	}
	headed := bytes.HasPrefix(window, []byte(ccmStart))
	body := 0
	if headed {
		body = len(ccmStart)
		// A record that begins on a line of its own says that the one before has no end.
		if i := bytes.Index(window[body:limit], []byte("\n"+ccmStart)); i >= 0 {
			emit(fragment(window[:body+i+1], body))
			return body + i + 1
		}
	} else if i := bytes.Index(window[:limit], []byte(ccmStart)); i >= 0 {
		emitLines(window[:i], emit)
		return i
	}
	if end < 0 {
		last := window[bytes.LastIndexByte(window, '\n')+1:]
		c.cut = headed || len(last) > 0 && bytes.HasPrefix([]byte(ccmStart), last)
		return noCCM(window, headed, atEOF && len(window) == len(text), emit)
	}
	return c.record(window, body, end, final, emit)
}

// noCCM emits a window in which no record ends: the record that it begins with, or its lines.
func noCCM(window []byte, headed, last bool, emit func(ingest.Record)) int {
	if headed {
		n := len(window)
		if !last {
			n = runeCut(window)
		}
		emit(fragment(window[:n], len(ccmStart)))
		return n
	}
	n := len(window)
	if !last {
		if n = bytes.LastIndexByte(window, '\n') + 1; n == 0 {
			n = runeCut(window)
		}
	}
	emitLines(window[:n], emit)
	return n
}

// fragment makes a record of raw whose text begins at body and which has no trailer.
func fragment(raw []byte, body int) ingest.Record {
	t := trimEOL(raw[body:])
	return ingest.Record{Raw: raw, Text: t, Severity: textSeverity(t)}
}

// findEnd returns where the first end of a record stands in the window, -1 if there is none; sure is false if more text may change that.
func (c *ccmSplitter) findEnd(window []byte, final bool) (end int, sure bool) {
	at := min(c.noEnd, len(window))
	for {
		i := bytes.Index(window[at:], []byte(ccmEnd))
		if i < 0 {
			c.noEnd = max(at, len(window)-len(ccmEnd)+1)
			return -1, final
		}
		at += i
		rest := window[at+len(ccmEnd):]
		blank := 0
		for blank < len(rest) && isSpace(rest[blank]) {
			blank++
		}
		rest = rest[blank:]
		if bytes.HasPrefix(rest, []byte(ccmTrailer)) {
			c.noEnd = at
			return at, true
		}
		if !final && len(rest) < len(ccmTrailer) && bytes.HasPrefix([]byte(ccmTrailer), rest) {
			c.noEnd = at
			return -1, false
		}
		at += len(ccmEnd)
	}
}

// record emits the record of window whose text ends at end; 0 if its trailer is not complete.
func (c *ccmSplitter) record(window []byte, body, end int, final bool, emit func(ingest.Record)) int {
	r := ingest.Record{Text: window[body:end]}
	at := end + len(ccmEnd)
	for isSpace(window[at]) { // findEnd saw the trailer behind
		at++
	}
	at++
	line := window[at:min(len(window), at+maxTrailer)]
	if eol := bytes.IndexByte(line, '\n'); eol >= 0 {
		line = line[:eol]
	}
	var f ccmFields
	if n, ok := f.parse(line); ok {
		if at, ok = lineEnd(window, at+n, final); !ok {
			return 0
		}
	} else if eol := bytes.IndexByte(window[at:], '\n'); eol >= 0 { // a damaged trailer goes to the end of its line
		at += eol + 1
	} else if final {
		at, c.cut = len(window), true
	} else {
		return 0
	}
	r.Raw = window[:at]
	if len(f.component) > 0 {
		r.Component = f.component
	}
	r.Thread = unsigned(f.thread)
	r.Time = c.settle(f.timestamp())
	r.Severity = f.severity(r.Text)
	emit(r)
	return at
}

// lineEnd returns the index behind the blanks and the line end at text[at:], or at if something else stands there; false if more text decides.
func lineEnd(text []byte, at int, final bool) (int, bool) {
	for i := at; i < len(text); i++ {
		switch text[i] {
		case '\n':
			return i + 1, true
		case ' ', '\t', '\r':
		default:
			return at, true
		}
	}
	if final {
		return len(text), true
	}
	return at, false
}

// ccmFields are the attributes of a trailer; each is nil if it is absent.
type ccmFields struct {
	time, date, component, severityType, thread, file []byte
}

// parse reads the attributes behind "<" in one line and returns the length with the closing ">"; false if there is none or something else stands there.
func (f *ccmFields) parse(b []byte) (n int, ok bool) {
	for n < len(b) {
		switch b[n] {
		case '>':
			return n + 1, true
		case ' ', '\t', '\r':
			n++
			continue
		}
		name := n
		for n < len(b) && b[n] != '=' && b[n] != '>' {
			n++
		}
		if n+1 >= len(b) || b[n] != '=' || b[n+1] != '"' {
			return 0, false
		}
		key := b[name:n]
		n += 2
		q := bytes.IndexByte(b[n:], '"')
		if q < 0 {
			return 0, false
		}
		f.set(key, b[n:n+q])
		n += q + 1
	}
	return 0, false
}

func (f *ccmFields) set(key, value []byte) {
	switch string(key) {
	case "time":
		f.time = value
	case "date":
		f.date = value
	case "component":
		f.component = value
	case "type":
		f.severityType = value
	case "thread":
		f.thread = value
	case "file":
		f.file = value
	}
}

func (f *ccmFields) severity(text []byte) ingest.Severity {
	if len(f.severityType) == 1 {
		switch f.severityType[0] {
		case '0', '1':
			return ingest.SeverityInfo
		case '2':
			return ingest.SeverityWarning
		case '3':
			return ingest.SeverityError
		}
	}
	return textSeverity(text)
}

// settle gives a bias of a foreign writer the sign of the one that ConfigMgr's own components stated in the same log, if the two are
// of the same size and less than a day apart.
func (c *ccmSplitter) settle(t ingest.Time) ingest.Time {
	switch t.Basis {
	case ingest.BasisBias:
		c.stated, c.statedAt = t.Bias, t.Wall
	case ingest.BasisForeign:
		size := t.Claim
		if c.statedAt != 0 && (size == c.stated || size == -c.stated) && max(t.Wall-c.statedAt, c.statedAt-t.Wall) < microDay {
			return t.Stated(int(c.stated)).On(ingest.BasisSettled)
		}
	default:
	}
	return t
}

// timestamp returns the time of a record.
func (f *ccmFields) timestamp() ingest.Time {
	day, ok := monthDayYear(f.date, '-')
	if !ok {
		return ingest.Time{}
	}
	tod, at, ok := timeOfDay(f.time, 0, ':')
	if !ok {
		return ingest.Time{}
	}
	if at < len(f.time) && f.time[at] == '.' {
		micros, n := fraction(f.time, at+1)
		at += 1 + n
		if at == len(f.time) && n != 7 {
			// Anything beyond milliseconds that is not a fraction in units of 100 ns may be an offset without its sign.
			micros -= micros % 1000
		}
		tod += micros
	}
	t := wall(day + tod)
	stated := f.time[at:]
	double := len(stated) > 1 && stated[0] == '+' && stated[1] == '-'
	if double { // a plus and a number that is negative
		stated = stated[1:]
	}
	bias, ok := windowsBias(stated)
	switch {
	case !ok:
	case f.native() && !double:
		return t.Stated(bias).On(ingest.BasisBias)
	case bias != 0: // a constant +000 says nothing
		t.Claim, t.Basis = int16(bias), ingest.BasisForeign //nolint:gosec // windowsBias has bounded it
	}
	return t
}

// monthDayYear reads m-d-yyyy and returns the microseconds to the beginning of that day.
func monthDayYear(b []byte, sep byte) (int64, bool) {
	m, n := number(b, 0, 2)
	at := n
	if n == 0 || at >= len(b) || b[at] != sep {
		return 0, false
	}
	d, n := number(b, at+1, 2)
	at += 1 + n
	if n == 0 || at >= len(b) || b[at] != sep {
		return 0, false
	}
	y, n := number(b, at+1, 4)
	if n != 4 || at+5 != len(b) {
		return 0, false
	}
	return date(y, m, d)
}

// windowsBias reads a sign and the minutes of a bias, the whole of b. It refuses two signs and what is no zone of the earth.
func windowsBias(b []byte) (minutes int, ok bool) {
	if len(b) < 2 || b[0] != '+' && b[0] != '-' {
		return 0, false
	}
	minutes, n := number(b, 1, 4)
	if n == 0 || n+1 != len(b) {
		return 0, false
	}
	if b[0] == '-' {
		minutes = -minutes
	}
	return minutes, minutes >= minBias && minutes <= maxBias
}

// native tells whether a component of ConfigMgr wrote the record: its source is C or C++, or its name is one of theirs and its source is no script.
func (f *ccmFields) native() bool {
	switch sourceLanguage(f.file) {
	case "c", "cpp":
		return true
	case "ps1", "psm1", "psd1", "vbs", "wsf", "js", "cmd", "bat", "py":
		return false
	}
	if bytes.HasPrefix(f.component, []byte("SMS_")) || bytes.HasPrefix(f.component, []byte("MP_")) {
		return true
	}
	return configMgrComponents[string(f.component)]
}

// sourceLanguage returns the extension of "name.ext:line", "" if it is none that matters.
func sourceLanguage(file []byte) string {
	if i := bytes.LastIndexByte(file, ':'); i > 1 { // a colon at 1 is a drive's
		file = file[:i]
	}
	i := bytes.LastIndexByte(file, '.')
	if i < 0 {
		return ""
	}
	for _, ext := range [...]string{"cpp", "c", "ps1", "psm1", "psd1", "vbs", "wsf", "js", "cmd", "bat", "py"} {
		if len(file)-i-1 == len(ext) && hasFold(file[i+1:], ext) {
			return ext
		}
	}
	return ""
}
