package logs

import "casebook/ingest"

// Events as the viewer exports them to a file.
//
//	until Windows 2003   date sep time sep source sep type sep category sep id sep user sep computer sep text          no heading
//	since Windows Vista  level sep date " " time sep source sep id sep category [ sep '"' text '"' ]                   a heading in the language of Windows
//
// sep is a comma, a semicolon or a tab. The columns are told by what stands in them, not by the heading. A text may go over several lines, which belong to the record; it stands
// in the last column, so that a line with the other columns in their places begins a record. Component is the source; the text of the record begins with it, so that the
// ID can be searched for.
//
// Source: the viewer's "Save Log File As" and "Save All Events As", types CSV and text.

var eventTableReader = ingest.Reader{
	Kind: ingest.KindLogEvents,
	Sniff: func(_ string, head []byte) int {
		return sniffLines(head, func(line []byte) bool {
			_, ok := parseEventRow(line)
			return ok
		})
	},
	New: func() ingest.Splitter {
		t := new(eventTable)
		return &blocks{learn: t.learn, begin: t.begin}
	},
}

// eventTable is how a file writes its dates.
type eventTable struct{ order dateOrder }

func (t *eventTable) learn(head []byte) {
	var votes [2]int
	var last numericDate
	for len(head) > 0 {
		n := lineLen(head, true)
		if row, ok := parseEventRow(head[:n]); ok && row.found.shape == shapeNumeric {
			t.order.observe(&row.found.date, row.found.latin)
			vote(&votes, &last, &row.found)
		}
		head = head[n:]
	}
	t.order.elect(votes)
}

func (t *eventTable) begin(line []byte) (st stamp, ok bool) {
	row, ok := parseEventRow(line)
	if !ok {
		return st, false
	}
	st = stamp{text: row.text, component: row.source, severity: row.severity, judged: true}
	f := &row.found
	midnight, dated := f.midnight, f.dated
	if f.shape == shapeNumeric {
		t.order.observe(&f.date, f.latin)
		midnight, dated = t.order.resolve(&f.date)
	}
	if dated {
		st.time = wall(midnight + f.tod)
		if f.offset {
			st.time = st.time.Stated(f.bias)
		}
	}
	return st, true
}

// eventRow is what the line that begins a record says.
type eventRow struct {
	found    foundStamp
	source   span
	severity ingest.Severity
	text     int
}

func parseEventRow(line []byte) (row eventRow, ok bool) {
	if len(line) < 20 {
		return row, false
	}
	for _, sep := range [...]byte{',', '\t', ';'} {
		var part [9]span
		switch n := fields(line, sep, part[:]); {
		case n >= 8 && isDigit(line[0]): // date, time, source, type, category, id, user, computer
			if !isNumber(part[5].in(line)) || part[2].from == part[2].to {
				continue
			}
			when := line[:part[1].to]
			d, ok := parseNumericDate(when, 0)
			if !ok || d.end != part[0].to {
				continue
			}
			f := foundStamp{shape: shapeNumeric, date: d}
			if d.yearFirst {
				f.shape = shapeISO
				f.midnight, f.dated = d.in(orderMonthFirst)
			}
			if sep == ';' { // no gap that clock knows
				rest := append([]byte{' '}, when[part[1].from:]...)
				if !f.clock(rest, 0) {
					continue
				}
			} else if !f.clock(when, d.end) {
				continue
			}
			return eventRow{found: f, source: part[2], severity: eventLevel(part[3].in(line)), text: part[2].from}, true
		case n >= 5 && !isDigit(line[0]): // level, date and time, source, id, category
			when := part[1].in(line)
			if !isNumber(part[3].in(line)) || part[2].from == part[2].to || len(when) < 12 || !stampStart(when, 0) {
				continue
			}
			f, ok := parseStamp(when, 0)
			if !ok || f.shape == shapeYearly || f.end != len(when) {
				continue
			}
			return eventRow{found: f, source: part[2], severity: eventLevel(part[0].in(line)), text: part[2].from}, true
		}
	}
	return row, false
}
