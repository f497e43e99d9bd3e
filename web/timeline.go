package web

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"casebook/findings"
)

// The measures of a chart. The plots are stretched to the width of their place, so that lengths along the axis have no unit.
const (
	plotWidth  = 1000.0
	plotAbove  = 24.0 // height above the base line: all records
	plotBelow  = 14.0 // depth below it: errors and warnings
	maxColumns = 200  // of the sum of all logs
	wideFactor = 3    // the axis is clipped where all records take this many times the span of nearly all of them
	maxTicks   = 6
	glyphSlots = 60 // marks of one kind within a sixtieth of the axis are drawn as one
)

// chart is the time line of logs whose times can be compared: all of them in UTC, or each by a clock of unknown offset.
type chart struct {
	utc      bool
	from, to int64 // the axis, in Unix seconds
	step     int64 // the width of a column
	columns  []column
	rows     []strip
	lanes    []lane
	marks    []mark // all of them, in the order of time
	outside  []outlier
	incident float64 // where it is on the axis; below 0 if it is not
	most     float64 // records of the fullest column
}

// column is a span of time of the sum of all logs.
type column struct {
	start                     int64
	records, warnings, errors float64
}

// strip is one log.
type strip struct {
	findings.TimelineLog
	records, warnings, errors int
	first, last               string // its first and its last bin
	lines                     []float64
}

// lane is a row of marks of one kind.
type lane struct {
	kind   findings.MarkKind
	glyphs []glyph
}

// glyph stands for the marks of one kind that are close to each other.
type glyph struct {
	at    float64 // 0 to 1
	marks []mark
}

// mark is a mark with its place on the axis.
type mark struct {
	findings.Mark
	anchor  string
	seconds int64
	on      bool // the axis
}

// outlier says what of a log lies outside of the axis.
type outlier struct {
	artifact    string
	records     int
	first, last string
}

// seconds reads a time of the time line.
func seconds(s string) (int64, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Unix(), true
		}
	}
	return 0, false
}

// newChart makes the chart of the logs and marks of one kind of clock, nil if there are none.
func newChart(t *findings.Timeline, utc bool) *chart {
	c := &chart{utc: utc, incident: -1}
	for _, l := range t.Logs {
		if l.UTC != utc {
			continue
		}
		s := strip{TimelineLog: l}
		for _, b := range l.Bins {
			s.records += b.Records
			s.warnings += b.Warnings
			s.errors += b.Errors
		}
		if n := len(l.Bins); n > 0 {
			s.first, s.last = l.Bins[0].Time, l.Bins[n-1].Time
		}
		c.rows = append(c.rows, s)
	}
	for i, m := range t.Marks {
		if m.UTC != utc {
			continue
		}
		at, _ := seconds(m.Time)
		c.marks = append(c.marks, mark{Mark: m, anchor: "mark." + strconv.Itoa(i+1), seconds: at})
	}
	if len(c.rows)+len(c.marks) == 0 {
		return nil
	}
	c.axis(max(1, t.StepSeconds))
	c.sum()
	c.placeMarks()
	return c
}

// axis chooses the span of time that is shown. If all of it is several times as long as what holds 99 of 100 records, it is clipped to the latter and
// to the marks that are near.
func (c *chart) axis(step int64) {
	type span struct {
		from, to int64
		records  int
	}
	var spans []span
	total := 0
	for _, l := range c.rows {
		for _, b := range l.Bins {
			if at, ok := seconds(b.Time); ok {
				spans = append(spans, span{at, at + max(1, l.StepSeconds), b.Records})
				total += b.Records
			}
		}
	}
	if len(spans) == 0 { // marks alone
		for _, m := range c.marks {
			spans = append(spans, span{m.seconds, m.seconds + 1, 1})
			total++
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	from, to := spans[0].from, spans[0].to
	low, high := from, to
	for _, s := range spans {
		to = max(to, s.to)
	}
	seen := 0
	for _, s := range spans {
		if seen*200 < total { // less than half a percent lies before it
			low = s.from
		}
		if seen*200 <= total*199 {
			high = max(s.to, low+1)
		}
		seen += s.records
	}
	for _, m := range c.marks {
		from, to = min(from, m.seconds), max(to, m.seconds+1)
	}
	if to-from > wideFactor*(high-low) {
		near := high - low
		from, to = low, high
		for _, m := range c.marks {
			if m.seconds >= low-near && m.seconds < high+near {
				from, to = min(from, m.seconds), max(to, m.seconds+1)
			}
		}
	}
	c.step = step
	for (to-from)/c.step >= maxColumns {
		c.step *= 2
	}
	c.from = from - mod(from, c.step)
	c.to = to + c.step - 1 - mod(to-1, c.step)
	if pad := (c.to - c.from) / 50; pad > 0 { // marks at either end need room
		c.from, c.to = c.from-pad, c.to+pad
	}
}

// mod is the remainder towards negative infinity.
func mod(a, b int64) int64 { return ((a % b) + b) % b }

// x is a time's place on the axis, from 0 to 1 where it is within.
func (c *chart) x(at int64) float64 { return float64(at-c.from) / float64(c.to-c.from) }

// sum counts the records of all logs in columns. A bin that is wider than a column is spread over those that it covers.
func (c *chart) sum() {
	begin := c.from - mod(c.from, c.step)
	c.columns = make([]column, (c.to-begin+c.step-1)/c.step)
	for i := range c.columns {
		c.columns[i].start = begin + int64(i)*c.step
	}
	for _, l := range c.rows {
		out := outlier{artifact: l.Artifact}
		for _, b := range l.Bins {
			at, ok := seconds(b.Time)
			if !ok {
				continue
			}
			width := max(1, l.StepSeconds)
			first, last := (at-begin)/c.step, (at+width-1-begin)/c.step
			if at+width <= c.from || at >= c.to || last < 0 || first >= int64(len(c.columns)) {
				out.records += b.Records
				out.first = cmp.Or(out.first, b.Time)
				out.last = b.Time
				continue
			}
			share := 1 / float64(last-first+1)
			for i := max(first, 0); i <= min(last, int64(len(c.columns))-1); i++ {
				x := &c.columns[i]
				x.records += share * float64(b.Records)
				x.warnings += share * float64(b.Warnings)
				x.errors += share * float64(b.Errors)
				c.most = max(c.most, x.records)
			}
		}
		if out.records > 0 {
			c.outside = append(c.outside, out)
		}
	}
}

// placeMarks puts the marks on the axis and joins those that would cover each other.
func (c *chart) placeMarks() {
	lanes := map[findings.MarkKind]*lane{}
	for i := range c.marks {
		m := &c.marks[i]
		at := c.x(m.seconds)
		m.on = at >= 0 && at <= 1
		if !m.on {
			continue
		}
		if m.Kind == findings.MarkIncident {
			c.incident = at
		}
		l := lanes[m.Kind]
		if l == nil {
			l = &lane{kind: m.Kind}
			lanes[m.Kind] = l
		}
		if n := len(l.glyphs); n == 0 || at-l.glyphs[n-1].at >= 1.0/glyphSlots {
			l.glyphs = append(l.glyphs, glyph{at: at})
		}
		g := &l.glyphs[len(l.glyphs)-1]
		g.marks = append(g.marks, *m)
		for j := range c.rows {
			if r := &c.rows[j]; r.Artifact == m.Artifact && m.Kind == findings.MarkFinding {
				r.lines = append(r.lines, at)
			}
		}
	}
	for _, kind := range markKinds {
		if l := lanes[kind]; l != nil {
			c.lanes = append(c.lanes, *l)
			delete(lanes, kind)
		}
	}
	for _, m := range c.marks { // a kind that is none of the vocabulary
		if l := lanes[m.Kind]; l != nil {
			c.lanes = append(c.lanes, *l)
			delete(lanes, m.Kind)
		}
	}
}

// markKinds is the order of the lanes.
var markKinds = []findings.MarkKind{
	findings.MarkIncident, findings.MarkFinding, findings.MarkKey, findings.MarkBoot, findings.MarkShutdown, findings.MarkInstall, findings.MarkCapture, findings.MarkClockJump, findings.MarkGap,
}

// markLetter is what a mark of a kind is drawn with.
func markLetter(k findings.MarkKind) string {
	switch k {
	case findings.MarkIncident:
		return "!"
	case findings.MarkFinding:
		return "F"
	case findings.MarkKey:
		return "K"
	case findings.MarkBoot:
		return "B"
	case findings.MarkShutdown:
		return "S"
	case findings.MarkInstall:
		return "I"
	case findings.MarkCapture:
		return "C"
	case findings.MarkClockJump:
		return "J"
	case findings.MarkGap:
		return "G"
	}
	return "?"
}

// shape is the outline of a mark of a kind around its middle.
func shape(k findings.MarkKind) string {
	switch k {
	case findings.MarkIncident:
		return "M0-10 9 7H-9z"
	case findings.MarkFinding:
		return "M0-10 10 0 0 10-10 0z"
	case findings.MarkKey:
		return "M-9-5 0-10 9-5V5L0 10-9 5z"
	case findings.MarkBoot:
		return "M-8 9V-3L0-10 8-3V9z"
	case findings.MarkShutdown:
		return "M-8-9V3L0 10 8 3V-9z"
	case findings.MarkInstall:
		return "M-8-8H8V8H-8z"
	case findings.MarkCapture:
		return "M-9 0a9 9 0 1 1 18 0a9 9 0 1 1-18 0"
	case findings.MarkClockJump:
		return "M-10 0-5-9H5L10 0 5 9H-5z"
	case findings.MarkGap:
		return "M-11-6H11V6H-11z"
	}
	return "M-8-8H8V8H-8z"
}

// markClass is the style sheet's class of a mark.
func markClass(k findings.MarkKind) string {
	switch k {
	case findings.MarkIncident, findings.MarkFinding:
		return "mk strong"
	case findings.MarkClockJump, findings.MarkGap:
		return "mk odd"
	default:
		return "mk"
	}
}

// bars draws the columns of a plot as outlines: the records above the base line, the errors and behind them the warnings below it. Heights grow with
// the logarithm of the number, so that one error is seen beside thousands of records.
func (c *chart) bars(columns []column, width int64, most float64) (records, warnings, errors string) {
	var up, warn, bad strings.Builder
	full := math.Log1p(most)
	for _, x := range columns {
		a, b := c.x(x.start)*plotWidth, c.x(x.start+width)*plotWidth
		if b <= 0 || a >= plotWidth || x.records == 0 {
			continue
		}
		a, b = max(a, 0), min(b, plotWidth)
		b = max(b, a+1)
		bar := func(to *strings.Builder, n, room float64) {
			if n <= 0 {
				return
			}
			h := math.Max(math.Abs(room)*math.Log1p(n)/full, 2)
			if room < 0 {
				h = -h
			}
			fmt.Fprintf(to, "M%s %sV%sH%sV%sz", short(a), short(plotAbove), short(plotAbove-h), short(b), short(plotAbove))
		}
		bar(&up, x.records, plotAbove)
		bar(&warn, x.warnings+x.errors, -plotBelow)
		bar(&bad, x.errors, -plotBelow)
	}
	return up.String(), warn.String(), bad.String()
}

// short writes a length with one decimal at most.
func short(f float64) string { return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64) }

// percent writes a place on the axis.
func percent(f float64) string {
	return strconv.FormatFloat(math.Round(f*10000)/100, 'f', -1, 64) + "%"
}

// total draws the sum of all logs.
func (c *chart) total() (records, warnings, errors string) { return c.bars(c.columns, c.step, c.most) }

// row draws one log.
func (c *chart) row(s strip) (records, warnings, errors string) {
	columns := make([]column, 0, len(s.Bins))
	for _, b := range s.Bins {
		if at, ok := seconds(b.Time); ok {
			columns = append(columns, column{at, float64(b.Records), float64(b.Warnings), float64(b.Errors)})
		}
	}
	return c.bars(columns, max(1, s.StepSeconds), max(c.most, 1))
}

// upright draws lines across a plot.
func upright(at ...float64) string {
	var b strings.Builder
	for _, x := range at {
		fmt.Fprintf(&b, "M%s 0V%s", short(x*plotWidth), short(plotAbove+plotBelow))
	}
	return b.String()
}

// edge is how near to the beginning of the axis a label begins at its tick, so that it does not reach over what stands before the axis.
const edge = 0.05

// tick is a label of the axis.
type tick struct {
	at    float64
	label string
}

// ticks labels the axis at round times.
func (c *chart) ticks() []tick {
	var out []tick
	span := c.to - c.from
	steps := []int64{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 2 * 86400, 4 * 86400, 7 * 86400, 14 * 86400}
	for _, s := range steps {
		if span/s > maxTicks {
			continue
		}
		for at := c.from + mod(-c.from, s); at <= c.to; at += s {
			out = append(out, tick{c.x(at), tickLabel(at, s)})
		}
		return out
	}
	months := 1
	for ; span/(int64(months)*30*86400) > maxTicks; months *= 2 {
	}
	first := time.Unix(c.from, 0).UTC()
	for i := 0; ; i++ {
		m := (int(first.Month()) - 1) / months * months
		at := time.Date(first.Year(), time.Month(m+1+i*months), 1, 0, 0, 0, 0, time.UTC)
		if at.Unix() > c.to || i > 2*maxTicks+2 {
			return out
		}
		if at.Unix() >= c.from {
			out = append(out, tick{c.x(at.Unix()), at.Format("Jan 2006")})
		}
	}
}

// tickLabel writes a time of the axis: the day at midnight, else the hour.
func tickLabel(at, step int64) string {
	t := time.Unix(at, 0).UTC()
	switch {
	case mod(at, 86400) == 0:
		return t.Format("2 Jan")
	case step < 60:
		return t.Format("15:04:05")
	}
	return t.Format("15:04")
}

// span says in words from when to when the axis goes.
func (c *chart) span() string {
	from, to := time.Unix(c.from, 0).UTC(), time.Unix(c.to, 0).UTC()
	s := span(from.Format(time.RFC3339), to.Format(time.RFC3339))
	if !c.utc {
		s = strings.TrimSuffix(s, " UTC")
	}
	return s
}

// sums counts the chart's records.
func (c *chart) sums() (records, warnings, errors int) {
	for _, r := range c.rows {
		records += r.records
		warnings += r.warnings
		errors += r.errors
	}
	return records, warnings, errors
}

// counts are the chart's numbers for a reader who does not see it, in at most [maxColumns] rows: each log's bins by their beginning.
func (c *chart) counts() []column {
	byStart := map[int64]*column{}
	var out []*column
	for _, l := range c.rows {
		for _, b := range l.Bins {
			at, ok := seconds(b.Time)
			if !ok || at < c.from || at >= c.to {
				continue
			}
			at -= mod(at, c.step)
			x := byStart[at]
			if x == nil {
				x = &column{start: at}
				byStart[at] = x
				out = append(out, x)
			}
			x.records += float64(b.Records)
			x.warnings += float64(b.Warnings)
			x.errors += float64(b.Errors)
		}
	}
	slices.SortFunc(out, func(a, b *column) int { return cmp.Compare(a.start, b.start) })
	list := make([]column, len(out))
	for i, x := range out {
		list[i] = *x
	}
	return list
}

// at writes a time of the chart.
func (c *chart) at(seconds int64) string {
	s := time.Unix(seconds, 0).UTC().Format("2006-01-02 15:04:05")
	if c.utc {
		s += " UTC"
	}
	return s
}

// wall writes a time of the time line, which has no offset where the log's clock is not known.
func wall(s string) string {
	if t, err := time.Parse("2006-01-02T15:04:05.999999999", s); err == nil {
		return t.Format("2006-01-02 15:04:05")
	}
	return moment(s)
}

// glyphTitle says what a glyph stands for.
func glyphTitle(g glyph) string {
	var s []string
	for i, m := range g.marks {
		if i == maxBriefs {
			s = append(s, "and "+number(len(g.marks)-i)+" more")
			break
		}
		s = append(s, wall(m.Time)+" "+clip(m.Label, maxNoteQuote))
	}
	return strings.Join(s, "; ")
}

// beyond counts the marks outside of the axis.
func (c *chart) beyond() (n int) {
	for _, m := range c.marks {
		if !m.on {
			n++
		}
	}
	return n
}

// drawn draws one log, or all of them.
func (c *chart) drawn(one *strip) (records, warnings, errors string) {
	if one == nil {
		return c.total()
	}
	return c.row(*one)
}

// chartShown is the chart of the first page: of certain times, else of the others.
func (v *view) chartShown() *chart {
	if v.utc != nil && len(v.utc.rows) > 0 || v.local == nil {
		return v.utc
	}
	return v.local
}

// localID is the anchor of the second chart, or of the only one.
func localID(v *view) string {
	if v.utc == nil {
		return "timeline"
	}
	return "timeline-local"
}

// zones lists the machines' clocks, for the switch to local time: "minutes,from:minutes,…|name" separated by line breaks, with the minutes ahead of UTC and from when on in Unix
// seconds. Where the rules of daylight saving time are not known, it is standard time all year.
func zones(v *view, c *chart) string {
	if !c.utc {
		return ""
	}
	var out []string
	for _, m := range v.Machines {
		if m.TimeZone == nil {
			continue
		}
		s := strconv.Itoa(-m.TimeZone.BiasMinutes) + "|" + plain(systemName(m.ID)) + ", standard time " + offset(m.TimeZone.BiasMinutes)
		if list := m.TimeZone.Offsets; len(list) > 0 {
			parts := []string{strconv.Itoa(-list[0].BiasMinutes)}
			for _, o := range list[1:] {
				if at, ok := seconds(o.From); ok {
					parts = append(parts, strconv.FormatInt(at, 10)+":"+strconv.Itoa(-o.BiasMinutes))
				}
			}
			s = strings.Join(parts, ",") + "|" + plain(systemName(m.ID)) + ", local time"
		}
		if !slices.Contains(out, s) && len(out) < maxRows {
			out = append(out, s)
		}
	}
	return strings.Join(out, "\n")
}
