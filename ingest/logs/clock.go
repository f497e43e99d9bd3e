package logs

import (
	"time"

	"casebook/ingest"
)

const (
	microSecond = int64(time.Second / time.Microsecond)
	microMinute = 60 * microSecond
	microHour   = 60 * microMinute
	microDay    = 24 * microHour
)

// A bias of real zones lies between UTC+14 and UTC-12.
const (
	minBias = -14 * 60
	maxBias = 12 * 60
)

// number reads up to limit decimal digits of b from i and returns their value and how many there were.
func number(b []byte, i, limit int) (value, n int) {
	for n < limit && i+n < len(b) && isDigit(b[i+n]) {
		value = value*10 + int(b[i+n]-'0')
		n++
	}
	return value, n
}

// unsigned reads the decimal digits at the start of b; a number that does not fit is 0.
func unsigned(b []byte) uint64 {
	var v uint64
	for i := 0; i < len(b) && isDigit(b[i]); i++ {
		if i == 18 {
			return 0
		}
		v = v*10 + uint64(b[i]-'0')
	}
	return v
}

// date returns the microseconds from 1970 to the beginning of a day of the Gregorian calendar, and false if there is no such day
// or the year is none that a log can have.
func date(year, month, day int) (int64, bool) {
	if year < 1980 || year > 2199 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	// Days of a calendar whose year begins with March, so that the leap day is the last of its year.
	y, m := year, month-3
	if m < 0 {
		y, m = y-1, m+12
	}
	era := y / 400
	yoe := y - era*400
	days := era*146097 + yoe*365 + yoe/4 - yoe/100 + (153*m+2)/5 + day - 1 - 719468
	return int64(days) * microDay, true
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// timeOfDay reads h:mm:ss at b[i:], the two separators being sep, and returns its microseconds and the index behind it.
// It returns false if there is no such time.
func timeOfDay(b []byte, i int, sep byte) (micros int64, end int, ok bool) {
	h, n := number(b, i, 2)
	i += n
	if n == 0 || i >= len(b) || b[i] != sep {
		return 0, 0, false
	}
	m, n := number(b, i+1, 2)
	i += 1 + n
	if n == 0 || i >= len(b) || b[i] != sep {
		return 0, 0, false
	}
	s, n := number(b, i+1, 2)
	if n == 0 || h > 23 || m > 59 || s > 60 { // 60 is a leap second
		return 0, 0, false
	}
	return int64(h)*microHour + int64(m)*microMinute + int64(s)*microSecond, i + 1 + n, true
}

// fraction reads the decimal digits at b[i:] as a fraction of a second, and returns its microseconds and how many digits there were.
func fraction(b []byte, i int) (micros int64, n int) {
	scale := int64(100_000)
	for i+n < len(b) && isDigit(b[i+n]) {
		micros += int64(b[i+n]-'0') * scale
		scale /= 10
		n++
	}
	return micros, n
}

// monthName returns the month of an English three-letter name at b[i:], 0 if there is none.
func monthName(b []byte, i int) int {
	if i+3 > len(b) {
		return 0
	}
	switch uint32(b[i]|0x20)<<16 | uint32(b[i+1]|0x20)<<8 | uint32(b[i+2]|0x20) {
	case 'j'<<16 | 'a'<<8 | 'n':
		return 1
	case 'f'<<16 | 'e'<<8 | 'b':
		return 2
	case 'm'<<16 | 'a'<<8 | 'r':
		return 3
	case 'a'<<16 | 'p'<<8 | 'r':
		return 4
	case 'm'<<16 | 'a'<<8 | 'y':
		return 5
	case 'j'<<16 | 'u'<<8 | 'n':
		return 6
	case 'j'<<16 | 'u'<<8 | 'l':
		return 7
	case 'a'<<16 | 'u'<<8 | 'g':
		return 8
	case 's'<<16 | 'e'<<8 | 'p':
		return 9
	case 'o'<<16 | 'c'<<8 | 't':
		return 10
	case 'n'<<16 | 'o'<<8 | 'v':
		return 11
	case 'd'<<16 | 'e'<<8 | 'c':
		return 12
	}
	return 0
}

// wall makes a time whose offset is not known.
func wall(micros int64) ingest.Time {
	return ingest.Time{Wall: micros, Zone: ingest.ZoneUnknown, Basis: ingest.BasisBare}
}

// backwards is how far a time of day may fall behind the last without a midnight between them: a line of another process comes late,
// and the end of summer time puts the clock back by an hour.
const backwards = microHour + 5*microMinute

// runningClock gives times of day the date that an earlier line stated. A time that is earlier than the last one is on the next day,
// unless it is only a little earlier.
type runningClock struct {
	running bool
	last    int64
}

// set makes the clock run from micros on.
func (c *runningClock) set(micros int64) ingest.Time {
	c.running, c.last = true, micros
	return wall(micros)
}

// stop forgets the date.
func (c *runningClock) stop() { c.running = false }

// at returns the time of a time of day; none if the clock does not run.
func (c *runningClock) at(tod int64) ingest.Time {
	if !c.running {
		return ingest.Time{}
	}
	lastTod := c.last % microDay
	midnight := c.last - lastTod
	switch {
	case tod < lastTod-backwards:
		midnight += microDay
	case tod > lastTod+microDay-backwards: // a late line of the day before
		midnight -= microDay
	}
	c.last = midnight + tod
	return wall(c.last)
}
