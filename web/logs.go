package web

import (
	"bufio"
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/a-h/templ"

	"casebook/findings"
	"casebook/ingest"
)

// A page of a log ends at the record that reaches one of these.
const (
	leafRecords = 4000
	leafBytes   = 1 << 20 // of HTML
)

// What is shown of logs unless all are asked for: those that evidence cites in full, while their bytes last; of the others that evidence cites what is around it;
// of the rest how they begin and end, and what the report names in them.
const (
	fullBytes    = 256 << 20
	aroundCited  = 200  // lines before, and lines after evidence
	aroundNamed  = 20   // lines before, and lines after another line that the report names
	logPassages  = 250  // of one log
	allPassages  = 2000 // of all logs
	summaryEnds  = 100  // records at the beginning, and at the end
	summaryLogs  = 500
	smallRecords = 400 // a log of so many is shown in full
)

// What a page lists besides its records.
const (
	maxLogProblems   = 20
	maxEvidenceLinks = 60 // of a page
	maxListLinks     = 20 // of a page in the list of pages
)

//go:embed logs.js
var logScript string

// logPlan is a log that is to be shown, and what of it.
type logPlan struct {
	findings.Artifact
	cited    map[int][]citation // the evidence, by line
	named    []int              // the lines that the report names, those of evidence among them, in order
	passages []passage          // what is shown, in order; nil for all of it
	why      string             // a sentence on what is not shown; "" if nothing is left out
	name     string             // of the log's first page below the site, without .html
	live     bool               // its pages are parts, drawn when they are asked for
	older    *logPlan           // the log that this one goes on from; nil if there is none or it is not shown
	newer    *logPlan
	problems []ingest.Problem
}

// passage is a part of a log.
type passage struct {
	from, to int // lines
	records  int // no more than that many; 0 for any number
}

// citation is what a line is evidence of.
type citation struct {
	anchor string // on the index page; "" if that does not show the finding
	title  string
}

// drawLogs draws the pages of the logs that are to be shown, side by side if Workers says so.
func (s *Site) drawLogs(v *view, create func(name string) (io.WriteCloser, error)) error {
	if s.Records == nil || s.Logs == LogsNone {
		return nil
	}
	plans := s.plan(v)
	drawn := make([][]leaf, len(plans))
	errs := make([]error, len(plans))
	var next atomic.Int64
	var failed atomic.Bool
	var group sync.WaitGroup
	for range max(1, min(s.Workers, len(plans))) {
		group.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(plans) || failed.Load() {
					return
				}
				d := &logDrawer{view: v, log: plans[i], records: s.Records, create: create, aside: s.Workers > 1}
				if errs[i] = d.draw(); errs[i] != nil {
					failed.Store(true)
				}
				drawn[i] = d.leaves
			}
		})
	}
	group.Wait()
	if err := cmp.Or(errs...); err != nil {
		return err
	}
	for i, l := range plans {
		s.places[l.Path] = drawn[i]
		if l.why != "" {
			s.unseen[l.Path] = l.why
		}
		s.pages[l.Path] = l.name + ".html"
	}
	return nil
}

// plan says what is shown of which logs: of those that evidence cites first, in the order of the findings, then of the others.
func (s *Site) plan(v *view) []*logPlan {
	cited, order := citations(v)
	named := namedLines(v)
	logs := map[string]findings.Artifact{}
	for _, a := range v.Artifacts {
		if a.Records > 0 {
			logs[a.Path] = a
		}
	}
	var plans []*logPlan
	byPath := map[string]*logPlan{}
	add := func(path string) *logPlan {
		l := &logPlan{Artifact: logs[path], cited: cited[path], named: named[path]}
		for line := range l.cited {
			l.named = append(l.named, line)
		}
		slices.Sort(l.named)
		l.named = slices.Compact(l.named)
		plans = append(plans, l)
		byPath[path] = l
		return l
	}
	left, passages := int64(fullBytes), allPassages
	for _, path := range order {
		a, ok := logs[path]
		if !ok {
			continue
		}
		l := add(path)
		if s.Logs == LogsAll || a.Bytes <= left {
			left -= a.Bytes
			continue
		}
		l.around(aroundCited, min(logPassages, passages))
		passages -= len(l.passages)
		l.why = "This log is long: the lines around its evidence are shown. Analyse with --logs all to have it in full."
	}
	summaries := summaryLogs
	for _, pass := range []bool{true, false} { // those in which the report names something come first
		for _, a := range v.Artifacts {
			if a.Records == 0 || byPath[a.Path] != nil || len(named[a.Path]) == 0 == pass {
				continue
			}
			switch {
			case s.Logs == LogsAll:
				add(a.Path)
				continue
			case summaries == 0:
				s.unseen[a.Path] = "This log holds no evidence and is not shown. Analyse with --logs all to have it."
				continue
			}
			summaries--
			l := add(a.Path)
			if a.Records <= smallRecords {
				continue
			}
			l.around(aroundNamed, min(logPassages, passages))
			passages -= len(l.passages)
			l.passages = append(append([]passage{{from: 1, to: math.MaxInt, records: summaryEnds}}, l.passages...), passage{from: math.MaxInt, to: math.MaxInt, records: summaryEnds})
			l.why = "This log holds no evidence: its first and its last records are shown, and what the report names. Analyse with --logs all to have it in full."
		}
	}
	used := anchors{}
	for _, l := range plans {
		l.name = FolderLogs + "/" + used.take(fileName(l.Path))
	}
	for _, q := range v.Sequences {
		for i, p := range q.Parts[min(1, len(q.Parts)):] {
			older, newer := byPath[q.Parts[i].Artifact], byPath[p.Artifact]
			if older != nil && newer != nil {
				older.newer, newer.older = newer, older
			}
		}
	}
	for _, p := range v.Problems {
		if l := byPath[p.Artifact]; l != nil {
			l.problems = append(l.problems, p)
		}
	}
	return plans
}

// citations returns what the lines of the logs are evidence of, and the logs in the order of the findings.
func citations(v *view) (cited map[string]map[int][]citation, order []string) {
	cited = map[string]map[int][]citation{}
	cite := func(e findings.Evidence, c citation) {
		if e.Line < 1 || e.Artifact == "" {
			return
		}
		if cited[e.Artifact] == nil {
			cited[e.Artifact] = map[int][]citation{}
			order = append(order, e.Artifact)
		}
		if list := cited[e.Artifact][e.Line]; !slices.Contains(list, c) {
			cited[e.Artifact][e.Line] = append(list, c)
		}
	}
	for _, group := range [][]item{v.Causes, v.Suspected, v.Notes, v.RuledOut, v.DataMissing} {
		for _, f := range group {
			c := citation{title: f.Title}
			if v.anchored[f.Anchor] {
				c.anchor = f.Anchor
			}
			for _, e := range f.Evidence {
				cite(e, c)
			}
		}
	}
	for _, e := range v.Notable {
		cite(e, citation{anchor: "notable", title: "First errors in the logs"})
	}
	return cited, order
}

// namedLines returns the lines that the report names otherwise, by log: where an error is seen first, and what the time line marks.
func namedLines(v *view) map[string][]int {
	named := map[string][]int{}
	name := func(artifact string, line int) {
		if line > 0 {
			named[artifact] = append(named[artifact], line)
		}
	}
	for i := range v.Errors {
		name(v.Errors[i].First.Artifact, v.Errors[i].First.Line)
	}
	for _, m := range v.Timeline.Marks {
		name(m.Artifact, m.Line)
	}
	return named
}

// around chooses the passages around the lines that the report names, most of them; those that meet are one.
func (l *logPlan) around(lines, most int) {
	l.passages = []passage{}
	for _, n := range l.named {
		p := passage{from: max(1, n-lines), to: n + lines}
		if last := len(l.passages) - 1; last >= 0 && p.from <= l.passages[last].to+1 {
			l.passages[last].to = p.to
		} else if len(l.passages) < most {
			l.passages = append(l.passages, p)
		}
	}
}

// fileName is the name of a log's pages, without number and extension. Windows takes a device's name for the device, whatever its extension.
func fileName(path string) string {
	name := slug(path)
	if len(name) < 3 || len(name) > 4 {
		return name
	}
	switch device, number := name[:3], name[3:]; {
	case number == "" && slices.Contains([]string{"con", "prn", "aux", "nul"}, device),
		len(number) == 1 && slices.Contains([]string{"com", "lpt"}, device):
		return name + "-log"
	}
	return name
}

// leaf is a page of a log.
type leaf struct {
	file        string // below the site
	first, last int    // lines
	from, to    string // time of the first and of the last record that has one
	records     int
	warnings    int
	errors      int
	evidence    []int // the lines that evidence cites, in order
	anchors     []int // the lines that the report names, in order: each has an anchor

	timed   bool // a record has a time: bias and zone are those of the first such record
	bias    int16
	zone    ingest.Zone
	codes   []codeNote
	more    int // lines with codes that are not explained
	decoded int // texts that were searched for codes
}

// code is an error code, and its meaning as an attribute's value.
type code struct {
	findings.Code
	title string
}

// codeNote is an error code on a page.
type codeNote struct {
	findings.Code
	line int // of the first record with it
}

// logDrawer draws the pages of one log. A page is held back until it is known whether another follows, and may be written while the next is drawn.
type logDrawer struct {
	view    *view
	log     *logPlan
	records func(artifact string, from int) iter.Seq2[ingest.Record, error]
	create  func(name string) (io.WriteCloser, error)
	aside   bool // pages are written by a goroutine of their own: the writing of a long log takes as long as half its drawing

	leaves  []leaf
	rows    []byte
	held    []byte // the rows of the last leaf, which is not written yet
	spent   []byte // the rows of the leaf that is being written or was
	writing sync.WaitGroup
	failed  error // why the leaf could not be written; valid once writing is done
	page    *bufio.Writer
	leaf    leaf
	shown   int // line after the last record; 0 before the first
	beyond  int // a line that is not shown because the last passage ends before it; 0 if none is

	lastTime []byte // of the last record of the page that has one
	day      day
	fraction bool              // a record's time has a part of a second
	codes    map[string][]code // by component and text
	key      []byte
}

// fileOf is the name of page n, from 1, of a log that has several. The full stop keeps it apart from the first page of any log.
func (d *logDrawer) fileOf(n int) string { return d.log.name + "." + strconv.Itoa(n) + ".html" }

func (d *logDrawer) draw() error {
	d.codes = map[string][]code{}
	var err error
	if d.log.passages == nil {
		err = d.passage(passage{from: 1, to: math.MaxInt})
	}
	for _, p := range d.log.passages {
		if err == nil {
			err = d.passage(p)
		}
	}
	if late := d.written(); err == nil {
		err = late
	}
	if err != nil {
		return fmt.Errorf("draw %s: %w", d.log.Path, err)
	}
	if d.beyond > 0 {
		d.rows = append(d.rows, "<tr\nclass=gap><td colspan=6>The lines from "+number(d.beyond)+" on are not shown here"...)
	}
	d.leaf.to = string(d.lastTime)
	if len(d.leaves) == 0 {
		d.leaf.file = d.log.name + ".html"
		d.leaves = append(d.leaves, d.leaf)
		return d.write(d.rows, 0, false)()
	}
	err = d.turn()
	if late := d.written(); err == nil {
		err = late
	}
	if err != nil {
		return err
	}
	if err := d.write(d.held, len(d.leaves)-1, false)(); err != nil {
		return err
	}
	return d.put(d.log.name+".html", logList(d.view, d.log, d.leaves))
}

// passage draws the records of a part of the log that were not drawn yet.
func (d *logDrawer) passage(p passage) error {
	if p.from == math.MaxInt {
		var err error
		if p.from, err = d.tail(p.records); err != nil {
			return err
		}
		p.records = 0
	}
	n, fresh := 0, true
	for r, err := range d.records(d.log.Path, p.from) {
		if err != nil {
			return err
		}
		end := r.Line + max(1, r.Lines)
		if end <= p.from || fresh && end <= d.shown {
			continue
		}
		if r.Line > p.to || p.records > 0 && n == p.records {
			d.beyond = r.Line
			return nil
		}
		if fresh && r.Line > max(1, d.shown) {
			d.gap(max(1, d.shown), r.Line-1)
		}
		n, fresh, d.beyond = n+1, false, 0
		if d.leaf.records >= leafRecords || len(d.rows) >= leafBytes {
			if err := d.turn(); err != nil {
				return err
			}
		}
		d.row(&r)
		d.shown = max(d.shown, end)
	}
	return nil
}

// tail returns the line with which the last n records begin, or the log's last block if it has fewer.
func (d *logDrawer) tail(n int) (int, error) {
	last := make([]int, 0, n)
	for r, err := range d.records(d.log.Path, math.MaxInt) {
		if err != nil {
			return 0, err
		}
		if len(last) == n {
			last = slices.Delete(last, 0, 1)
		}
		last = append(last, r.Line)
	}
	if len(last) == 0 {
		return 1, nil
	}
	return last[0], nil
}

// turn ends a page, and writes the one before it, of which the successor is known now.
func (d *logDrawer) turn() error {
	if err := d.written(); err != nil {
		return err
	}
	if n := len(d.leaves); n > 0 {
		write := d.write(d.held, n-1, true)
		if d.aside {
			d.writing.Go(func() { d.failed = write() })
		} else if err := write(); err != nil {
			return err
		}
	}
	d.leaf.file, d.leaf.to = d.fileOf(len(d.leaves)+1), string(d.lastTime)
	d.lastTime = d.lastTime[:0]
	d.leaves = append(d.leaves, d.leaf)
	d.leaf = leaf{}
	d.held, d.spent, d.rows = d.rows, d.held, d.spent[:0]
	return nil
}

// written waits for the page that is being written and returns why it could not be.
func (d *logDrawer) written() error {
	d.writing.Wait()
	return d.failed
}

// write returns what writes page i with its rows.
func (d *logDrawer) write(rows []byte, i int, more bool) func() error {
	l := &d.leaves[i]
	p := logPage{
		logPlan: d.log, leaf: *l, number: i + 1,
		rows: templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
			_, err := w.Write(rows)
			return err
		}),
	}
	if i > 0 {
		p.before = d.leaves[i-1].file
	}
	if more {
		p.after = d.fileOf(i + 2)
	}
	l.codes = nil
	return func() error { return d.put(p.file, logLeaf(d.view, p)) }
}

// put writes a file. The rows, which are most of it, pass the buffer by.
func (d *logDrawer) put(name string, page templ.Component) error {
	w, err := d.create(name)
	if err != nil {
		return err
	}
	if d.page == nil {
		d.page = bufio.NewWriterSize(w, 64<<10)
	}
	d.page.Reset(w)
	if err = page.Render(context.Background(), d.page); err == nil {
		err = d.page.Flush()
	}
	if err != nil {
		_ = w.Close() // the error that came first counts
		return err
	}
	return w.Close()
}

// logPage is a page of a log.
type logPage struct {
	*logPlan
	leaf
	number        int
	before, after string // the pages beside it; "" for none
	rows          templ.Component
}

// Single says whether the log has this page alone.
func (p logPage) Single() bool {
	if p.live {
		return p.before == "" && p.after == ""
	}
	return p.file == p.name+".html"
}

// Overview names the link to the log's first page.
func (p logPage) Overview() string {
	if p.live {
		return "First"
	}
	return "All pages"
}

// end is where the log's last record is shown, below the site.
func (l *logPlan) end() string {
	if l.live {
		return l.name + partLast + ".html#end"
	}
	return l.name + ".html#end"
}

// Clock says in which time the page's records are.
func (p logPage) Clock() string {
	switch {
	case !p.timed:
		return ""
	case p.zone < ingest.ZoneSystem:
		return "offset unknown"
	case p.bias == 0:
		return "UTC"
	}
	return offset(int(p.bias))
}

// turnLabel names the links to the pages beside a page, which stand above and below its records.
func turnLabel(id string) string {
	if id == "" {
		return "Pages of this log"
	}
	return "Pages of this log, below the records"
}

// logLines counts the lines of a page that are evidence.
func logLines(n int) string {
	if n == 1 {
		return "line"
	}
	return number(n) + " lines:"
}

// logSpan writes the first and the last time of a log: in UTC where its offset is known, else as its clock showed it.
func logSpan(a findings.Artifact) string {
	if first, last := between(a.FirstTime, a.LastTime); first != "" {
		if last == "" {
			return first + " UTC"
		}
		return first + " to " + last + " UTC"
	}
	if a.FirstLocal == a.LastLocal {
		return a.FirstLocal
	}
	return a.FirstLocal + " to " + a.LastLocal
}
