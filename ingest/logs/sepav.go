package logs

import (
	"bytes"

	"casebook/ingest"
)

// The scan log of Symantec Endpoint Protection and Symantec AntiVirus, one file a day: Logs\mmddyyyy.Log.
//
//	record = time "," event "," category "," logger "," computer "," user "," virus "," file "," … [ "," '"' description '"' ] …
//	time   = 6 bytes in hexadecimal: years since 1970, month from 0, day, hour, minute, second      local time
//
// event, category and logger are decimal; category 1 is an infection, 4 security. A description may hold a quotation mark doubled, and commas.
//
// Source: "External Logging settings and log event sources" (Symantec TECH100099, "Interpreting log files").

var sepAVReader = ingest.Reader{
	Kind: ingest.KindLogSEPClient,
	Sniff: func(_ string, head []byte) int {
		return sniffLines(head, func(line []byte) bool {
			_, ok := parseSEPAV(line)
			return ok
		})
	},
	New: func() ingest.Splitter {
		return &blocks{begin: func(line []byte) (stamp, bool) {
			f, ok := parseSEPAV(line)
			return stamp{time: wall(f.micros), text: f.text, severity: f.severity}, ok
		}}
	},
}

// sepAVLine is what a line of the scan log says.
type sepAVLine struct {
	micros   int64
	text     int // where the fields behind the time begin
	severity ingest.Severity
}

// categoryInfection is the category of found threats.
const categoryInfection = 1

func parseSEPAV(line []byte) (f sepAVLine, ok bool) {
	const digits = 12
	if len(line) < digits+8 || line[digits] != ',' {
		return f, false
	}
	packed, ok := hexNumber(line[:digits])
	if !ok {
		return f, false
	}
	b := func(shift uint) int { return int(packed >> shift & 0xFF) }
	midnight, ok := date(1970+b(40), b(32)+1, b(24))
	if !ok || b(16) > 23 || b(8) > 59 || b(0) > 60 {
		return f, false
	}
	f.micros = midnight + int64(b(16))*microHour + int64(b(8))*microMinute + int64(b(0))*microSecond
	f.text = digits + 1
	at := f.text
	for k := range 3 { // event, category, logger
		v, n := number(line, at, 9)
		if at += n; n == 0 || at >= len(line) || line[at] != ',' {
			return f, false
		}
		if at++; k == 1 && v == categoryInfection {
			f.severity = ingest.SeverityWarning
		}
	}
	if f.severity == ingest.SeverityNone {
		if f.severity = textSeverity(description(line[at:])); f.severity == ingest.SeverityNone {
			f.severity = ingest.SeverityInfo
		}
	}
	return f, true
}

// description returns what stands between the first quotation marks, nil if nothing does.
func description(line []byte) []byte {
	_, rest, ok := bytes.Cut(line, []byte{'"'})
	if !ok {
		return nil
	}
	text, _, _ := bytes.Cut(rest, []byte{'"'})
	return text
}
