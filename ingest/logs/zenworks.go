package logs

import (
	"bytes"

	"casebook/ingest"
)

// The message log of ZENworks Configuration Management: zmd-messages.log of the agent; services-messages.log and loader-messages.log of a server.
//
//	record = "[" level "] [" time "] [" user "] [" component "] [" id "] [" text "] [" more "] [" related "]" [ "." ]
//	level  = "DEBUG" | "INFO" | "WARNING" | "ERROR" …
//	time   = in the format of the machine's locale
//
// Later agents put the process and the thread in between, as numbers, and the program's name. So a record is told by its level and its time in the first two pairs of
// brackets; component is the first field behind the user that is a name, thread the last number, and the text the sixth field
// of eight, else the longest. Brackets within a text are counted, so that "[a [b] c]" is one field. The text may have lines of its own (stack traces); they belong to the record.
//
// The order of day and month is told as dates.go says, by all of the file's dates.
//
// Source: "Viewing the message log" and "Message log formats" (ZENworks 10 System Administration Reference, Novell).

var zenworksReader = ingest.Reader{
	Kind: ingest.KindLogZENworks,
	Sniff: func(_ string, head []byte) int {
		return sniffLines(head, func(line []byte) bool {
			z, ok := parseZENworks(line)
			return ok && z.fields >= 4
		})
	},
	New: func() ingest.Splitter {
		s := new(style)
		return &blocks{
			learn: func(head []byte) { *s = survey(head) },
			begin: func(line []byte) (stamp, bool) {
				z, ok := parseZENworks(line)
				if !ok {
					return stamp{}, false
				}
				st := s.take(line, z.at, &z.found)
				st.severity, st.text, st.component, st.thread = z.severity, z.text, z.component, z.thread
				return st, true
			},
			finish: zenworksText,
		}
	},
}

// zenworksLine is what the first line of a record says.
type zenworksLine struct {
	found     foundStamp
	at        int // where the time begins
	fields    int // pairs of brackets
	text      int
	component span
	thread    uint64
	severity  ingest.Severity
}

func parseZENworks(line []byte) (z zenworksLine, ok bool) {
	if len(line) < 24 || line[0] != '[' {
		return z, false
	}
	end := bytes.IndexByte(line[:16], ']')
	if end < 2 || !bytes.HasPrefix(line[end:], []byte("] [")) {
		return z, false
	}
	if z.severity = levelName(line[1:end]); z.severity == ingest.SeverityNone {
		return z, false
	}
	z.at = end + 3
	if !stampStart(line, z.at) {
		return z, false
	}
	if z.found, ok = parseStamp(line, z.at); !ok || z.found.end >= len(line) || line[z.found.end] != ']' {
		return z, false
	}
	z.fields = 2
	var part [8]span
	longest := -1
	for at := z.found.end + 1; ; {
		for at < len(line) && line[at] == ' ' {
			at++
		}
		if at >= len(line) || line[at] != '[' {
			if z.fields == len(part) {
				z.text = part[5].from // as documented
			}
			return z, true
		}
		end := closing(line, at)
		f := span{at + 1, end}
		if z.fields < len(part) {
			part[z.fields] = f
		}
		z.fields++
		if n := f.to - f.from; n >= longest && z.fields > 3 {
			longest, z.text = n, f.from
		}
		z.name(line, f)
		at = end + 1
	}
}

// name takes a field as the component or the thread if it is one.
func (z *zenworksLine) name(line []byte, f span) {
	field := f.in(line)
	switch {
	case z.fields == 3 || len(field) == 0 || len(field) > 64: // the first behind the time is the user
	case isDigit(field[0]) && unsigned(field) > 0 && len(bytes.TrimLeft(field, "0123456789")) == 0:
		z.thread = unsigned(field)
	case z.component.to == 0 && !isDigit(field[0]) && field[0] != '{':
		z.component = f
	}
}

// closing returns the index of the bracket that closes the one at line[at], or the end of the line without its line end.
func closing(line []byte, at int) int {
	depth := 0
	for i := at; i < len(line); i++ {
		switch line[i] {
		case '[':
			depth++
		case ']':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(trimEOL(line))
}

// zenworksText cuts the record's text behind the field that it stands in, if that ends on the first line.
func zenworksText(r ingest.Record) ingest.Record {
	at := len(trimRight(r.Raw)) - len(r.Text)
	if at < 1 || at > len(r.Raw) || r.Raw[at-1] != '[' {
		return r
	}
	first := r.Raw
	if i := bytes.IndexByte(first, '\n'); i >= 0 {
		if len(trimRight(r.Raw[i:])) > 0 {
			return r // further lines belong to the text
		}
		first = first[:i]
	}
	if at > len(first) {
		return r
	}
	if end := closing(first, at-1); end >= at {
		r.Text = r.Raw[at:end]
	}
	return r
}
