package logs

import (
	"bytes"

	"casebook/ingest"
)

// Events as the viewer puts them on the clipboard.
//
//	record = label ":" value / … / text                       each label on a line of its own, in the language of Windows
//
//	until Windows 2003   Event Type, Event Source, Event Category, Event ID, Date, Time, User, Computer, Description, Data
//	since Windows Vista  Log Name, Source, Date, Event ID, Task Category, Level, Keywords, User, Computer, Description, Event Xml
//
// The order of the labels tells the form, whatever they are called: a number in the fourth place, and a date in the fifth with a time in the sixth, or both in
// the third. The first label then begins each record. Component is the source. Date and time are in the format of the locale; dates.go says how their order is told.
//
// Source: the viewer's "Copy" button and "Copy Details as Text".

var eventClipReader = ingest.Reader{
	Kind: ingest.KindLogEvents,
	Sniff: func(_ string, head []byte) int {
		var c eventClip
		c.learn(head)
		switch {
		case len(c.first) == 0:
			return 0
		case c.at == 0:
			return scoreFirst
		}
		return scoreLater
	},
	New: func() ingest.Splitter {
		c := new(eventClip)
		return &blocks{learn: c.learn, begin: c.begin, finish: c.finish}
	},
}

// eventClip is how a file writes its events.
type eventClip struct {
	first  []byte // the label that begins an event; empty if there is none
	at     int    // index of the line of the first event
	modern bool   // of Windows Vista and later
	order  dateOrder
}

// clipLabels is how many labels of an event are looked at.
const clipLabels = 9

// clipValues collects the values of labelled lines that follow each other.
type clipValues struct {
	label [clipLabels][]byte
	value [clipLabels][]byte
	n     int
}

// add takes a line; it returns false if the line has no label.
func (v *clipValues) add(line []byte) bool {
	label, value, ok := labelled(line)
	if !ok || v.n == clipLabels {
		return false
	}
	v.label[v.n], v.value[v.n] = label, value
	v.n++
	return true
}

// when reads the time of the event; modern tells the form.
func (v *clipValues) when() (f foundStamp, modern, ok bool) {
	if v.n < 6 || !isNumber(v.value[3]) {
		return f, false, false
	}
	if b := v.value[2]; len(b) > 0 && stampStart(b, 0) {
		if f, ok = parseStamp(b, 0); ok && f.shape != shapeYearly {
			return f, true, true
		}
	}
	d, ok := parseNumericDate(v.value[4], 0)
	if !ok {
		return f, false, false
	}
	f.date, f.shape = d, shapeNumeric
	if d.yearFirst {
		f.shape = shapeISO
		f.midnight, f.dated = d.in(orderMonthFirst)
	}
	return f, false, f.clock(append([]byte{' '}, v.value[5]...), 0)
}

// learn finds the first event of the head, and the order of its dates.
func (c *eventClip) learn(head []byte) {
	var v clipValues
	lines := 0
	for at := 0; at < len(head); lines++ {
		n := lineLen(head[at:], true)
		line := head[at : at+n]
		at += n
		if len(c.first) > 0 {
			if !bytes.HasPrefix(line, c.first) && v.n == 0 {
				continue
			}
		} else if lines > 2*sniffedLines {
			return
		}
		if !v.add(line) {
			v.n = 0
			continue
		}
		if v.n < clipLabels-1 {
			continue
		}
		f, modern, ok := v.when()
		if !ok { // perhaps the lines before belong to something else
			copy(v.label[:], v.label[1:])
			copy(v.value[:], v.value[1:])
			v.n--
			continue
		}
		if len(c.first) == 0 {
			c.first, c.at, c.modern = append(bytes.Clone(v.label[0]), ':'), lines-v.n+1, modern
			if bytes.Contains(head[:at], append(bytes.Clone(v.label[0]), "："...)) {
				c.first = append(bytes.Clone(v.label[0]), "："...)
			}
		}
		if f.shape == shapeNumeric {
			c.order.observe(&f.date, f.latin)
		}
		v.n = 0
	}
}

func (c *eventClip) begin(line []byte) (st stamp, ok bool) {
	return stamp{judged: true}, len(c.first) > 0 && bytes.HasPrefix(line, c.first)
}

// finish reads the labels of a record.
func (c *eventClip) finish(r ingest.Record) ingest.Record {
	var v clipValues
	for at := 0; at < len(r.Raw); {
		n := lineLen(r.Raw[at:], true)
		if !v.add(r.Raw[at : at+n]) {
			break
		}
		at += n
	}
	f, modern, ok := v.when()
	if !ok {
		return r
	}
	midnight, dated := f.midnight, f.dated
	if f.shape == shapeNumeric {
		c.order.observe(&f.date, f.latin)
		midnight, dated = c.order.resolve(&f.date)
	}
	if dated {
		r.Time = wall(midnight + f.tod)
		if f.offset {
			r.Time = r.Time.Stated(f.bias)
		}
	}
	r.Component, r.Severity = v.value[1], eventLevel(v.value[0])
	if modern {
		r.Severity = eventLevel(v.value[5])
	}
	if len(r.Component) == 0 {
		r.Component = nil
	}
	return r
}
