package checks

import (
	"bytes"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"casebook/findings/facts"
	"casebook/ingest"
)

// Events of Windows' event log in all forms of text that people send: the viewer's clipboard and exports of both generations, wevtutil's
// text and XML. An event is told by its source and its number, which are never translated; its message is.

// serviceManager is the source of the events about services and drivers.
const serviceManager = "Service Control Manager"

// eventGroup are the events of one artifact with one number and, numbers within it aside, one message.
type eventGroup struct {
	id     int
	source string
	// text is the message of the first, or the whole event where the form does not part the two; at most maxEventText bytes.
	text    string
	strings []string // the inserted strings, where the form states them (XML)
	binary  string   // the event's data in hexadecimal, where the form states it (XML)
	count   int
	first   *facts.Match
	last    *facts.Match
}

// Bounds of what is kept of one artifact.
const (
	maxEventGroups = 500
	maxEventText   = 1200
)

// eventLog is what an observer tells of one artifact.
type eventLog struct {
	groups []*eventGroup
	kinds  map[string]*facts.Match // by source in lower case the last event that was seen, wanted or not, of those of keep
	newest *facts.Match            // the event with the latest time
	total  int                     // events of the artifact
}

// eventObserver gathers the events of some sources with some numbers.
type eventObserver struct {
	wanted map[string][]int // numbers by source in lower case
	shows  []string         // sources, in lower case, of which the last event is kept to show what log it is
	log    eventLog
	byKey  map[string]*eventGroup
}

func newEventObserver(wanted map[string][]int, shows ...string) *eventObserver {
	o := &eventObserver{wanted: map[string][]int{}, byKey: map[string]*eventGroup{}, log: eventLog{kinds: map[string]*facts.Match{}}}
	for source, ids := range wanted {
		o.wanted[strings.ToLower(source)] = ids
	}
	for _, s := range shows {
		o.shows = append(o.shows, strings.ToLower(s))
	}
	return o
}

// eventKinds are the artifacts that hold events.
var eventKinds = []ingest.Kind{ingest.KindLogEvents}

// See implements facts.Observer.
func (o *eventObserver) See(s *facts.Sight) {
	o.log.total++
	source := eventSource(s.Record.Component)
	if slices.Contains(o.shows, source) {
		if m := o.log.kinds[source]; m == nil || !earlier(s.Record.Time, m.Time) {
			o.log.kinds[source] = s.KeepLine()
		}
	}
	ids := o.wanted[source]
	if ids == nil {
		return
	}
	e, ok := readEvent(s.Record.Raw)
	if !ok || !slices.Contains(ids, e.id) {
		return
	}
	key := fmt.Sprintf("%d %s", e.id, eventKey(e))
	g := o.byKey[key]
	if g == nil {
		if len(o.log.groups) == maxEventGroups {
			return
		}
		g = &eventGroup{id: e.id, source: source, text: e.message, strings: e.strings, binary: e.binary}
		o.byKey[key] = g
		o.log.groups = append(o.log.groups, g)
	}
	g.count++
	// Exports have the newest first or the oldest.
	m := s.KeepFrom(e.from)
	if g.first == nil || earlier(m.Time, g.first.Time) {
		g.first = m
	}
	if g.last == nil || !earlier(m.Time, g.last.Time) {
		g.last = m
	}
}

// End implements facts.Observer.
func (o *eventObserver) End() any {
	if o.log.total == 0 {
		return nil
	}
	return &o.log
}

func earlier(a, b ingest.Time) bool { return a.Wall+int64(a.Bias)*60e6 < b.Wall+int64(b.Bias)*60e6 }

// eventSource is the source of an event as it is compared: providers of Windows Vista and later have a prefix.
func eventSource(component []byte) string {
	return strings.TrimPrefix(strings.ToLower(string(bytes.TrimSpace(component))), "microsoft-windows-")
}

// plainEvent is one event as it was read.
type plainEvent struct {
	id      int
	message string
	strings []string
	binary  string
	from    int // where in the text it says what is worth quoting
}

// readEvent reads number and message of an event from its text; false if it has no number.
func readEvent(raw []byte) (plainEvent, bool) {
	if i := bytes.Index(raw, []byte("<EventID")); i >= 0 && bytes.Contains(raw[:i], []byte("<Event ")) {
		e, ok := readEventXML(raw[i:])
		e.from = i
		if data := bytes.Index(raw, []byte("<EventData")); data >= 0 {
			e.from = data
		}
		return e, ok
	}
	first, _, _ := bytes.Cut(raw, []byte("\n"))
	if e, ok := readEventRow(first, raw); ok {
		return e, true
	}
	return readEventLabels(raw)
}

var (
	eventDatum  = regexp.MustCompile(`(?s)<Data(?:\s[^>]*)?>(.*?)</Data>`)
	eventBinary = regexp.MustCompile(`<Binary>([0-9A-Fa-f]*)</Binary>`)
	eventRender = regexp.MustCompile(`(?s)<Message>(.*?)</Message>`)
)

// readEventXML reads an event from its element EventID on.
func readEventXML(raw []byte) (plainEvent, bool) {
	_, rest, ok := bytes.Cut(raw, []byte(">"))
	number, _, _ := bytes.Cut(rest, []byte("<"))
	id, valid := eventNumber(number)
	if !ok || !valid {
		return plainEvent{}, false
	}
	e := plainEvent{id: id}
	for _, m := range eventDatum.FindAllSubmatch(rest, 16) {
		e.strings = append(e.strings, clipEvent(html.UnescapeString(string(m[1]))))
	}
	if m := eventBinary.FindSubmatch(rest); m != nil {
		e.binary = clipEvent(string(m[1]))
	}
	if m := eventRender.FindSubmatch(rest); m != nil {
		e.message = clipEvent(html.UnescapeString(string(m[1])))
	}
	return e, true
}

// Places of the number and the message in a row of an exported table, see ingest/logs/eventtable.go.
const (
	oldRowNumber, oldRowMessage = 5, 8
	newRowNumber, newRowMessage = 3, 5
)

// readEventRow reads an event of which the first line is a row of a table. The message may go on over the following lines.
func readEventRow(line, raw []byte) (plainEvent, bool) {
	if len(line) < 20 {
		return plainEvent{}, false
	}
	for _, sep := range []byte{',', '\t', ';'} {
		from := cells(raw, sep)
		at, message := newRowNumber, newRowMessage
		if unicode.IsDigit(rune(line[0])) {
			at, message = oldRowNumber, oldRowMessage
		}
		if len(from) <= at+1 || from[at+1] > len(line)+1 {
			continue
		}
		id, ok := eventNumber(raw[from[at] : from[at+1]-1])
		if !ok {
			continue
		}
		e := plainEvent{id: id}
		if len(from) > message {
			e.message = clipEvent(strings.Trim(strings.TrimSpace(string(raw[from[message]:])), `"`))
		}
		return e, true
	}
	return plainEvent{}, false
}

// cells returns where the first cells of a row begin, quoted ones with their mark. The last cell holds the rest.
func cells(raw []byte, sep byte) []int {
	const most = 9
	from := []int{0}
	quoted := false
	for i, c := range raw {
		switch {
		case c == '"':
			quoted = !quoted
		case c == sep && !quoted:
			from = append(from, i+1)
			if len(from) == most {
				return from
			}
		case c == '\n' && !quoted:
			return from
		}
	}
	return from
}

// readEventLabels reads an event of labelled lines: the fourth label's value is its number in all of these forms.
func readEventLabels(raw []byte) (plainEvent, bool) {
	const (
		numberAt  = 3
		described = 8 // the first place of the label that the message follows on the next line
		labels    = 12
	)
	n, at := 0, 0
	e := plainEvent{}
	for at < len(raw) && n < labels {
		line := raw[at:]
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line = line[:i+1]
		}
		at += len(line)
		_, value, ok := cutLabel(line)
		if !ok {
			if n == 0 {
				continue // wevtutil's head
			}
			if n > numberAt {
				at -= len(line)
			}
			break
		}
		if n == numberAt {
			if e.id, ok = eventNumber(value); !ok {
				return e, false
			}
			e.from = at - len(line)
		}
		if n >= described && len(value) == 0 {
			n++
			break
		}
		n++
	}
	if n <= numberAt {
		return e, false
	}
	e.message = clipEvent(strings.TrimSpace(string(raw[at:])))
	return e, true
}

// cutLabel splits "label: value"; the colon of East Asian languages is a character of its own.
func cutLabel(line []byte) (label, value []byte, ok bool) {
	label, value, ok = bytes.Cut(line, []byte(":"))
	if l, v, wide := bytes.Cut(line, []byte("：")); wide && (!ok || len(l) < len(label)) {
		label, value, ok = l, v, true
	}
	const longest = 60
	if !ok || len(label) > longest || bytes.ContainsAny(label, "[]0123456789.") {
		return nil, nil, false
	}
	return bytes.TrimSpace(label), bytes.TrimSpace(value), true
}

// eventNumber reads an event's number, with the marks that locales put between thousands. The 32-bit identifiers of some exports hold
// severity and facility in their upper half.
func eventNumber(b []byte) (int, bool) {
	var digits []byte
	for _, c := range bytes.Trim(bytes.TrimSpace(b), `"`) {
		switch {
		case c >= '0' && c <= '9':
			digits = append(digits, c)
		case c == '.' || c == ',' || c == ' ' || c == 0xC2 || c == 0xA0:
		default:
			return 0, false
		}
	}
	n, err := strconv.ParseUint(string(digits), 10, 32)
	return int(n & 0xFFFF), err == nil
}

func clipEvent(s string) string {
	if len(s) <= maxEventText {
		return s
	}
	return strings.ToValidUTF8(s[:maxEventText], "")
}

// eventKey is what events that say the same have in common: the first of their strings, or the message without its numbers.
func eventKey(e plainEvent) string {
	if len(e.strings) > 0 {
		return e.strings[0] + "\x00" + e.binary
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, e.message)
}

// span says how many events there are and in what time.
func (g *eventGroup) span() string {
	first, ok := g.first.Time.Local()
	last, too := g.last.Time.Local()
	switch {
	case g.count == 1 && ok:
		return "once, on " + first.Format(time.DateTime)
	case g.count == 1:
		return "once"
	case ok && too:
		return fmt.Sprintf("%d times, from %s to %s", g.count, first.Format(time.DateTime), last.Format(time.DateTime))
	}
	return fmt.Sprintf("%d times", g.count)
}

// said is what the group's event says in words: the message, else its strings.
func (g *eventGroup) said() string {
	if g.text != "" {
		return g.text
	}
	return strings.Join(g.strings, " | ")
}
