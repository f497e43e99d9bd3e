package logs

import (
	"bytes"
	"unicode/utf8"

	"casebook/ingest"
)

// The log of Windows Installer (msiexec /l, the Logging policy, MsiEnableLog), verbose or not, and SEP_Inst.log, which is one with
// lines of Symantec's script builder in it.
//
//	header = "=== " words ": " date "  " h:mm:ss ... " ==="        a session begins or ends; the date is in the order of the user's locale
//	engine = "MSI (" side ") (" hh sep hh ") [" hh:mm:ss:mmm "]: " text     sep is ":" or, on the way back from a custom action, "!"
//	action = words h:mm:ss ": " name "." [ words number "." ]     localised
//	script = "ScriptGen: " text [ hh:mm:ss.mmm ]
//	other  = a property, a message, the continuation of either
//
// side is s (server), c (client) or the process of a custom action. The two bytes in hexadecimal are the low ones of process and thread
// number; Thread holds both, the process in the second byte. Each line is a record: a line's text may hold line ends, but nothing
// tells such a continuation from a line of its own.
//
// Only header lines have a date. The others that carry a time of day get the date of the session's running clock (runningClock). Where no
// header was seen, a time of day is no time.
//
// The order of day and month in a header is told by its fields (see dates.go), by other headers and by the properties Date and
// UserLanguageID in the first 256 KiB. If all this leaves it open, it is taken from how Windows' locales write short dates with a slash: the ones that put the
// month first do not pad (3/8/2012, United States), nearly all others do (08/03/2012). A date like 10/11/2012 is then no date, and
// neither is any time of its session.
//
// Source: "Windows Installer Logging" and "Event logging" (Microsoft Learn, MSI), logs of Windows XP to 11.

// msiLookahead is how much text is awaited before the order of an ambiguous date is settled.
const msiLookahead = 256 << 10

var msiReader = ingest.Reader{
	Kind:  ingest.KindLogMSI,
	Sniff: sniffMSI,
	New:   func() ingest.Splitter { return new(msiSplitter) },
}

var sepReader = ingest.Reader{
	Kind:  ingest.KindLogSEP,
	Sniff: sniffSEP,
	New:   func() ingest.Splitter { return new(msiSplitter) },
}

func sniffMSI(_ string, head []byte) int {
	first, _ := firstLine(head)
	if _, _, ok := msiHeader(first); ok {
		return scoreFirst
	}
	if _, _, ok := msiEngine(first); ok {
		return scoreFirst
	}
	if mostlyInstaller(head) {
		return scoreLater
	}
	if bytes.Contains(head, []byte("\nProperty(S): ")) || bytes.Contains(head, []byte("\nProperty(C): ")) {
		return scoreFragment
	}
	return 0
}

// mostlyInstaller reports whether a text that begins otherwise is an Installer log all the same: a part of one, or one behind the output
// of a program. Three lines of the engine, or as many lines of Installer's as others, tell it from a note that quotes a line.
func mostlyInstaller(head []byte) bool {
	engine, ours, others := 0, 0, 0
	for at := 0; at < len(head) && engine < 3; {
		n := lineLen(head[at:], true)
		line := trimEOL(head[at : at+n])
		at += n
		_, _, isEngine := msiEngine(line)
		_, _, isHeader := msiHeader(line)
		_, _, isAction := msiAction(line)
		switch {
		case isEngine, isHeader:
			engine, ours = engine+1, ours+1
		case isAction, bytes.HasPrefix(line, []byte("Property(")), bytes.HasPrefix(line, []byte("ScriptGen: ")):
			ours++
		case len(line) > 0:
			others++
		}
	}
	return engine >= 3 || engine > 0 && ours >= others
}

// sniffSEP takes the name for an answer too: the script builder's lines may come late.
func sniffSEP(name string, head []byte) int {
	scripted := bytes.HasPrefix(head, []byte("ScriptGen: ")) || bytes.Contains(head, []byte("\nScriptGen: "))
	installer := sniffMSI(name, head)
	switch {
	case scripted, installer > 0 && bytes.HasPrefix([]byte(name), []byte("sep_inst")):
		return scoreCertain
	}
	return 0
}

type msiSplitter struct {
	order dateOrder
	ready bool // the head was searched for what tells the order
	clock runningClock
}

func (m *msiSplitter) Split(text []byte, atEOF bool, emit func(ingest.Record)) int {
	if !m.ready {
		if !atEOF && len(text) < msiLookahead {
			return 0
		}
		m.ready = true
		m.learn(text[:min(len(text), msiLookahead)])
	}
	pos := 0
	for pos < len(text) {
		n := lineLen(text[pos:], atEOF)
		if n == 0 {
			break
		}
		emit(m.record(text[pos : pos+n]))
		pos += n
	}
	return pos
}

// learn finds what tells the order of the dates.
func (m *msiSplitter) learn(head []byte) {
	for at := 0; at < len(head); {
		n := lineLen(head[at:], true)
		line := trimEOL(head[at : at+n])
		at += n
		if len(line) < 4 {
			continue
		}
		switch {
		case line[0] == '=':
			if d, _, ok := msiHeader(line); ok {
				m.order.observe(&d, false)
			}
		case line[0] == 'P' && bytes.HasPrefix(line, []byte("Property(")):
			_, value, _ := bytes.Cut(line, []byte("): "))
			if id, ok := bytes.CutPrefix(value, []byte("UserLanguageID = ")); ok {
				m.order.hinted = localeOrder(unsigned(id))
			} else if day, ok := bytes.CutPrefix(value, []byte("Date = ")); ok {
				if d, ok := parseNumericDate(day, 0); ok {
					m.order.observe(&d, false)
				}
			}
		}
	}
}

// localeOrder returns the order of the dates of a Windows locale identifier. Of those whose dates end with the year, these put the month first.
func localeOrder(lcid uint64) order {
	switch lcid {
	case 0:
		return orderOpen
	case 1033, 21514: // English and Spanish (United States)
		return orderMonthFirst
	case 1089, 1124, 1148, 1159, 6154, 9225, 12297, 13321, 20490: // these changed with the version of Windows
		return orderOpen
	}
	return orderDayFirst
}

func (m *msiSplitter) record(raw []byte) ingest.Record {
	line := trimEOL(raw)
	r := ingest.Record{Raw: raw, Text: line}
	if len(line) < 8 {
		return r
	}
	switch line[0] {
	case 'M':
		if e, text, ok := msiEngine(line); ok {
			r.Text, r.Thread = line[text:], e.thread
			if e.timed {
				r.Time = m.clock.at(e.tod)
			}
			r.Severity = engineSeverity(r.Text)
			return r
		}
	case '=':
		if d, tod, ok := msiHeader(line); ok {
			r.Time = m.start(&d, tod)
			r.Severity = ingest.SeverityInfo
			return r
		}
	case 'P':
		if bytes.HasPrefix(line, []byte("Property(")) {
			r.Severity = ingest.SeverityInfo
			return r
		}
	case 'S':
		if bytes.HasPrefix(line, []byte("ScriptGen: ")) {
			if i := len(line) - len(" hh:mm:ss.mmm"); i > 0 && line[i] == ' ' && line[i+9] == '.' {
				if tod, at, ok := timeOfDay(line, i+1, ':'); ok {
					f, _ := fraction(line, at+1)
					r.Time = m.clock.at(tod + f)
				}
			}
			r.Severity = textSeverity(line)
			return r
		}
	}
	if tod, name, ok := msiAction(line); ok {
		r.Time = m.clock.at(tod)
		r.Severity = actionSeverity(line[name:])
		return r
	}
	r.Severity = messageSeverity(line)
	return r
}

// start sets the clock by a header.
func (m *msiSplitter) start(d *numericDate, tod int64) ingest.Time {
	m.order.observe(d, false)
	midnight, ok := m.order.resolve(d)
	if !ok && !m.order.clashed {
		switch {
		case d.bare[0] || d.bare[1]:
			midnight, ok = d.in(orderMonthFirst)
		case d.padded[0] || d.padded[1]:
			midnight, ok = d.in(orderDayFirst)
		}
	}
	if !ok {
		m.clock.stop()
		return ingest.Time{}
	}
	return m.clock.set(midnight + tod)
}

// msiHeader reads the date and the time of a line that begins or ends a session. The words may be in any language.
func msiHeader(line []byte) (d numericDate, tod int64, ok bool) {
	if !bytes.HasPrefix(line, []byte("=== ")) || !bytes.HasSuffix(trimRight(line), []byte("===")) {
		return d, 0, false
	}
	for i := 4; i < len(line) && i < 128; i++ {
		if !isDigit(line[i]) || isDigit(line[i-1]) {
			continue
		}
		d, ok = parseNumericDate(line, i)
		if !ok {
			continue
		}
		at := d.end
		for at < len(line) && (line[at] == ' ' || line[at] == '.') { // "2012. 03. 08." ends with a point
			at++
		}
		if tod, _, ok = timeOfDay(line, at, ':'); ok {
			return d, tod, true
		}
	}
	return d, 0, false
}

type engineMark struct {
	tod    int64
	timed  bool
	thread uint64
}

// msiEngine reads the beginning of an engine line and returns where its text begins.
func msiEngine(line []byte) (e engineMark, text int, ok bool) {
	const shape = "MSI (s) (00:00)"
	if len(line) < len(shape)+2 || !bytes.HasPrefix(line, []byte("MSI (")) || line[6] != ')' || line[7] != ' ' || line[8] != '(' || line[14] != ')' {
		return e, 0, false
	}
	if line[11] != ':' && line[11] != '!' {
		return e, 0, false
	}
	for _, i := range [...]int{9, 10, 12, 13} {
		v, ok := hexDigit(line[i])
		if !ok {
			return e, 0, false
		}
		e.thread = e.thread<<4 | uint64(v)
	}
	at := len(shape)
	if bytes.HasPrefix(line[at:], []byte(" [")) {
		tod, end, ok := timeOfDay(line, at+2, ':')
		if !ok || end >= len(line) || line[end] != ':' {
			return e, 0, false
		}
		f, n := fraction(line, end+1)
		at = end + 1 + n
		if at >= len(line) || line[at] != ']' {
			return e, 0, false
		}
		e.tod, e.timed = tod+f, true
		at++
	}
	if at >= len(line) || line[at] != ':' {
		return e, 0, false
	}
	at++
	if at < len(line) && line[at] == ' ' {
		at++
	}
	return e, at, true
}

func hexDigit(c byte) (v byte, ok bool) {
	switch {
	case isDigit(c):
		return c - '0', true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}

// msiAction finds the time of an action line: a time of day between words and a colon. It returns where the action's name begins.
func msiAction(line []byte) (tod int64, name int, ok bool) {
	limit := min(len(line), 80)
	for i := 1; i < limit; i++ {
		c := line[i]
		if isDigit(c) {
			if line[i-1] != ' ' {
				return 0, 0, false
			}
			tod, end, ok := timeOfDay(line, i, ':')
			if !ok {
				tod, end, ok = timeOfDay(line, i, '.')
			}
			if !ok || end+1 >= len(line) || line[end] != ':' || line[end+1] != ' ' {
				return 0, 0, false
			}
			return tod, end + 2, true
		}
		// Words only before the time: most other lines drop out here early.
		if c != ' ' && !isLetter(c) {
			return 0, 0, false
		}
	}
	return 0, 0, false
}

// actionSeverity reads the return value at the end of "name. words number.": 3 is a failure that stops the installation. The point may be
// that of another script. Longer words are the description of an action that starts.
func actionSeverity(line []byte) ingest.Severity {
	const longest = 48 // of the words, in bytes
	n := len(line)
	for n > 0 && (line[n-1] == '.' || line[n-1] >= utf8.RuneSelf || isSpace(line[n-1])) {
		n--
	}
	if n < 2 || n == len(line) || line[n-1] != '3' || isDigit(line[n-2]) || line[n-2] < utf8.RuneSelf && line[n-2] != ' ' {
		return ingest.SeverityInfo
	}
	for i := n - 2; i > 0 && n-i < longest; i-- {
		if line[i] == '.' || line[i] >= utf8.RuneSelf && line[i-1] < utf8.RuneSelf { // the end of the name
			return ingest.SeverityError
		}
	}
	return ingest.SeverityInfo
}

// engineSeverity judges the text of an engine line, which is English on every system. "Note:" lines name table errors that are part of
// normal work, so that the word error there says nothing.
func engineSeverity(text []byte) ingest.Severity {
	if len(text) == 0 {
		return ingest.SeverityInfo
	}
	switch text[0] {
	case 'M':
		if rest, ok := bytes.CutPrefix(text, []byte("MainEngineThread is returning ")); ok {
			switch unsigned(rest) {
			case 0, 1641, 3010: // success; the restart was begun, or is still to be done
				return ingest.SeverityInfo
			}
			return ingest.SeverityError
		}
	case 'C':
		if bytes.HasPrefix(text, []byte("CustomAction ")) && bytes.Contains(text, []byte(" returned actual error code ")) {
			return ingest.SeverityError
		}
	case 'P', 'W': // "Product: name -- Error 1920. ..."
		if s := textSeverity(text); s != ingest.SeverityNone && (text[0] == 'W' || bytes.HasPrefix(text, []byte("Product: "))) {
			return s
		}
	}
	return ingest.SeverityInfo
}

// messageSeverity judges a message line by "word number. text". The word is localised, so that the number speaks where the word is not known:
// 1101 to 1999 are what the engine shows to users, and of those the ones below are not errors.
// Source: "Windows Installer Error Messages" (Microsoft Learn).
func messageSeverity(line []byte) ingest.Severity {
	i := 0
	for i < len(line) && i < 40 && isLetter(line[i]) {
		i++
	}
	if i == 0 || i+6 > len(line) || line[i] != ' ' {
		return ingest.SeverityNone
	}
	code, n := number(line, i+1, 5)
	if n < 4 || i+1+n >= len(line) || line[i+1+n] != '.' {
		return ingest.SeverityNone
	}
	switch {
	case hasFold(line, "info"):
		return ingest.SeverityInfo
	case hasFold(line, "warn"):
		return ingest.SeverityWarning
	case hasFold(line, "err"):
		return ingest.SeverityError
	}
	switch {
	case code >= 1601 && code <= 1609, code >= 1701 && code <= 1729, code == 1902, code == 1903:
		return ingest.SeverityInfo
	case code == 1909, code == 1910, code == 1946:
		return ingest.SeverityWarning
	case code >= 1101 && code <= 1999:
		return ingest.SeverityError
	}
	return ingest.SeverityNone
}
