package query

import (
	"fmt"
	"strings"
	"time"
)

// layouts are the precisions in which a time may be written, with the length of the period that each names.
var layouts = []struct {
	layout string
	end    func(time.Time) time.Time
}{
	{"2006", func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }},
	{"2006-01", func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }},
	{"2006-01-02", func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }},
	{"2006-01-02T15", func(t time.Time) time.Time { return t.Add(time.Hour) }},
	{"2006-01-02T15:04", func(t time.Time) time.Time { return t.Add(time.Minute) }},
	{"2006-01-02T15:04:05", func(t time.Time) time.Time { return t.Add(time.Second) }},
	{"2006-01-02T15:04:05.999999", func(t time.Time) time.Time { return t.Add(time.Microsecond) }},
}

// period reads a time, which stands for the whole period that it names: a day, a minute.
func period(s string) (from, to time.Time, reason string) {
	plain, zone := strings.ToUpper(s), ""
	if strings.HasSuffix(plain, "Z") {
		plain = plain[:len(plain)-1]
	} else if i := strings.LastIndexAny(plain, "+-"); i > len("2006-01-02T") {
		plain, zone = plain[:i], plain[i:]
	}
	for i, l := range layouts {
		if fraction := strings.Contains(plain, "."); fraction != (i == len(layouts)-1) {
			continue // time.Parse takes a fraction with every layout that has seconds
		}
		var err error
		if zone != "" {
			from, err = time.Parse(l.layout+"-07:00", plain+zone)
		} else {
			from, err = time.Parse(l.layout, plain)
		}
		if err == nil {
			from = from.UTC()
			return from, l.end(from), ""
		}
	}
	return from, to, fmt.Sprintf("%q is no time; write 2012-03-08, 2012-03-08T21:00 or the like", s)
}

// parseTime reads what stands behind time:. A reason says what is wrong with it.
func parseTime(s string) (Node, string) {
	n := Time{Expr: s}
	lo, hi, over, under, reason := limits(s)
	if reason != "" {
		return nil, reason
	}
	if lo != "" {
		from, end, reason := period(lo)
		if reason != "" {
			return nil, reason
		}
		if n.From = from; over {
			n.From = end
		}
	}
	if hi != "" {
		from, end, reason := period(hi)
		if reason != "" {
			return nil, reason
		}
		if n.To = end; under {
			n.To = from
		}
	}
	if lo != "" && hi != "" && !n.From.Before(n.To) {
		return nil, "the range ends before it begins"
	}
	return n, ""
}
