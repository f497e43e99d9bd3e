package logs

import (
	"bytes"

	"casebook/ingest"
)

// Logs of crashed programs: drwtsn32.log of Dr. Watson (Windows 2000, XP, 2003), Crash.log of an SMS service (SMS\Logs\CrashLogs\<n>).
//
//	Dr. Watson  record = title ":" / indented "App: " path " (pid=" number ")" / indented "When: " date " @ " hh:mm:ss.mmm / indented "Exception number: " code … / dump
//	SMS         record = "Time = " mm/dd/yyyy " " hh:mm:ss / name " = " value …
//
// Dr. Watson writes in the language of Windows: a record is told by "(pid=", which is not translated, in an indented line, and its time by the "@". The title stands in the
// line before and is a record of its own. The date is in the format of the locale; SMS writes the month first. A dump is long: the lines beyond the limit of a record are records without a time. Every record of a crash is an error.
//
// Source: KB 308538, "Description of the Dr. Watson for Windows (Drwtsn32.exe) Tool"; KB Q223755 (Crash.log).

var crashReader = ingest.Reader{
	Kind:  ingest.KindLogCrash,
	Sniff: sniffCrash,
	New: func() ingest.Splitter {
		order := new(dateOrder)
		return &blocks{
			learn: func(head []byte) {
				for len(head) > 0 {
					n := lineLen(head, true)
					if d, _, ok := watsonTime(head[:n]); ok {
						order.observe(&d, false)
					}
					head = head[n:]
				}
			},
			begin: func(line []byte) (st stamp, ok bool) {
				st.severity = ingest.SeverityError
				if isWatson(line) {
					return st, true
				}
				st.time, ok = smsCrashTime(line)
				return st, ok
			},
			finish: func(r ingest.Record) ingest.Record {
				if r.Time.Zone == ingest.ZoneNone {
					r.Time = watsonRecordTime(r.Raw, order)
				}
				return r
			},
		}
	},
}

func sniffCrash(_ string, head []byte) int {
	for at, lines := 0, 0; at < len(head) && lines < sniffedLines; lines++ {
		n := lineLen(head[at:], true)
		line := head[at : at+n]
		at += n
		if _, ok := smsCrashTime(line); ok && bytes.Contains(head[at:], []byte("\nException = 0x")) || isWatson(line) && watsonFollows(head[at:]) {
			return scoreFirst
		}
	}
	return 0
}

// isWatson tells whether a line is that of Dr. Watson which names the program.
func isWatson(line []byte) bool {
	return len(line) > 8 && isSpace(line[0]) && bytes.Contains(line, []byte(".exe (pid="))
}

// watsonFollows tells whether the time of a crash stands in the next lines.
func watsonFollows(rest []byte) bool {
	for range 3 {
		if len(rest) == 0 {
			return false
		}
		n := lineLen(rest, true)
		if _, _, ok := watsonTime(rest[:n]); ok {
			return true
		}
		rest = rest[n:]
	}
	return false
}

// watsonTime reads the date and the time of an indented line "When: date @ time".
func watsonTime(line []byte) (d numericDate, tod int64, ok bool) {
	if len(line) == 0 || !isSpace(line[0]) {
		return d, 0, false
	}
	at := bytes.Index(line, []byte(" @ "))
	if at < 6 {
		return d, 0, false
	}
	from := at
	for from > 0 && !isSpace(line[from-1]) {
		from--
	}
	if d, ok = parseNumericDate(line, from); !ok || d.end != at {
		return d, 0, false
	}
	tod, end, ok := timeOfDay(line, at+3, ':')
	if ok {
		f, _ := millis(line, end)
		tod += f
	}
	return d, tod, ok
}

// watsonRecordTime returns the time of a record of Dr. Watson, which stands in one of its first lines.
func watsonRecordTime(raw []byte, order *dateOrder) ingest.Time {
	for range 4 {
		if len(raw) == 0 {
			break
		}
		n := lineLen(raw, true)
		if d, tod, ok := watsonTime(raw[:n]); ok {
			order.observe(&d, false)
			if midnight, ok := order.resolve(&d); ok {
				return wall(midnight + tod)
			}
			break
		}
		raw = raw[n:]
	}
	return ingest.Time{}
}

// smsCrashTime reads a line "Time = mm/dd/yyyy hh:mm:ss".
func smsCrashTime(line []byte) (ingest.Time, bool) {
	for len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
		line = line[1:]
	}
	value, ok := bytes.CutPrefix(line, []byte("Time = "))
	if !ok {
		return ingest.Time{}, false
	}
	d, ok := parseNumericDate(value, 0)
	if !ok || d.sep != '/' || d.end >= len(value) {
		return ingest.Time{}, false
	}
	tod, _, ok := timeOfDay(value, d.end+1, ':')
	if !ok {
		return ingest.Time{}, false
	}
	midnight, ok := d.in(orderMonthFirst)
	return wall(midnight + tod), ok
}
