package web

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/a-h/templ"

	"casebook/findings"
	"casebook/ingest"
	"casebook/internal/secrets"
)

// What a report of one document may take, and what it shows of logs.
const (
	singleBytes    = 5_000_000
	singleReserve  = 64 << 10 // for what is said about the cut
	singleAround   = 20       // lines before, and lines after evidence
	singlePassages = 40       // of one log
	singleText     = 2000     // bytes of one record
	singleRecords  = 400      // of one passage
)

// attachment is what one document shows of a log: its records around the evidence.
type attachment struct {
	findings.Artifact
	anchor  string
	rows    []attachedRow
	cited   map[int]bool
	cut     bool         // lines that evidence cites are not there
	anchors map[int]bool // the lines that can be linked to
}

// attachedRow is a record, or the gap before it.
type attachedRow struct {
	from, to  int // the lines that are left out; 0 for a record
	line      int
	severity  string
	time      string
	component string
	text      string
	cited     bool
}

// attachments are the logs of one document.
type attachments struct {
	list   []*attachment
	byPath map[string]*attachment
	left   int // logs with evidence of which nothing is shown
}

// WriteSingle writes the whole report to w as one HTML document of at most 5 MB that needs nothing beside it: everything that [Write] writes, and of the logs
// that evidence cites the records around it, in the order of the findings and as far as there is room; the document says what is cut. Of s it reads
// Report and Records. The error is that of w or of Records.
func (s *Site) WriteSingle(w io.Writer) error {
	var b bytes.Buffer
	if err := Write(&b, s.Report); err != nil {
		return err
	}
	v := newView(s.Report)
	if s.Records != nil {
		var err error
		if v.attached, err = s.attach(v, singleBytes-singleReserve-b.Len()); err != nil {
			return err
		}
	}
	return whole(v).Render(context.Background(), w)
}

// attach reads the records around evidence, which take at most budget bytes of HTML.
func (s *Site) attach(v *view, budget int) (*attachments, error) {
	cited, order := citations(v)
	logs := map[string]findings.Artifact{}
	for _, a := range v.Artifacts {
		if a.Records > 0 {
			logs[a.Path] = a
		}
	}
	out := &attachments{byPath: map[string]*attachment{}}
	for _, path := range order {
		a, ok := logs[path]
		if !ok {
			continue
		}
		l := &attachment{Artifact: a, anchor: "log." + strconv.Itoa(len(out.list)+1), cited: map[int]bool{}, anchors: map[int]bool{}}
		plan := logPlan{Artifact: a}
		for line := range cited[path] {
			l.cited[line] = true
			plan.named = append(plan.named, line)
		}
		slices.Sort(plan.named)
		plan.around(singleAround, singlePassages)
		for _, p := range plan.passages {
			room, err := s.attachPassage(l, p, budget)
			if err != nil {
				return nil, fmt.Errorf("draw %s: %w", path, err)
			}
			if room < 0 {
				break
			}
			budget = room
		}
		for line := range l.cited {
			l.cut = l.cut || !l.anchors[line]
		}
		if len(l.rows) == 0 {
			out.left++
			continue
		}
		out.list = append(out.list, l)
		out.byPath[path] = l
	}
	return out, nil
}

// attachPassage adds the records of a passage and returns what is left of the budget, below zero if there was no room for it.
func (s *Site) attachPassage(l *attachment, p passage, budget int) (int, error) {
	var rows []attachedRow
	last := 0
	if n := len(l.rows); n > 0 {
		last = l.rows[n-1].to
	}
	for r, err := range s.Records(l.Path, p.from) {
		if err != nil {
			return 0, err
		}
		end := r.Line + max(1, r.Lines) - 1
		if end < p.from || end <= last {
			continue
		}
		if r.Line > p.to || len(rows) == singleRecords {
			break
		}
		if r.Line > last+1 {
			rows = append(rows, attachedRow{from: last + 1, to: r.Line - 1})
		}
		rows = append(rows, l.row(r, end))
		last = end
	}
	if len(rows) == 0 {
		return budget, nil
	}
	size := 0
	for _, row := range rows {
		var b bytes.Buffer
		if err := attachedLine(l, row).Render(context.Background(), &b); err != nil {
			return 0, err
		}
		size += b.Len()
	}
	if size > budget {
		return -1, nil
	}
	for _, row := range rows {
		if row.line > 0 {
			for n := row.line; n <= row.to; n++ {
				if n == row.line || l.cited[n] {
					l.anchors[n] = true
				}
			}
		}
	}
	l.rows = append(l.rows, rows...)
	return budget - size, nil
}

// row is a record as it is shown. end is its last line.
func (l *attachment) row(r ingest.Record, end int) attachedRow {
	out := attachedRow{line: r.Line, to: end, component: string(clipText(r.Component, maxLogName))}
	switch r.Severity {
	case ingest.SeverityError:
		out.severity = "E"
	case ingest.SeverityWarning:
		out.severity = "W"
	case ingest.SeverityInfo, ingest.SeverityNone:
	}
	if t, ok := r.Time.Local(); ok {
		out.time = t.Format("2006-01-02 15:04:05.000")
		if r.Time.Zone >= ingest.ZoneSystem {
			out.time += " " + shortOffset(int(r.Time.Bias))
		}
	}
	text := bytes.TrimRight(r.Text, "\r\n")
	out.text = secrets.Remove(string(clipText(text, singleText)))
	if len(text) > singleText {
		out.text += " … (" + size(int64(len(text))) + ")"
	}
	for n := r.Line; n <= end && !out.cited; n++ {
		out.cited = l.cited[n]
	}
	return out
}

// innerAnchors are the cited lines of a record behind its first.
func (l *attachment) innerAnchors(r attachedRow) []int {
	var out []int
	for n := range l.cited {
		if n > r.line && n <= r.to {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// lineAnchor is the anchor of a line.
func (l *attachment) lineAnchor(line int) string { return l.anchor + ".L" + strconv.Itoa(line) }

// link returns the link to a line, false if the document does not show it.
func (a *attachments) link(path string, line int) (templ.SafeURL, bool) {
	if a == nil || a.byPath[path] == nil || !a.byPath[path].anchors[line] {
		return "", false
	}
	return link(a.byPath[path].lineAnchor(line)), true
}
