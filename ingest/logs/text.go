package logs

import "casebook/ingest"

// Any other text log: the reader that finds the time stamps itself.
//
// The head of the text tells the shape of its stamps (stampShape) and how far from the beginning of a line they may stand. A line with such a
// stamp begins a record; the lines without one that follow belong to it, up to a limit. A text without stamps is split into lines.
//
// What a stamp proves: an offset behind it (Z, +hh:mm, UTC) is stated. The order of day and month is told as dateOrder
// says, and by which of the two fields moves from one day to the next; while it is open, and where a stamp has no year, no time is claimed.
//
// Severity is that of a level field beside the stamp ("Info", "[ERROR]", "| W |"), else of the words of the text.
//
// Source: RFC 3164 for stamps without a year; the other shapes are those of the locales of Windows.

// maxStampColumn is how far from the beginning of a line a stamp may stand.
const maxStampColumn = 96

var textReader = ingest.Reader{
	Kind: ingest.KindLogText,
	Sniff: func(_ string, head []byte) int {
		if s := survey(head); s.shape != shapeNone {
			return scoreStamps
		}
		return 0
	},
	New: func() ingest.Splitter {
		s := new(style)
		return &blocks{learn: func(head []byte) { *s = survey(head) }, begin: s.find}
	},
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

// style is how a file writes its stamps.
type style struct {
	shape  stampShape
	column int // the farthest from the beginning of a line
	order  dateOrder
	last   int // column of the stamp in the line before: nearly always that of the next
}

// survey finds the style of a text by its head; shape is shapeNone if its lines carry no stamps.
func survey(head []byte) (s style) {
	var count, first, column [shapeCount]int // stamps, those at the beginning of a line, the farthest from it
	var votes [2]int                         // for the day standing first, second
	var last numericDate
	lines := 0
	for at := 0; at < len(head); {
		n := lineLen(head[at:], true)
		line := trimEOL(head[at : at+n])
		cut := at+n == len(head) && len(head) == headSize
		at += n
		if len(trimRight(line)) == 0 || cut {
			continue
		}
		lines++
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
	if best == shapeNone || n*10 < lines && (n < 8 || n*100 < lines) {
		return style{}
	}
	s.shape, s.column = best, column[best]
	if 2*first[best] >= n { // where stamps begin the lines, one further on is part of a message
		s.column = 0
	}
	s.order.elect(votes)
	return s
}

// elect takes the order that dates which follow each other voted for.
func (o *dateOrder) elect(votes [2]int) {
	switch {
	case votes[0] > 1 && votes[1] == 0:
		o.hinted = orderDayFirst
	case votes[1] > 1 && votes[0] == 0:
		o.hinted = orderMonthFirst
	}
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
		if f.offset {
			st.time = st.time.Stated(f.bias)
		}
	} else if f.shape == shapeYearly {
		st.time.Basis = ingest.BasisNoYear
	} else if f.shape == shapeNumeric {
		st.time.Basis = ingest.BasisOpenDate
	}
	st.severity = level(line[:at], 2)
	if st.severity == ingest.SeverityNone {
		st.severity = level(line[f.end:min(len(line), f.end+48)], 3)
	}
	if !isStampLead(line[:at]) {
		st.text = 0 // what stands before the stamp is part of the message
		return st
	}
	for st.text < len(line) && isStampTail(line[st.text]) {
		st.text++
	}
	return st
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
