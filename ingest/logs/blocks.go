package logs

import (
	"bytes"

	"casebook/ingest"
)

// headSize is how much text is awaited to learn the manners of a file: what Sniff sees too.
const headSize = 64 << 10

// maxRecordLines bounds a record of several lines; lines beyond it begin one without a time.
const maxRecordLines = 200

// stamp is what the line that begins a record says.
type stamp struct {
	time      ingest.Time
	text      int // where the message begins
	component span
	thread    uint64
	severity  ingest.Severity
	judged    bool // the severity holds, even if it is none: the words of the text are no verdict
}

// span is a part of a line; empty if there is none.
type span struct{ from, to int }

// in returns the span of a line, nil if it is empty.
func (s span) in(line []byte) []byte {
	if s.from == s.to {
		return nil
	}
	return line[s.from:s.to]
}

// blocks cuts a text in which certain lines begin a record, and the lines behind such a line belong to it, up to a limit. Lines before the
// first one have nothing that joins them, so each is a record.
//
// It keeps the record that is being read: its lines are complete, its end is not known.
type blocks struct {
	learn  func(head []byte)                   // gets up to headSize of the text before the first line; nil if nothing is to be learned
	begin  func(line []byte) (stamp, bool)     // tells whether a line begins a record, and what it says; called for each line in order
	alone  func(line []byte) bool              // tells whether a line stands alone; nil if none does
	finish func(r ingest.Record) ingest.Record // adds what later lines say; nil if they say nothing

	ready bool
	taken int  // length of the lines of the open record
	lines int  // how many they are
	open  bool // the record began as one
	stamp stamp
}

// Split implements ingest.Splitter.
func (b *blocks) Split(text []byte, atEOF bool, emit func(ingest.Record)) int {
	if !b.ready {
		if b.learn != nil {
			if !atEOF && len(text) < headSize {
				return 0
			}
			b.learn(text[:min(len(text), headSize)])
		}
		b.ready = true
	}
	pos := 0
	for {
		at := pos + b.taken
		if at >= len(text) {
			break
		}
		n := lineLen(text[at:], atEOF)
		if n == 0 {
			if b.taken > 0 && len(text)-pos > maxContinuation { // whatever the line is, it does not fit
				b.flush(text[pos:at], emit)
				pos = at
			}
			break
		}
		line := text[at : at+n]
		st, begins := b.begin(line)
		alone := b.alone != nil && b.alone(line)
		if b.taken > 0 && (begins || alone || b.lines == maxRecordLines || b.taken+n > maxContinuation) {
			b.flush(text[pos:at], emit)
			pos = at
		}
		if b.taken == 0 {
			b.open, b.stamp = begins, st
		}
		b.taken += n
		b.lines++
	}
	if atEOF && b.taken > 0 {
		n := b.taken
		b.flush(text[pos:pos+n], emit)
		pos += n
	}
	return pos
}

// flush emits the open record.
func (b *blocks) flush(raw []byte, emit func(ingest.Record)) {
	b.taken, b.lines = 0, 0
	if !b.open {
		emitLines(raw, emit)
		return
	}
	st := &b.stamp
	text := trimRight(raw)
	text = text[min(len(text), st.text):]
	r := ingest.Record{Raw: raw, Text: text, Component: st.component.in(raw), Thread: st.thread, Time: st.time, Severity: st.severity}
	if b.finish != nil {
		r = b.finish(r)
	}
	if r.Severity == ingest.SeverityNone && !st.judged {
		r.Severity = textSeverity(text)
	}
	emit(r)
}

// sniffedLines is how many lines of a head are looked at for lines that begin records.
const sniffedLines = 40

// sniffLines scores a head by which of its first lines begin a record.
func sniffLines(head []byte, begins func(line []byte) bool) int {
	lines, found := 0, 0
	for at := 0; at < len(head) && lines < sniffedLines; {
		n := lineLen(head[at:], true)
		line := trimRight(head[at : at+n])
		at += n
		if len(line) == 0 {
			continue
		}
		lines++
		if begins(line) {
			if lines == 1 {
				return scoreFirst
			}
			found++
		}
	}
	if found > 0 && found*4 >= lines {
		return scoreLater
	}
	return 0
}

// fields splits a line at a separator into at most len(into) spans, the last of which holds the rest, and returns how many there are.
func fields(line []byte, sep byte, into []span) int {
	from := 0
	for n := range into {
		i := -1
		if n < len(into)-1 {
			i = bytes.IndexByte(line[from:], sep)
		}
		if i < 0 {
			into[n] = span{from, len(line)}
			return n + 1
		}
		into[n] = span{from, from + i}
		from += i + 1
	}
	return len(into)
}

// hexNumber returns the value of a field that is all hexadecimal digits, and false if it is none of at most 64 bits.
func hexNumber(b []byte) (uint64, bool) {
	if len(b) == 0 || len(b) > 16 {
		return 0, false
	}
	var v uint64
	for _, c := range b {
		d, ok := hexDigit(c)
		if !ok {
			return 0, false
		}
		v = v<<4 | uint64(d)
	}
	return v, true
}

// isoStamp reads a stamp of the shape shapeISO at the start of a line.
func isoStamp(line []byte) (f foundStamp, ok bool) {
	if len(line) < len("2000-01-01 0:00:00") || !isDigit(line[0]) {
		return f, false
	}
	f, ok = parseStamp(line, 0)
	return f, ok && f.shape == shapeISO && f.dated
}

// time returns the time of a stamp whose day is known.
func (f *foundStamp) time() ingest.Time {
	t := wall(f.midnight + f.tod)
	if f.offset {
		return t.Stated(f.bias)
	}
	return t
}
