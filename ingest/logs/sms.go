package logs

import (
	"bytes"

	"casebook/ingest"
)

// The log of Systems Management Server 1.x to 2003, and of ConfigMgr's site servers.
//
//	record    = text { "~" } "  $$<" component "><" time "><thread=" decimal [ " (0x" hexadecimal ")" ] ">"
//	time      = Www Mmm dd hh:mm:ss.fff yyyy [ zone name ]       SMS: a server names the zone, a client does not
//	          | mm-dd-yyyy hh:mm:ss.fff [ bias ]                 ConfigMgr; bias is Windows': minutes to add to get UTC
//	copy      = text blanks component blanks m/d/yy h:mm:ss [AM|PM] blanks decimal " (0x" hexadecimal ")"
//
// copy is what a viewer puts on the clipboard; its date is in the order of the analyst's locale. "~" stands for a line end in the
// text. A record may span lines: what stands before a trailer belongs to it. Thread numbers of Windows 95 need 32 bits without a sign.
//
// A status message states the true time: GMTDATE= within STATMSG: is UTC, so that the record's own reading gives the bias of the log's clock.
//
// Source: Microsoft KB Q248969, Q268500, Q234360, Q271181, Q246331, Q239828 (samples), Q262298 (copy), Q264976 (thread numbers).

const (
	smsMark   = "$$<"
	smsThread = "<thread="
)

// maxContinuation bounds the text before the line that ends or began a record, so that a file which is mostly something else is not
// one record.
const maxContinuation = 64 << 10

// calibrated is how long after a status message its offset holds for the records that follow. A clock may be put forward or back at any hour,
// so it is short.
const calibrated = microHour

var smsReader = ingest.Reader{
	Kind:  ingest.KindLogSMS,
	Sniff: sniffSMS,
	New:   func() ingest.Splitter { return new(smsSplitter) },
}

func sniffSMS(_ string, head []byte) int {
	var s smsSplitter
	_, first := firstLine(head)
	lines, copies, score := 0, 0, 0
	for at := first; at < len(head); {
		n := lineLen(head[at:], true)
		line := head[at : at+n]
		at += n
		if len(trimRight(line)) == 0 {
			continue
		}
		lines++
		t := s.trailer(line)
		switch {
		case t.end == 0:
		case !t.copied && lines == 1:
			return scoreFirst
		case !t.copied:
			score = scoreLater
		default:
			copies++
		}
	}
	if score == 0 && copies > 0 && 2*copies >= lines {
		score = scoreLater
	}
	return score
}

// smsSplitter remembers how far it has looked for the trailer of a record, and the log's clock.
type smsSplitter struct {
	searched int // whole lines of the text that was not taken which hold no trailer, in bytes
	zone     zoneCache

	offset   int   // bias that the last status message showed
	offsetAt int64 // the clock's reading then; 0 if there was none
	order    dateOrder

	written bool // a record had a trailer as its program writes it
	cut     bool // the text ends within a record
}

// Cut implements ingest.Ender. A trailer and a line end close each record that a program has written; a copy out of a viewer may be of any part.
func (s *smsSplitter) Cut() bool { return s.cut }

// smsTrailer is the end of a record, as indexes into the line.
type smsTrailer struct {
	text      int // end of the text
	end       int // end of the trailer; 0 if there is none
	component []byte
	thread    uint64
	time      ingest.Time
	copied    bool // by a viewer
}

func (s *smsSplitter) Split(text []byte, atEOF bool, emit func(ingest.Record)) int {
	pos := 0
	for pos < len(text) {
		at := pos + s.searched
		n := lineLen(text[at:], atEOF)
		if s.searched > 0 && (n > 0 && s.searched+n > maxContinuation || n == 0 && len(text)-pos > maxContinuation) {
			emitLines(text[pos:at], emit)
			pos, s.searched = at, 0
			continue
		}
		if n == 0 {
			break
		}
		line := text[at : at+n]
		t := s.trailer(line)
		if t.end == 0 {
			s.searched += n
			continue
		}
		s.written = s.written || !t.copied
		end := t.end
		if e, _ := lineEnd(line, t.end, true); e > end {
			end = e
		}
		s.emit(text[pos:at+end], at-pos+t.text, &t, emit)
		pos, s.searched = at+end, 0
	}
	if atEOF && pos < len(text) {
		s.cut = s.written && text[len(text)-1] != '\n'
		emitLines(text[pos:], emit)
		pos, s.searched = len(text), 0
	}
	return pos
}

// emit passes on the record raw whose text ends at textEnd.
func (s *smsSplitter) emit(raw []byte, textEnd int, t *smsTrailer, emit func(ingest.Record)) {
	msg := trimRight(raw[:textEnd])
	for len(msg) > 0 && msg[len(msg)-1] == '~' {
		msg = trimRight(msg[:len(msg)-1])
	}
	r := ingest.Record{Raw: raw, Text: msg, Component: t.component, Thread: t.thread, Time: t.time}
	if bytes.HasPrefix(msg, []byte("STATMSG:")) {
		s.calibrate(msg, &r)
	} else {
		r.Severity = textSeverity(msg)
	}
	if r.Time.Zone == ingest.ZoneUnknown && s.offsetAt != 0 && r.Time.Wall >= s.offsetAt && r.Time.Wall-s.offsetAt < calibrated {
		r.Time = r.Time.Stated(s.offset).On(ingest.BasisStatusMessage)
	}
	emit(r)
}

// calibrate reads the severity and the UTC time of a status message.
func (s *smsSplitter) calibrate(msg []byte, r *ingest.Record) {
	if i := bytes.Index(msg, []byte(" SEV=")); i >= 0 && i+5 < len(msg) {
		switch msg[i+5] {
		case 'E':
			r.Severity = ingest.SeverityError
		case 'W':
			r.Severity = ingest.SeverityWarning
		case 'I':
			r.Severity = ingest.SeverityInfo
		}
	}
	_, stated, ok := bytes.Cut(msg, []byte(" GMTDATE="))
	if !ok || r.Time.Zone != ingest.ZoneUnknown {
		return
	}
	utc, _, _, ok := cTime(stated)
	if !ok {
		return
	}
	// The message was made up to a minute before it was logged; offsets are multiples of a quarter of an hour.
	const quarter = 15 * microMinute
	diff := utc - r.Time.Wall
	bias := (diff + quarter/2) / quarter
	if diff+quarter/2 < 0 && (diff+quarter/2)%quarter != 0 {
		bias--
	}
	rest := diff - bias*quarter
	if rest < -microMinute || rest > microMinute || bias*15 < minBias || bias*15 > maxBias {
		return
	}
	s.offset, s.offsetAt = int(bias)*15, r.Time.Wall
	r.Time = r.Time.Stated(s.offset).On(ingest.BasisStatusMessage)
}

// trailer looks for the trailer of a record in a line.
func (s *smsSplitter) trailer(line []byte) smsTrailer {
	for at := 0; ; {
		i := bytes.Index(line[at:], []byte(smsMark))
		if i < 0 {
			break
		}
		at += i
		if t, ok := s.dollar(line, at); ok {
			return t
		}
		at++
	}
	if l := trimRight(line); len(l) > 0 && l[len(l)-1] == ')' {
		if t, ok := s.copy(l); ok {
			return t
		}
	}
	return smsTrailer{}
}

// dollar reads the trailer that begins with "$$<" at line[at:].
func (s *smsSplitter) dollar(line []byte, at int) (t smsTrailer, ok bool) {
	t.text = at
	at += len(smsMark)
	n := fieldEnd(line[at:])
	if n < 0 {
		return t, false
	}
	if c := trimRight(line[at : at+n]); len(c) > 0 {
		t.component = c
	}
	at += n + 1
	if at >= len(line) || line[at] != '<' {
		return t, false
	}
	at++
	n = fieldEnd(line[at:])
	if n < 0 {
		return t, false
	}
	stamp := line[at : at+n]
	at += n + 1
	if !bytes.HasPrefix(line[at:], []byte(smsThread)) {
		return t, false
	}
	at += len(smsThread)
	t.thread = unsigned(line[at:])
	n = fieldEnd(line[at:])
	if n < 0 {
		return t, false
	}
	t.end = at + n + 1
	t.time = s.timestamp(stamp)
	return t, true
}

// maxField is the longest field of a trailer that is believed; a component may be the path of a program.
const maxField = 512

// fieldEnd returns where ">" stands in b, -1 if it is not near.
func fieldEnd(b []byte) int { return bytes.IndexByte(b[:min(len(b), maxField)], '>') }

// timestamp reads the time of a trailer in either of its forms.
func (s *smsSplitter) timestamp(b []byte) ingest.Time {
	if micros, year, n, ok := cTime(b); ok {
		t := wall(micros)
		if name := trimRight(b[n:]); len(name) > 1 {
			if bias, ok := s.zone.lookup(name[1:], year); ok {
				return t.Stated(bias).On(ingest.BasisZoneName)
			}
		}
		return t
	}
	blank := bytes.IndexByte(b, ' ')
	if blank < 0 {
		return ingest.Time{}
	}
	day, ok := monthDayYear(b[:blank], '-')
	if !ok {
		return ingest.Time{}
	}
	tod, at, ok := timeOfDay(b, blank+1, ':')
	if !ok {
		return ingest.Time{}
	}
	if at < len(b) && b[at] == '.' {
		micros, n := fraction(b, at+1)
		tod += micros
		at += 1 + n
	}
	t := wall(day + tod)
	if bias, ok := windowsBias(trimRight(b[at:])); ok {
		return t.Stated(bias).On(ingest.BasisBias)
	}
	return t
}

// cTime reads "Www Mmm dd hh:mm:ss.fff yyyy" at the start of b and returns its microseconds, its year and its length.
func cTime(b []byte) (micros int64, year, n int, ok bool) {
	if len(b) < 20 || b[3] != ' ' || b[7] != ' ' {
		return 0, 0, 0, false
	}
	month := monthName(b, 4)
	i := 8
	for i < len(b) && b[i] == ' ' {
		i++
	}
	day, k := number(b, i, 2)
	if i += k; month == 0 || k == 0 || i >= len(b) || b[i] != ' ' {
		return 0, 0, 0, false
	}
	for i < len(b) && b[i] == ' ' {
		i++
	}
	tod, i, ok := timeOfDay(b, i, ':')
	if !ok {
		return 0, 0, 0, false
	}
	if i < len(b) && b[i] == '.' {
		f, k := fraction(b, i+1)
		tod += f
		i += 1 + k
	}
	if i >= len(b) || b[i] != ' ' {
		return 0, 0, 0, false
	}
	year, k = number(b, i+1, 4)
	if k != 4 {
		return 0, 0, 0, false
	}
	midnight, ok := date(year, month, day)
	return midnight + tod, year, i + 1 + k, ok
}

// copy reads the columns that a viewer copies, from the end of the line: thread, time, component.
func (s *smsSplitter) copy(line []byte) (t smsTrailer, ok bool) {
	t.end, t.copied = len(line), true
	i := bytes.LastIndexByte(line, '(')
	if i < 1 || !bytes.HasPrefix(line[i:], []byte("(0x")) {
		return t, false
	}
	rest := trimRight(line[:i])
	rest, field := lastField(rest)
	if len(field) == 0 || !isDigit(field[0]) {
		return t, false
	}
	t.thread = unsigned(field)
	var half, clock, day []byte
	if rest, field = lastField(rest); len(field) == 2 && field[1]|0x20 == 'm' {
		half = field
		rest, clock = lastField(rest)
	} else {
		clock = field
	}
	rest, day = lastField(rest)
	tod, end, ok := timeOfDay(clock, 0, ':')
	if !ok || end != len(clock) {
		return t, false
	}
	if half != nil {
		if tod, ok = twelveHours(tod, half[0]); !ok {
			return t, false
		}
	}
	d, ok := parseNumericDate(day, 0)
	if !ok || d.end != len(day) {
		return t, false
	}
	rest, t.component = lastField(rest)
	if len(t.component) == 0 || !isLetter(t.component[0]) {
		return t, false
	}
	t.text = len(trimRight(rest))
	s.order.observe(&d, half != nil)
	if midnight, ok := s.order.resolve(&d); ok {
		t.time = wall(midnight + tod)
	}
	return t, true
}

// lastField returns what stands before the last field of b, and that field. Fields are separated by blanks and tabs.
func lastField(b []byte) (rest, field []byte) {
	b = trimRight(b)
	i := len(b)
	for i > 0 && b[i-1] != ' ' && b[i-1] != '\t' {
		i--
	}
	return b[:i], b[i:]
}
