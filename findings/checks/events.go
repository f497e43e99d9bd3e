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
	"unicode/utf8"

	"casebook/findings/facts"
	"casebook/hive"
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
	shown  map[string]*facts.Match // by source in lower case the last event, wanted or not, of the sources that show what log it is
	oldest ingest.Time             // of all events that have a time
	newest ingest.Time
	total  int // events of the artifact
	unread int // events of a wanted source whose number could not be read
}

// eventObserver gathers the events of some sources with some numbers.
type eventObserver struct {
	wanted map[string][]int      // numbers by source in lower case
	accept func(plainEvent) bool // of the wanted events those to keep; nil keeps all
	shows  []string              // sources, in lower case, of which the last event is kept to show what log it is
	log    eventLog
	byKey  map[string]*eventGroup

	component []byte // of the last event, and its source
	source    string
}

func newEventObserver(wanted map[string][]int, shows ...string) *eventObserver {
	o := &eventObserver{wanted: map[string][]int{}, byKey: map[string]*eventGroup{}, log: eventLog{shown: map[string]*facts.Match{}}}
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
	if t := s.Record.Time; t.Zone != ingest.ZoneNone {
		if o.log.oldest.Zone == ingest.ZoneNone || earlier(t, o.log.oldest) {
			o.log.oldest = t
		}
		if o.log.newest.Zone == ingest.ZoneNone || earlier(o.log.newest, t) {
			o.log.newest = t
		}
	}
	// One source often writes many events in a row.
	if !bytes.Equal(s.Record.Component, o.component) {
		o.component, o.source = append(o.component[:0], s.Record.Component...), eventSource(s.Record.Component)
	}
	source := o.source
	if slices.Contains(o.shows, source) {
		if m := o.log.shown[source]; m == nil || !earlier(s.Record.Time, m.Time) {
			o.log.shown[source] = s.KeepLine()
		}
	}
	ids := o.wanted[source]
	if ids == nil {
		return
	}
	e, ok := readEvent(s.Record.Raw)
	if !ok {
		o.log.unread++
	}
	if !ok || !slices.Contains(ids, e.id) || o.accept != nil && !o.accept(e) {
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

// eventsSeen returns the first and the last event of each message that the check's observer has kept.
func eventsSeen(f *facts.Facts, check string) []facts.Match {
	var out []facts.Match
	for _, l := range facts.Observed[*eventLog](f, check) {
		for _, g := range l.Value.groups {
			out = append(out, *g.first)
			if g.last.Ref != g.first.Ref {
				out = append(out, *g.last)
			}
		}
	}
	return out
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

// readEventXML reads an event from its element EventID on.
func readEventXML(raw []byte) (plainEvent, bool) {
	_, rest, ok := bytes.Cut(raw, []byte(">"))
	number, _, _ := bytes.Cut(rest, []byte("<"))
	id, valid := eventNumber(number)
	if !ok || !valid {
		return plainEvent{}, false
	}
	e := plainEvent{id: id}
	const most = 16
	for left := rest; len(e.strings) < most; {
		var datum []byte
		if datum, left, ok = xmlElement(left, "Data"); !ok {
			break
		}
		e.strings = append(e.strings, clipEvent(html.UnescapeString(string(datum))))
	}
	if binary, _, ok := xmlElement(rest, "Binary"); ok {
		e.binary = clipEvent(string(binary))
	}
	if message, _, ok := xmlElement(rest, "Message"); ok {
		e.message = clipEvent(html.UnescapeString(string(message)))
	}
	return e, true
}

// xmlElement returns what the first element of that name holds, which must be no element of the same name, and what stands behind it; false if there is none that ends.
func xmlElement(b []byte, name string) (content, rest []byte, ok bool) {
	for open := []byte("<" + name); ; {
		_, tag, found := bytes.Cut(b, open)
		if !found {
			return nil, nil, false
		}
		if b = tag; len(tag) == 0 || tag[0] != '>' && !unicode.IsSpace(rune(tag[0])) {
			continue // the name goes on
		}
		start, content, found := bytes.Cut(tag, []byte(">"))
		switch {
		case !found:
			return nil, nil, false
		case bytes.HasSuffix(start, []byte("/")):
			return nil, content, true
		}
		return bytes.Cut(content, []byte("</"+name+">"))
	}
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
	if !ok || len(label) > longest || bytes.ContainsAny(label, "0123456789") {
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

// clockText is a time as the log's clock shows it, which for XML is UTC; "" if there is none.
func clockText(t ingest.Time) string {
	wall, ok := t.Local()
	switch {
	case !ok:
		return ""
	case t.Zone == ingest.ZoneStated && t.Bias == 0:
		return wall.Format(time.DateTime) + " UTC"
	}
	return wall.Format(time.DateTime)
}

// span says how many events there are and in what time.
func (g *eventGroup) span() string {
	first, last := clockText(g.first.Time), clockText(g.last.Time)
	switch {
	case g.count == 1 && first != "":
		return "once, on " + first
	case first != "" && last != "":
		return fmt.Sprintf("%s, from %s to %s", times(g.count), first, last)
	}
	return times(g.count)
}

// window says from when to when an artifact's events are; "" if they have no time.
func (l *eventLog) window() string {
	from, to := clockText(l.oldest), clockText(l.newest)
	if from == "" || to == "" {
		return ""
	}
	return "from " + from + " to " + to
}

// boots are the sources and numbers that say that Windows has started: the event log's own, of all releases, and the kernel's.
var boots = map[string][]int{"eventlog": {6005, 6009}, "kernel-general": {12}}

// booted is the last start of Windows that the artifact shows; nil if it shows none.
func (l *eventLog) booted() *facts.Match {
	var last *facts.Match
	for _, g := range l.groups {
		if slices.Contains(boots[g.source], g.id) && (last == nil || earlier(last.Time, g.last.Time)) {
			last = g.last
		}
	}
	return last
}

// bootedSince is a start of Windows after t that lies at least a settling time before the artifact's last event, so that what failed at
// that start would stand in it; nil if there is none.
func (l *eventLog) bootedSince(t ingest.Time) *facts.Match {
	const settling = 10 * time.Minute
	b := l.booted()
	if b == nil || t.Zone == ingest.ZoneNone || !earlier(t, b.Time) {
		return nil
	}
	from, _ := b.Time.Local()
	if to, ok := l.newest.Local(); !ok || to.Sub(from) < settling {
		return nil
	}
	return b
}

// said is what the group's event says in words: the message, else its strings.
func (g *eventGroup) said() string {
	if g.text != "" {
		return g.text
	}
	return strings.Join(g.strings, " | ")
}

// Service names in messages that the registry does not explain: between quotation marks of any language, or as English and French put them.
var serviceInMessage = []*regexp.Regexp{
	regexp.MustCompile(`["“„«»]\s?([^"“”„«»\n]{2,80}?)\s?["”“»«]`),
	regexp.MustCompile(`(?i)\bThe (.{2,80}?) service\b`),
	regexp.MustCompile(`(?i)\bLe service (.{2,80}?) (?:s'est|s’est|n'a|n’a|a cessé|s'arrêtera)`),
}

// serviceOf returns the service or driver that an event of the service manager speaks of: its name as the event has it, and what the
// registry has under that name. The name is "" where it can't be told from the words of the language.
func (g *eventGroup) serviceOf(all []hive.Service) (name string, known *hive.Service) {
	named := func(s string) *hive.Service {
		for i := range all {
			if strings.EqualFold(all[i].Name, s) || strings.EqualFold(all[i].DisplayName, s) {
				return &all[i]
			}
		}
		return nil
	}
	if len(g.strings) > 0 && !isDigits(g.strings[0]) {
		name = strings.TrimSpace(g.strings[0])
		return name, named(name)
	}
	message := g.said()
	for i := range all {
		for _, n := range []string{all[i].DisplayName, all[i].Name} {
			if len(n) > 3 && len(n) > len(name) && wholeWord(message, n) {
				name, known = n, &all[i]
			}
		}
	}
	if name != "" {
		return name, known
	}
	for _, re := range serviceInMessage {
		if m := re.FindStringSubmatch(message); m != nil {
			name := m[1]
			if i := strings.LastIndex(strings.ToLower(name), " the "); i >= 0 { // the pattern begins at the first article
				name = name[i+len(" the "):]
			}
			return strings.TrimSpace(name), named(strings.TrimSpace(name))
		}
	}
	return "", nil
}

func isDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// wholeWord reports whether text holds a name that no letter or digit goes on from.
func wholeWord(text, name string) bool {
	text, name = strings.ToLower(text), strings.ToLower(name)
	for at := 0; ; {
		i := strings.Index(text[at:], name)
		if i < 0 {
			return false
		}
		before, _ := utf8.DecodeLastRuneInString(text[:at+i])
		after, _ := utf8.DecodeRuneInString(text[at+i+len(name):])
		if !isWordRune(before) && !isWordRune(after) {
			return true
		}
		at += i + 1
	}
}

// isWordRune: letters of scripts without blanks between words do not go on a name in Latin letters.
func isWordRune(r rune) bool {
	return r != utf8.RuneError && (unicode.IsDigit(r) || unicode.IsLetter(r) && !unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul))
}
