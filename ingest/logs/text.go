package logs

import (
	"bytes"

	"casebook/ingest"
)

// Any other text log: the reader that finds the time stamps itself.
//
// The head of the text tells the shape of its stamps (stampShape) and how far from the beginning of a line they may stand. A line with such a
// stamp begins a record; the lines without one that follow belong to it, up to a limit. A text without stamps is split into lines.
//
// What a stamp proves: an offset behind it (Z, +hh:mm, UTC) is stated. The times of W3C extended logs (a "#Fields:" directive) are UTC by
// their specification, unless "#Time Format: Local" says otherwise (Windows' firewall). The order of day and month is told as dateOrder
// says, and by which of the two fields moves from one day to the next; while it is open, and where a stamp has no year, no time is claimed.
//
// Events as "wevtutil qe /f:text" prints them begin with "Event[number]:"; their stamp stands on a later line, after "Date: ", and their level after
// "Level: ". There such a first line begins a record, and the stamp gives it its time.
//
// Component is known of the servicing logs (", Info  CBS  text"), of WindowsUpdate.log (tab, process, tab, thread, tab, component, tab) and of
// ZENworks ("[level] [stamp] [user] [component] ...").
//
// Severity is that of a level field beside the stamp ("Info", "[ERROR]", "| W |"), else of the words of the text.
//
// Sources: CBS.log, dism.log, setupact.log and WindowsUpdate.log (KB 902093); W3C "Extended Log File Format", WD-logfile;
// ZENworks message logs ("Viewing the message log", Novell); RFC 3164 for stamps without a year.

// headSize is how much text is awaited to find the shape of the stamps: what Sniff sees too.
const headSize = 64 << 10

// The limits of a record; lines beyond them begin one without a time.
const (
	maxRecordLines = 200
	maxStampColumn = 96
)

var textReader = ingest.Reader{
	Kind: ingest.KindLogText,
	Sniff: func(_ string, head []byte) int {
		if s := survey(head); s.shape != shapeNone {
			return scoreStamps
		}
		return 0
	},
	New: func() ingest.Splitter { return new(textSplitter) },
}

var plainReader = ingest.Reader{
	Kind:  ingest.KindText,
	Sniff: func(string, []byte) int { return scoreAny },
	New:   func() ingest.Splitter { return plainSplitter{} },
}

// plainSplitter makes a record of each line.
type plainSplitter struct{}

func (plainSplitter) Split(text []byte, atEOF bool, emit func(ingest.Record)) int {
	pos := 0
	for pos < len(text) {
		n := lineLen(text[pos:], atEOF)
		if n == 0 {
			break
		}
		emit(plainRecord(text[pos : pos+n]))
		pos += n
	}
	return pos
}

// textSplitter keeps the record that is being read: its lines are complete, its end is not known.
type textSplitter struct {
	ready bool
	style style

	taken int   // length of the lines of the open record
	lines int   // how many they are
	open  bool  // the record began with a stamp, or as an event
	stamp stamp // that stamp, or the event's
}

func (s *textSplitter) Split(text []byte, atEOF bool, emit func(ingest.Record)) int {
	if !s.ready {
		if !atEOF && len(text) < headSize {
			return 0
		}
		s.ready = true
		s.style = survey(text[:min(len(text), headSize)])
	}
	pos := 0
	for {
		at := pos + s.taken
		if at >= len(text) {
			break
		}
		n := lineLen(text[at:], atEOF)
		if n == 0 {
			if s.taken > 0 && len(text)-pos > maxContinuation { // whatever the line is, it does not fit
				s.flush(text[pos:at], emit)
				pos = at
			}
			break
		}
		line := text[at : at+n]
		st, stamped := s.style.find(line)
		begins := stamped
		if s.style.events {
			begins = isEvent(line)
		}
		directive := s.style.directives && line[0] == '#'
		if s.taken > 0 && (begins || directive || s.lines == maxRecordLines || s.taken+n > maxContinuation) {
			s.flush(text[pos:at], emit)
			pos = at
		}
		if s.taken == 0 {
			s.open, s.stamp = begins, st
		}
		if s.style.events && s.open {
			s.event(line, &st)
		}
		s.taken += n
		s.lines++
	}
	if atEOF && s.taken > 0 {
		n := s.taken
		s.flush(text[pos:pos+n], emit)
		pos += n
	}
	return pos
}

// event takes the time or the level from a line of the open event.
func (s *textSplitter) event(line []byte, st *stamp) {
	s.stamp.text, s.stamp.component = 0, span{}
	if s.stamp.time.Zone == ingest.ZoneNone {
		s.stamp.time = st.time
	}
	if value, ok := bytes.CutPrefix(line, []byte("  Level: ")); ok && s.stamp.severity == ingest.SeverityNone {
		s.stamp.severity = levelName(trimRight(value))
	}
}

// isEvent tells whether a line begins an event.
func isEvent(line []byte) bool {
	number, ok := bytes.CutPrefix(line, []byte("Event["))
	return ok && len(number) > 2 && isDigit(number[0]) && bytes.Contains(number, []byte("]:"))
}

// flush emits the open record. Lines before the first stamp have nothing that joins them, so each is a record.
func (s *textSplitter) flush(raw []byte, emit func(ingest.Record)) {
	s.taken, s.lines = 0, 0
	if !s.open {
		emitLines(raw, emit)
		return
	}
	text := trimRight(raw)
	text = text[min(len(text), s.stamp.text):]
	r := ingest.Record{Raw: raw, Text: text, Component: s.stamp.component.in(raw), Time: s.stamp.time, Severity: s.stamp.severity}
	if r.Severity == ingest.SeverityNone && !s.style.directives { // the words of a URL are no verdict
		r.Severity = textSeverity(text)
	}
	emit(r)
}

// style is how a file writes its stamps.
type style struct {
	shape      stampShape
	column     int  // the farthest from the beginning of a line
	directives bool // a W3C log: lines that begin with # stand alone
	events     bool // an event log as text
	utc        bool // a stamp without an offset is UTC
	order      dateOrder
	last       int // column of the stamp in the line before: nearly always that of the next
}

// stamp is the time stamp of a line and what stands beside it.
type stamp struct {
	time      ingest.Time
	text      int // where the message begins
	component span
	severity  ingest.Severity
}

// span is a part of a line; empty if there is none.
type span struct{ from, to int }

// in returns the span of a line, nil if it is empty.
func (s span) in(line []byte) []byte {
	if s.from == s.to {
		return nil
	}
	return line[s.from:s.to]
}

// survey finds the style of a text by its head; shape is shapeNone if its lines carry no stamps.
func survey(head []byte) (s style) {
	var count, first, column [shapeCount]int // stamps, those at the beginning of a line, the farthest from it
	var votes [2]int                         // for the day standing first, second
	var last numericDate
	lines, local := 0, false
	for at := 0; at < len(head); {
		n := lineLen(head[at:], true)
		line := trimEOL(head[at : at+n])
		cut := at+n == len(head) && len(head) == headSize
		at += n
		if len(trimRight(line)) == 0 || cut {
			continue
		}
		lines++
		if line[0] == '#' {
			s.directives = s.directives || bytes.HasPrefix(line, []byte("#Fields: "))
			local = local || bytes.HasPrefix(line, []byte("#Time Format: Local"))
			continue
		}
		s.events = s.events || isEvent(line)
		for i := range min(len(line), maxStampColumn) {
			if !stampStart(line, i) {
				continue
			}
			f, ok := parseStamp(line, i)
			if !ok {
				continue
			}
			count[f.shape]++
			if i == 0 {
				first[f.shape]++
			}
			column[f.shape] = max(column[f.shape], i)
			if f.shape == shapeNumeric {
				s.order.observe(&f.date, f.latin)
				vote(&votes, &last, &f)
			}
			break
		}
	}
	best := shapeNone
	for k := shapeNone + 1; k < shapeCount; k++ {
		if count[k] > count[best] {
			best = k
		}
	}
	n := count[best]
	if best == shapeNone || !s.events && n*10 < lines && (n < 8 || n*100 < lines) {
		return style{}
	}
	s.shape, s.column = best, column[best]
	if 2*first[best] >= n { // where stamps begin the lines, one further on is part of a message
		s.column = 0
	}
	s.utc = s.directives && !local
	switch {
	case votes[0] > 1 && votes[1] == 0:
		s.order.hinted = orderDayFirst
	case votes[1] > 1 && votes[0] == 0:
		s.order.hinted = orderMonthFirst
	}
	return s
}

// vote compares a date with the one before: the field that moved by one while the other stood still is the day.
func vote(votes *[2]int, last *numericDate, f *foundStamp) {
	if last.year == f.date.year {
		switch {
		case f.date.a == last.a+1 && f.date.b == last.b:
			votes[0]++
		case f.date.b == last.b+1 && f.date.a == last.a:
			votes[1]++
		}
	}
	*last = f.date
}

// find returns the stamp of a line.
func (s *style) find(line []byte) (st stamp, ok bool) {
	if s.shape == shapeNone {
		return st, false
	}
	if s.last < len(line) && stampStart(line, s.last) {
		if f, ok := parseStamp(line, s.last); ok && f.shape == s.shape {
			return s.take(line, s.last, &f), true
		}
	}
	limit := min(s.column+1, len(line))
	for i := range limit {
		if !stampStart(line, i) {
			continue
		}
		if f, ok := parseStamp(line, i); ok && f.shape == s.shape {
			s.last = i
			return s.take(line, i, &f), true
		}
	}
	return st, false
}

// take makes the stamp that stands at line[at:].
func (s *style) take(line []byte, at int, f *foundStamp) stamp {
	st := stamp{text: f.end}
	midnight, dated := f.midnight, f.dated
	if f.shape == shapeNumeric {
		s.order.observe(&f.date, f.latin)
		midnight, dated = s.order.resolve(&f.date)
	}
	if dated {
		st.time = wall(midnight + f.tod)
		switch {
		case f.offset:
			st.time = st.time.Stated(f.bias)
		case s.utc:
			st.time = st.time.Stated(0)
		}
	}
	st.severity = level(line[:at], 2)
	if st.severity == ingest.SeverityNone {
		st.severity = level(line[f.end:min(len(line), f.end+48)], 3)
	}
	st.component = component(line, f.end)
	if !isStampLead(line[:at]) {
		st.text = 0 // what stands before the stamp is part of the message
		return st
	}
	for st.text < len(line) && isStampTail(line[st.text]) {
		st.text++
	}
	return st
}

// component finds the component behind a stamp that ends at line[end:], in the layouts that have one.
func component(line []byte, end int) (c span) {
	rest := trimEOL(line[end:])
	if len(rest) < 8 {
		return c
	}
	i := 1
	switch {
	case rest[0] == ',' && rest[1] == ' ':
		for i = 2; i < len(rest) && isLetter(rest[i]); i++ { // the level
		}
		from := i
		for i < len(rest) && rest[i] == ' ' {
			i++
		}
		if i-from < 2 {
			return c
		}
		c.from = i
		for i < len(rest) && i-c.from < 16 && (isLetter(rest[i]) || isDigit(rest[i])) {
			i++
		}
		if c.to = i; i == len(rest) || rest[i] != ' ' {
			return span{}
		}
	case rest[0] == '\t':
		for range 2 { // process and thread
			n := bytes.IndexByte(rest[i:min(len(rest), i+12)], '\t')
			if n < 1 {
				return c
			}
			for _, d := range rest[i : i+n] {
				if _, ok := hexDigit(d); !ok && d != ' ' {
					return c
				}
			}
			i += n + 1
		}
		n := bytes.IndexByte(rest[i:min(len(rest), i+32)], '\t')
		if n < 1 {
			return c
		}
		c = span{i, i + n}
	case rest[0] == ']' && line[0] == '[' && bytes.HasPrefix(rest, []byte("] [")):
		n := bytes.Index(rest[3:min(len(rest), 80)], []byte("] ["))
		if n < 0 {
			return c
		}
		i = 3 + n + 3
		if n = bytes.IndexByte(rest[i:min(len(rest), i+48)], ']'); n < 1 {
			return c
		}
		c = span{i, i + n}
	default:
		return c
	}
	return span{end + c.from, end + c.to}
}

// isStampLead tells whether what stands before a stamp says nothing by itself: brackets, a level, a day of the week, a priority like "<1>".
func isStampLead(b []byte) bool {
	words := 0
	for i := 0; i < len(b); {
		switch {
		case isLetter(b[i]):
			start := i
			for i < len(b) && isLetter(b[i]) {
				i++
			}
			if words++; words > 1 || i-start != 3 && levelName(b[start:i]) == ingest.SeverityNone {
				return false
			}
		case isDigit(b[i]):
			if i != 1 || b[0] != '<' || b[len(b)-1] != '>' {
				return false
			}
			for i < len(b) && isDigit(b[i]) {
				i++
			}
		default:
			i++
		}
	}
	return true
}

func isStampTail(c byte) bool {
	switch c {
	case ' ', '\t', ']', ')', ',', ';', '|', '~':
		return true
	}
	return false
}

// level returns the severity of the first level name among the first words of b.
func level(b []byte, words int) ingest.Severity {
	for i, first := 0, true; i < len(b) && words > 0; first = false {
		for i < len(b) && !isLetter(b[i]) {
			i++
		}
		start := i
		for i < len(b) && isLetter(b[i]) {
			i++
		}
		if start == i {
			break
		}
		words--
		if s := levelName(b[start:i]); s == ingest.SeverityInfo && inSentence(b, start, i, first) {
			continue
		} else if s != ingest.SeverityNone {
			return s
		}
		if i-start == 1 && start >= 2 && i+1 < len(b) && b[start-2] == '|' && b[i+1] == '|' {
			switch b[start] {
			case 'E', 'F', 'C':
				return ingest.SeverityError
			case 'W':
				return ingest.SeverityWarning
			case 'I', 'D', 'V', 'T', 'N':
				return ingest.SeverityInfo
			}
		}
	}
	return ingest.SeverityNone
}

// inSentence tells whether the word b[from:to] belongs to a sentence rather than to a field: a small letter follows ("Information about ..."), or it
// is itself small and not the first ("Failed getting info").
func inSentence(b []byte, from, to int, first bool) bool {
	switch {
	case b[to-1] < 'a' || b[to-1] > 'z':
		return false
	case first:
		return to+1 < len(b) && b[to] == ' ' && b[to+1] >= 'a' && b[to+1] <= 'z'
	}
	return b[from] >= 'a' && b[from-1] == ' '
}

// levelName returns the severity that a level is called by, in any case.
func levelName(word []byte) ingest.Severity {
	if len(word) < 3 || len(word) > 13 {
		return ingest.SeverityNone
	}
	for i := range levelNames {
		if l := &levelNames[i]; l.name[0] == word[0]|0x20 && len(l.name) == len(word) && hasFold(word, l.name) {
			return l.severity
		}
	}
	return ingest.SeverityNone
}

var levelNames = [...]struct {
	name     string
	severity ingest.Severity
}{
	{"info", ingest.SeverityInfo},
	{"information", ingest.SeverityInfo},
	{"informational", ingest.SeverityInfo},
	{"notice", ingest.SeverityInfo},
	{"debug", ingest.SeverityInfo},
	{"trace", ingest.SeverityInfo},
	{"verbose", ingest.SeverityInfo},
	{"warning", ingest.SeverityWarning},
	{"warn", ingest.SeverityWarning},
	{"error", ingest.SeverityError},
	{"err", ingest.SeverityError},
	{"fatal", ingest.SeverityError},
	{"critical", ingest.SeverityError},
	{"severe", ingest.SeverityError},
}
