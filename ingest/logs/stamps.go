package logs

import (
	"bytes"
	"unicode/utf8"
)

// stampShape is how a time stamp is written.
type stampShape uint8

const (
	shapeNone    stampShape = iota
	shapeISO                // yyyy-mm-dd hh:mm:ss, also with / or . and with T, tab or comma between date and time
	shapeNumeric            // d/m/yyyy or m/d/yyyy, also with - or . and with two digits of the year
	shapeNamed              // Mmm dd [yyyy] hh:mm:ss [yyyy], dd-Mmm-yyyy, yyyy-Mmm-dd, dd/Mmm/yyyy:hh:mm:ss
	shapeYearly             // mm/dd hh:mm:ss or Mmm dd hh:mm:ss: without a year, no date
	shapeCount
)

// foundStamp is a time stamp as it stands in a line.
type foundStamp struct {
	shape    stampShape
	midnight int64       // beginning of the day, unless shape is shapeNumeric
	dated    bool        // midnight is known
	date     numericDate // if shape is shapeNumeric
	tod      int64
	latin    bool // AM or PM stands behind
	offset   bool // an offset stands behind
	bias     int
	end      int // index behind it
}

// stampStart tells whether a stamp may begin at line[i]: a digit or the capital of a month's name, not within a word or number.
func stampStart(line []byte, i int) bool {
	c := line[i]
	if !isDigit(c) && (c < 'A' || c > 'S') {
		return false
	}
	return i == 0 || !isDigit(line[i-1]) && (line[i-1]|0x20)-'a' > 'z'-'a'
}

// parseStamp reads the stamp that begins at line[i], which stampStart has looked at.
func parseStamp(line []byte, i int) (f foundStamp, ok bool) {
	if !isDigit(line[i]) {
		return namedStamp(line, i)
	}
	if d, ok := parseNumericDate(line, i); ok {
		f.shape, f.date = shapeNumeric, d
		if d.yearFirst {
			f.shape = shapeISO
			f.midnight, f.dated = d.in(orderMonthFirst)
		}
		return f, f.clock(line, d.end)
	}
	a, n := number(line, i, 4)
	i += n
	if i+4 >= len(line) {
		return f, false
	}
	sep := line[i]
	if sep != '/' && sep != '-' && sep != ' ' {
		return f, false
	}
	if m := monthName(line, i+1); m > 0 { // 14-Feb-2019, 2019-Feb-14, 14/Feb/2019, 14 Feb 2019
		i += 4
		if i >= len(line) || line[i] != sep {
			return f, false
		}
		b, k := number(line, i+1, 4)
		i += 1 + k
		switch {
		case n <= 2 && k == 4:
			f.midnight, f.dated = date(b, m, a)
		case n == 4 && k == 2:
			f.midnight, f.dated = date(a, m, b)
		}
		f.shape = shapeNamed
		return f, f.dated && f.clock(line, i)
	}
	b, k := number(line, i+1, 2)
	if sep == '/' && n == 2 && k == 2 && a >= 1 && a <= 31 && b >= 1 && b <= 31 { // 02/14 21:41:35
		f.shape = shapeYearly
		return f, f.clock(line, i+1+k)
	}
	return f, false
}

// namedStamp reads "Mmm dd ..." or "Www Mmm dd ...".
func namedStamp(line []byte, i int) (f foundStamp, ok bool) {
	m := monthName(line, i)
	if m == 0 {
		return f, false
	}
	i += 3
	blank := i
	for i < len(line) && line[i] == ' ' {
		i++
	}
	day, n := number(line, i, 2)
	if i == blank || n == 0 {
		return f, false
	}
	i += n
	year := 0
	if i < len(line) && line[i] == ',' {
		i++
	}
	if y, k := number(line, i+1, 4); k == 4 && i+5 < len(line) && line[i+5] == ' ' && line[i] == ' ' {
		year, i = y, i+5
	}
	f.shape = shapeYearly
	if !f.clock(line, i) {
		return f, false
	}
	if year == 0 { // Mon Jan _2 15:04:05 2006
		if y, k := number(line, f.end+1, 4); k == 4 && line[f.end] == ' ' && (f.end+5 == len(line) || !isDigit(line[f.end+5]) && line[f.end+5] != '-') {
			year, f.end = y, f.end+5
		}
	}
	if year != 0 {
		f.shape = shapeNamed
		f.midnight, f.dated = date(year, m, day)
		return f, f.dated
	}
	_, ok = date(2000, m, day)
	return f, ok
}

// clock reads the time of day behind a date, with fraction, AM or PM, and offset.
func (f *foundStamp) clock(line []byte, i int) bool {
	gap := i
	for i < len(line) && i-gap < 3 && isGap(line[i]) {
		i++
	}
	if i == gap || i >= len(line) {
		return false
	}
	half, n := halfMark(line[i:], halvesBefore[:])
	i += n
	if n > 0 && i < len(line) && line[i] == ' ' {
		i++
	}
	tod, i, ok := timeOfDay(line, i, ':')
	if !ok {
		return false
	}
	if i+1 < len(line) && (line[i] == '.' || line[i] == ',' || line[i] == ':') && isDigit(line[i+1]) {
		if micros, n := fraction(line, i+1); n <= 9 {
			tod += micros
			i += 1 + n
		}
	}
	if half == 0 {
		j := i
		if j < len(line) && line[j] == ' ' {
			j++
		}
		if half, n = halfMark(line[j:], halvesBehind[:]); n > 0 {
			if j+n < len(line) && isLetter(line[j+n]) {
				half = 0
			} else {
				f.latin = line[j] < utf8.RuneSelf && n == len("AM")
				i = j + n
			}
		}
	}
	if half != 0 {
		h, ok := twelveHours(tod, half)
		if !ok {
			return false
		}
		tod = h
	}
	f.tod, f.end = tod, i
	f.zone(line)
	return true
}

// halfOfDay is a mark of the twelve-hour clock; half is 'a' or 'p'.
type halfOfDay struct {
	mark string
	half byte
}

// The marks of locales, behind the time and before it.
var (
	halvesBehind = [...]halfOfDay{
		{"am", 'a'},
		{"pm", 'p'},
		{"a.m.", 'a'},
		{"p.m.", 'p'},
		{"a. m.", 'a'},
		{"p. m.", 'p'},
		{"a.\u00a0m.", 'a'},
		{"p.\u00a0m.", 'p'},
		{"πμ", 'a'},
		{"μμ", 'p'},
		{"π.μ.", 'a'},
		{"μ.μ.", 'p'},
		{"ص", 'a'},
		{"م", 'p'},
	}
	halvesBefore = [...]halfOfDay{{"上午", 'a'}, {"下午", 'p'}, {"午前", 'a'}, {"午後", 'p'}, {"오전", 'a'}, {"오후", 'p'}}
)

// halfMark returns the mark that b begins with and its length; 0 if it begins with none.
func halfMark(b []byte, marks []halfOfDay) (half byte, n int) {
	if len(b) < 2 || b[0] < utf8.RuneSelf && b[0]|0x20 != 'a' && b[0]|0x20 != 'p' {
		return 0, 0
	}
	for i := range marks {
		if m := &marks[i]; (b[0]|0x20 == m.mark[0] || b[0] == m.mark[0]) && hasFold(b, m.mark) {
			return m.half, len(m.mark)
		}
	}
	return 0, 0
}

func isGap(c byte) bool {
	return c == ' ' || c == '\t' || c == 'T' || c == ',' || c == ':' || c == '_'
}

// zone reads the offset behind a time: Z, UTC or GMT, or hours and minutes east of Greenwich.
func (f *foundStamp) zone(line []byte) {
	rest := line[f.end:]
	blank := 0
	if len(rest) > 0 && rest[0] == ' ' {
		blank = 1
	}
	rest = rest[blank:]
	if len(rest) == 0 {
		return
	}
	var n int
	switch c := rest[0]; {
	case c == 'Z' && blank == 0:
		n = 1
	case bytes.HasPrefix(rest, []byte("UTC")), bytes.HasPrefix(rest, []byte("GMT")):
		n = 3
	case c == '+' || c == '-':
		h, k := number(rest, 1, 2)
		if k != 2 {
			return
		}
		at := 3
		if at < len(rest) && rest[at] == ':' {
			at++
		}
		m, k := number(rest, at, 2)
		if k != 2 || m > 59 || m%15 != 0 {
			return
		}
		n = at + k
		f.bias = -(h*60 + m)
		if c == '-' {
			f.bias = -f.bias
		}
		if f.bias < minBias || f.bias > maxBias {
			f.bias = 0
			return
		}
	default:
		return
	}
	if n < len(rest) && (isLetter(rest[n]) || isDigit(rest[n])) {
		f.bias = 0
		return
	}
	f.offset, f.end = true, f.end+blank+n
}
