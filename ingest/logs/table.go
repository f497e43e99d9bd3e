package logs

import (
	"bytes"

	"casebook/ingest"
)

// A delimited table with a heading and a column of times: what consoles export, VMware vRealize Configuration Manager's debug logs and job histories among them.
//
//	file = heading { row }
//	row  = field { sep field }            sep is a tab, comma, semicolon or bar; a field in quotation marks may hold it, and line ends
//
// The heading names no column in a language that could be relied on: the column of times is the one in which most rows have a date with a time and nothing else, the
// column of levels the one in which most rows have a level's name. A row without a sound time is a record all the same.
//
// Because typed artifacts are tables too, the score is low: this reader takes what nobody else knows.
//
// Source: RFC 4180 for quotation marks.

// scoreTable is more than that of lines with stamps.
const scoreTable = scoreStamps + 10

// The limits of what is looked at to know a table.
const (
	tableColumns = 24
	tableRows    = 20
)

var tableReader = ingest.Reader{
	Kind: ingest.KindLogTable,
	Sniff: func(_ string, head []byte) int {
		var t table
		if t.learn(head); t.sep == 0 {
			return 0
		}
		return scoreTable
	},
	New: func() ingest.Splitter {
		t := new(table)
		return &blocks{learn: t.learn, begin: t.begin, finish: t.finish}
	},
}

// table is the shape of a file.
type table struct {
	sep         byte // 0 if the text is no table
	time, level int  // columns; level is -1 if there is none
	order       dateOrder

	heading bool // it was seen
	quoted  bool // the last line ended within quotation marks
}

// learn finds the separator and the columns.
func (t *table) learn(head []byte) {
	first, at := firstLine(head)
	if bytes.IndexByte(first, '\r') >= 0 || len(first) > 4<<10 {
		return
	}
	for _, sep := range [...]byte{'\t', ';', ',', '|'} {
		if n := bytes.Count(first, []byte{sep}); n >= 2 && n < tableColumns && isHeading(first, sep) {
			if t.columns(head[at+len(first):], sep, n+1); t.sep != 0 {
				return
			}
		}
	}
}

// isHeading tells whether a line names columns: none of its cells is a time or a number.
func isHeading(line []byte, sep byte) bool {
	var cells [tableColumns + 1]span
	for _, c := range cells[:rowCells(line, sep, cells[:])] {
		cell := unquoted(line, c)
		if _, ok := cellStamp(cell); ok || isNumber(cell) {
			return false
		}
	}
	return true
}

// columns looks at the rows behind a heading of so many columns.
func (t *table) columns(rows []byte, sep byte, columns int) {
	var times, levels [tableColumns]int
	var votes [tableColumns][2]int
	var last [tableColumns]numericDate
	var orders [tableColumns]dateOrder
	n, whole := 0, 0
	rows = bytes.TrimLeft(rows, "\r\n")
	for len(rows) > 0 && n < tableRows {
		row := rows[:rowLen(rows)]
		rows = rows[len(row):]
		if len(trimRight(row)) == 0 {
			continue
		}
		n++
		var cells [tableColumns + 1]span
		k := rowCells(row, sep, cells[:])
		if k != columns {
			continue
		}
		whole++
		for i, c := range cells[:k] {
			cell := unquoted(row, c)
			if f, ok := cellStamp(cell); ok {
				times[i]++
				if f.shape == shapeNumeric {
					orders[i].observe(&f.date, f.latin)
					vote(&votes[i], &last[i], &f)
				}
			} else if eventLevel(cell) != ingest.SeverityNone || hasFold(cell, "exception") {
				levels[i]++
			}
		}
	}
	if whole == 0 || whole*5 < n*4 {
		return
	}
	best, level := -1, -1
	for i := range columns {
		if times[i]*2 > whole && (best < 0 || times[i] > times[best]) {
			best = i
		}
		if levels[i]*2 > whole && (level < 0 || levels[i] > levels[level]) {
			level = i
		}
	}
	if best < 0 {
		return
	}
	t.sep, t.time, t.level, t.order = sep, best, level, orders[best]
	t.order.elect(votes[best])
}

func (t *table) begin(line []byte) (st stamp, ok bool) {
	within := t.quoted
	if bytes.Count(line, []byte{'"'})%2 == 1 {
		t.quoted = !t.quoted
	}
	if t.sep == 0 || within || len(trimRight(line)) == 0 {
		return st, false
	}
	if !t.heading {
		t.heading = true
		return st, false
	}
	return st, true
}

// finish reads the cells of a row.
func (t *table) finish(r ingest.Record) ingest.Record {
	var cells [tableColumns + 1]span
	n := rowCells(r.Raw, t.sep, cells[:])
	if t.time < n {
		if f, ok := cellStamp(unquoted(r.Raw, cells[t.time])); ok {
			midnight, dated := f.midnight, f.dated
			if f.shape == shapeNumeric {
				t.order.observe(&f.date, f.latin)
				midnight, dated = t.order.resolve(&f.date)
			}
			if dated {
				r.Time = wall(midnight + f.tod)
				if f.offset {
					r.Time = r.Time.Stated(f.bias)
				}
			}
		}
	}
	if t.level >= 0 && t.level < n {
		level := unquoted(r.Raw, cells[t.level])
		if r.Severity = eventLevel(level); r.Severity == ingest.SeverityNone && hasFold(level, "exception") {
			r.Severity = ingest.SeverityError
		}
	}
	return r
}

// cellStamp reads a cell that is a date with a time and nothing else.
func cellStamp(cell []byte) (f foundStamp, ok bool) {
	if len(cell) < 12 || len(cell) > 40 || !stampStart(cell, 0) {
		return f, false
	}
	f, ok = parseStamp(cell, 0)
	return f, ok && f.end == len(cell) && f.shape != shapeYearly
}

// rowLen returns the length of the first row of text with its line end: the first line end outside of quotation marks, or the end of the text.
func rowLen(text []byte) int {
	quoted := false
	for i, c := range text {
		switch {
		case c == '"':
			quoted = !quoted
		case c == '\n' && !quoted:
			return i + 1
		}
	}
	return len(text)
}

// rowCells splits a row into at most len(into) cells and returns how many there are.
func rowCells(row []byte, sep byte, into []span) int {
	row = trimEOL(row)
	n, from, quoted := 0, 0, false
	for i := 0; i <= len(row); i++ {
		switch {
		case i == len(row) || row[i] == sep && !quoted:
			into[n] = span{from, i}
			if n++; n == len(into) {
				return n
			}
			from = i + 1
		case row[i] == '"':
			quoted = !quoted
		}
	}
	return n
}

// unquoted returns a cell without blanks and the quotation marks around it.
func unquoted(row []byte, c span) []byte {
	cell := bytes.TrimSpace(row[c.from:c.to])
	if len(cell) >= 2 && cell[0] == '"' && cell[len(cell)-1] == '"' {
		cell = cell[1 : len(cell)-1]
	}
	return cell
}
