package logs

import (
	"bytes"

	"casebook/ingest"
)

// The logs of servicing and of setup: CBS.log, CheckSUR.log, dism.log; setupact.log and setuperr.log of Windows Setup and Sysprep.
//
//	record    = yyyy-mm-dd " " hh:mm:ss ", " level blanks [ "[0x" hexadecimal "] " ] [ component blanks ] text
//	level     = "Info" | "Warning" | "Error" | "Fatal" | "Perf"
//	component = capitals and digits                                                     CBS, CSI, DISM, SYSPRP, IBS, PANTHR, MIG …
//
// The log is in English on every system; its times are local. A line without a stamp belongs to the record before. dism.log names the thread in
// the text: "PID=1234 TID=5678".
//
// Source: "Log files and resolving upgrade errors" and "Deployment Troubleshooting and Log Files" (Microsoft Learn).

var servicingReader = ingest.Reader{
	Kind: ingest.KindLogServicing,
	Sniff: func(_ string, head []byte) int {
		return sniffLines(head, func(line []byte) bool {
			st, ok := servicingStamp(line)
			return ok && st.severity != ingest.SeverityNone
		})
	},
	New: func() ingest.Splitter { return &blocks{begin: servicingStamp} },
}

func servicingStamp(line []byte) (st stamp, ok bool) {
	const head = len("2006-01-02 15:04:05, ")
	if len(line) <= head || line[4] != '-' || line[10] != ' ' || line[head-2] != ',' || line[head-1] != ' ' {
		return st, false
	}
	f, ok := isoStamp(line)
	if !ok || f.end != head-2 {
		return st, false
	}
	i := head
	for i < len(line) && isLetter(line[i]) {
		i++
	}
	level, gap := line[head:i], i
	for i < len(line) && line[i] == ' ' {
		i++
	}
	if len(level) == 0 || i-gap < 2 && i < len(line) {
		return st, false
	}
	if st.severity = levelName(level); string(level) == "Perf" {
		st.severity = ingest.SeverityInfo
	}
	st.time = f.time()
	if bytes.HasPrefix(line[i:], []byte("[0x")) {
		if n := bytes.IndexByte(line[i:min(len(line), i+16)], ']'); n > 0 {
			for i += n + 1; i < len(line) && line[i] == ' '; i++ {
			}
		}
	}
	from := i
	for i < len(line) && i-from < 16 && (line[i]-'A' <= 'Z'-'A' || isDigit(line[i])) {
		i++
	}
	if i-from >= 2 && i < len(line) && line[i] == ' ' {
		st.component = span{from, i}
		for i < len(line) && line[i] == ' ' {
			i++
		}
		from = i
	}
	st.text = from
	if n := bytes.Index(line, []byte(" TID=")); n > 0 {
		st.thread = unsigned(line[n+len(" TID="):])
	}
	return st, true
}
