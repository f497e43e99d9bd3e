package web

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"html"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"casebook/findings"
	"casebook/ingest"
)

// A page of a log ends at the record that reaches one of these.
const (
	leafRecords = 4000
	leafBytes   = 1 << 20 // of HTML
)

// maxRecordText is how many bytes of one record's text a page shows.
const maxRecordText = 64 << 10

// drawLogs draws the pages of the logs that are to be shown.
func (s *Site) drawLogs(v *view, create func(name string) (io.WriteCloser, error)) error {
	if s.Records == nil || s.Logs == LogsNone {
		return nil
	}
	used := anchors{}
	left := int64(logBudget)
	for _, l := range s.choose(v) {
		if s.Logs != LogsAll && l.Bytes > left {
			s.unseen[l.Path] = fmt.Sprintf("It is not shown here: with it the logs of this report would take more than %s. Analyse with --logs all to have them in full.", size(logBudget))
			continue
		}
		left -= l.Bytes
		d := &logDrawer{view: v, log: l, name: FolderLogs + "/" + used.take(slug(l.Path)), create: create}
		if err := d.draw(s.Records(l.Path)); err != nil {
			return err
		}
		s.places[l.Path] = d.leaves
	}
	return nil
}

// shownLog is a log that is to be shown.
type shownLog struct {
	findings.Artifact
	cited map[int][]citation // by line
}

// citation is a piece of evidence that a line is.
type citation struct {
	quote  string
	anchor string // on the index page
	title  string
}

// choose returns the logs to show: those that the evidence of findings cites first, by the order of the findings.
func (s *Site) choose(v *view) []shownLog {
	cited := map[string]map[int][]citation{}
	var order []string
	cite := func(e findings.Evidence, c citation) {
		if e.Line < 1 || e.Artifact == "" {
			return
		}
		if cited[e.Artifact] == nil {
			cited[e.Artifact] = map[int][]citation{}
			order = append(order, e.Artifact)
		}
		cited[e.Artifact][e.Line] = append(cited[e.Artifact][e.Line], c)
	}
	for _, group := range [][]item{v.Causes, v.Suspected, v.Notes, v.RuledOut, v.DataMissing} {
		for _, f := range group {
			for _, e := range f.Evidence {
				anchor := ""
				if v.anchored[f.Anchor] {
					anchor = f.Anchor
				}
				cite(e, citation{quote: e.Quote, anchor: anchor, title: f.Title})
			}
		}
	}
	for _, e := range v.Notable {
		cite(e, citation{quote: e.Quote, anchor: "notable", title: "first errors in the logs"})
	}
	byPath := map[string]findings.Artifact{}
	var out []shownLog
	for _, a := range v.Artifacts {
		byPath[a.Path] = a
	}
	for _, p := range order {
		if a, ok := byPath[p]; ok && a.Records > 0 {
			out = append(out, shownLog{a, cited[p]})
		}
	}
	if s.Logs == LogsAll {
		for _, a := range v.Artifacts {
			if cited[a.Path] == nil && a.Records > 0 {
				out = append(out, shownLog{a, nil})
			}
		}
	}
	return out
}

// logDrawer draws the pages of one log. A page is held back until it is known whether another follows.
type logDrawer struct {
	view   *view
	log    shownLog
	name   string // of the log's first page, without .html
	create func(name string) (io.WriteCloser, error)

	leaves     []leaf
	rows       bytes.Buffer
	held       []byte // the rows of the last leaf but one that is not written yet
	leaf       leaf
	lines      []int // those that evidence cites, in order
	components map[string]int
}

// fileOf is the name of page n, from 1, of a log that has several.
func (d *logDrawer) fileOf(n int) string { return d.name + "-" + strconv.Itoa(n) + ".html" }

func (d *logDrawer) draw(records func(func(ingest.Record, error) bool)) error {
	for line := range d.log.cited {
		d.lines = append(d.lines, line)
	}
	slices.Sort(d.lines)
	d.components = map[string]int{}
	for r, err := range records {
		if err != nil {
			return fmt.Errorf("draw %s: %w", d.log.Path, err)
		}
		if d.leaf.records >= leafRecords || d.rows.Len() >= leafBytes {
			if err := d.turn(); err != nil {
				return err
			}
		}
		d.row(&r)
	}
	if len(d.leaves) == 0 {
		d.leaf.file = d.name + ".html"
		d.leaves = append(d.leaves, d.leaf)
		return d.page(d.rows.Bytes(), 0, false)
	}
	if err := d.turn(); err != nil {
		return err
	}
	n := len(d.leaves)
	if err := d.page(d.held, n-1, false); err != nil {
		return err
	}
	return draw(d.create, d.name+".html", logIndex(d.view, d.log, d.leaves))
}

// turn ends a page, and writes the one before it, of which the successor is known now.
func (d *logDrawer) turn() error {
	if n := len(d.leaves); n > 0 {
		if err := d.page(d.held, n-1, true); err != nil {
			return err
		}
	}
	d.leaf.file = d.fileOf(len(d.leaves) + 1)
	d.leaves = append(d.leaves, d.leaf)
	d.leaf = leaf{}
	d.held = append(d.held[:0], d.rows.Bytes()...)
	d.rows.Reset()
	return nil
}

// page writes page i with its rows.
func (d *logDrawer) page(rows []byte, i int, more bool) error {
	body := templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, err := w.Write(rows)
		return err
	})
	p := logPage{log: d.log, leaf: d.leaves[i], number: i + 1, index: d.name + ".html", rows: body}
	if i > 0 {
		p.before = d.leaves[i-1].file
	}
	if more {
		p.after = d.fileOf(i + 2)
	}
	return draw(d.create, d.leaves[i].file, logLeaf(d.view, p))
}

// logPage is a page of a log.
type logPage struct {
	log           shownLog
	leaf          leaf
	number        int
	index         string // the page that lists the pages; that of a log with one page is itself
	before, after string // the pages beside it; "" for none
	rows          templ.Component
}

// row draws one record. A row is written by hand: a log has up to millions.
func (d *logDrawer) row(r *ingest.Record) {
	l := &d.leaf
	if l.records == 0 {
		l.first = r.Line
	}
	l.records++
	l.last = r.Line + max(1, r.Lines) - 1
	b := &d.rows
	b.WriteString(`<tr id="L`)
	number := strconv.Itoa(r.Line)
	b.WriteString(number)
	b.WriteByte('"')
	letter := ""
	switch r.Severity {
	case ingest.SeverityError:
		letter = "E"
		l.errors++
	case ingest.SeverityWarning:
		letter = "W"
		l.warnings++
	case ingest.SeverityInfo, ingest.SeverityNone:
	}
	at, _ := slices.BinarySearch(d.lines, r.Line)
	cited := at < len(d.lines) && d.lines[at] <= l.last
	switch {
	case letter != "" && cited:
		b.WriteString(` class="` + letter + ` x"`)
	case letter != "":
		b.WriteString(` class="` + letter + `"`)
	case cited:
		b.WriteString(` class="x"`)
	}
	b.WriteString(`><th scope="row"><a href="#L`)
	b.WriteString(number)
	b.WriteString(`">`)
	b.WriteString(number)
	b.WriteString(`</a></th><td>`)
	b.WriteString(letter)
	b.WriteString(`</td><td>`)
	if wall, ok := r.Time.Local(); ok {
		stamp := wall.AppendFormat(nil, "2006-01-02 15:04:05.000")
		b.Write(stamp)
		if t, known := r.Time.UTC(); known {
			b.WriteString(offsetOf(t, wall))
		}
		text := string(stamp)
		l.from, l.to = cmp.Or(l.from, text), text
	}
	b.WriteString(`</td><td>`)
	writeText(b, r.Component)
	b.WriteString(`</td><td>`)
	if r.Thread != 0 {
		b.WriteString(strconv.FormatUint(r.Thread, 10))
	}
	b.WriteString(`</td><td>`)
	text := bytes.TrimRight(r.Text, "\r\n")
	cut := len(text) > maxRecordText
	if cut {
		text = text[:maxRecordText]
	}
	if cited {
		b.WriteString(`<mark>`)
		writeText(b, text)
		b.WriteString(`</mark>`)
	} else {
		writeText(b, text)
	}
	if cut {
		fmt.Fprintf(b, ` <span class="quiet">… (%s in all)</span>`, size(int64(len(r.Text))))
	}
	for ; at < len(d.lines) && d.lines[at] <= l.last; at++ {
		l.cited = append(l.cited, d.lines[at])
		if d.lines[at] != r.Line { // a line within the record
			b.WriteString(`<a id="L` + strconv.Itoa(d.lines[at]) + `"></a>`)
		}
		for _, c := range d.log.cited[d.lines[at]] {
			b.WriteString(`<p class="cite">Evidence: `)
			if c.anchor != "" {
				b.WriteString(`<a href="../` + PageIndex + `#` + html.EscapeString(c.anchor) + `">`)
			}
			writeText(b, []byte(c.title))
			if c.anchor != "" {
				b.WriteString(`</a>`)
			}
			b.WriteString(`</p>`)
		}
	}
	b.WriteString("</td></tr>\n")
}

// offsetOf writes how far a log's clock is from UTC.
func offsetOf(utc, wall time.Time) string {
	minutes := int(wall.Sub(utc) / time.Minute)
	if minutes == 0 {
		return "Z"
	}
	sign := "+"
	if minutes < 0 {
		sign, minutes = "−", -minutes
	}
	return fmt.Sprintf(" %s%02d:%02d", sign, minutes/60, minutes%60)
}

// writeText writes text of a log: markup escaped, and what can't be seen as visible escapes. Nearly all text is plain ASCII, which is copied in runs.
func writeText(b *bytes.Buffer, s []byte) {
	start := 0
	for i, c := range s {
		var entity string
		switch c {
		case '&':
			entity = "&amp;"
		case '<':
			entity = "&lt;"
		case '>':
			entity = "&gt;"
		case '\n', '\t':
			continue
		case '\r':
			b.Write(s[start:i])
			start = i + 1
			continue
		default:
			if c >= ' ' && c < 0x7f {
				continue
			}
			b.Write(s[start:i])
			writeRest(b, s[i:])
			return
		}
		b.Write(s[start:i])
		b.WriteString(entity)
		start = i + 1
	}
	b.Write(s[start:])
}

// writeRest writes text that holds more than plain ASCII.
func writeRest(b *bytes.Buffer, s []byte) {
	pieces(string(bytes.ReplaceAll(s, []byte("\r\n"), []byte("\n"))), true, func(piece string, visible bool) {
		if visible {
			b.WriteString(templ.EscapeString(piece))
			return
		}
		b.WriteString(`<span class="esc">` + piece + `</span>`)
	})
}
