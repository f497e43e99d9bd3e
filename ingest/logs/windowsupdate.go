package logs

import (
	"bytes"

	"casebook/ingest"
)

// WindowsUpdate.log, in its two shapes.
//
//	record = yyyy-mm-dd tab hh:mm:ss [":" mmm] tab process tab thread tab component tab text         until Windows 8; the thread is hexadecimal
//	record = yyyy/mm/dd " " hh:mm:ss.fffffff " " process " " thread blanks component blanks text     as Get-WindowsUpdateLog converts traces
//
// Times are local: of the machine that wrote the log, in the second shape of the one that converted it. Severity is said in the text: "WARNING:",
// "FATAL:". A file of Windows 10 holds only a hint until it is converted; that is plain text.
//
// Source: KB 902093, "How to read the Windowsupdate.log file"; "Get-WindowsUpdateLog" (Microsoft Learn).

var windowsUpdateReader = ingest.Reader{
	Kind: ingest.KindLogWindowsUpdate,
	Sniff: func(_ string, head []byte) int {
		return sniffLines(head, func(line []byte) bool {
			st, ok := windowsUpdateStamp(line)
			return ok && st.component.to > 0
		})
	},
	New: func() ingest.Splitter { return &blocks{begin: windowsUpdateStamp} },
}

func windowsUpdateStamp(line []byte) (st stamp, ok bool) {
	if len(line) < 28 || !isDigit(line[0]) || line[10] != '\t' && line[10] != ' ' {
		return st, false
	}
	f, ok := isoStamp(line)
	if !ok || f.end >= len(line) {
		return st, false
	}
	st.time = f.time()
	if line[10] == '\t' {
		return st, line[f.end] == '\t' && st.tabbed(line, f.end+1)
	}
	return st, line[4] == '/' && line[f.end] == ' ' && f.end >= 27 && st.converted(line, f.end)
}

// tabbed reads process, thread and component of the first shape.
func (st *stamp) tabbed(line []byte, i int) bool {
	var part [4]span
	rest := trimEOL(line)[i:]
	if fields(rest, '\t', part[:]) < 4 {
		return false
	}
	if _, ok := hexNumber(bytes.TrimSpace(part[0].in(rest))); !ok {
		return false
	}
	thread, ok := hexNumber(bytes.TrimSpace(part[1].in(rest)))
	if !ok || part[2].to-part[2].from > 32 {
		return false
	}
	st.thread = thread
	st.component = span{i + part[2].from, i + part[2].to}
	st.text = i + part[3].from
	return st.judge(line)
}

// converted reads process, thread and component of the second shape.
func (st *stamp) converted(line []byte, i int) bool {
	for k := range 2 {
		for i < len(line) && line[i] == ' ' {
			i++
		}
		n := 0
		for i+n < len(line) && isDigit(line[i+n]) {
			n++
		}
		if n == 0 || i+n >= len(line) || line[i+n] != ' ' {
			return false
		}
		if k == 1 {
			st.thread = unsigned(line[i:])
		}
		i += n
	}
	for i < len(line) && line[i] == ' ' {
		i++
	}
	from := i
	for i < len(line) && !isSpace(line[i]) {
		i++
	}
	st.component = span{from, i}
	for i < len(line) && line[i] == ' ' {
		i++
	}
	st.text = i
	return i > from && st.judge(line)
}

// judge takes the severity from the mark that the text may begin with; it returns true.
func (st *stamp) judge(line []byte) bool {
	head := line[st.text:min(len(line), st.text+24)]
	switch {
	case bytes.Contains(head, []byte("FATAL:")):
		st.severity = ingest.SeverityError
	case bytes.Contains(head, []byte("WARNING:")):
		st.severity = ingest.SeverityWarning
	}
	return true
}
