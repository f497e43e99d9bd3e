package web

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"casebook/findings"
	"casebook/ingest"
)

// A page of a log that is drawn on demand shows the records of so many lines, or fewer where they reach [leafBytes].
const liveLines = 2000

// partLast is the part of a log that ends it.
const partLast = ".last"

// Live draws the pages of a report one at a time, as they are asked for, in the frame of an archive that is served: those that [Site.Draw] makes,
// with all logs in full. Nothing of a page is kept, so that a log of any length costs one part of it. It may be used from several goroutines.
type Live struct {
	view  *view
	logs  map[string]*logPlan // by name
	pages map[string]sitePage // by name
}

// NewLive prepares the pages of a report, which must not change any more.
func NewLive(r *findings.Report) *Live {
	s := &Site{Report: r, Logs: LogsAll, live: true, pages: map[string]string{}, unseen: map[string]string{}}
	v := newView(r)
	v.site = s
	v.paginate()
	l := &Live{view: v, logs: map[string]*logPlan{}, pages: map[string]sitePage{}}
	for _, p := range s.plan(v) {
		p.live = true
		s.pages[p.Path] = p.name + ".html"
		l.logs[p.name] = p
	}
	for _, p := range v.sitePages() {
		l.pages[p.name] = p
	}
	return l
}

// Records yields the records of an artifact; see the field of [Site].
type Records func(artifact string, from int) iter.Seq2[ingest.Record, error]

// Draw writes the page with a name such as index.html or logs/agent-log.4001.html, which is the page with line 4,001 of that log. The error is
// [fs.ErrNotExist] if the report has no such page, else that of w or of records.
func (l *Live) Draw(w io.Writer, name string, bar *Bar, records Records) error {
	v := l.on(name, bar)
	if p, ok := l.pages[name]; ok {
		return p.drawn(v).Render(context.Background(), w)
	}
	if plan, line, ok := l.part(name); ok {
		return l.drawPart(w, v, plan, line, records)
	}
	return fmt.Errorf("page %q: %w", name, fs.ErrNotExist)
}

// on is the view for a page.
func (l *Live) on(name string, bar *Bar) *view {
	v := l.view.on(name)
	v.bar = bar
	return v
}

// Note is the ticket note of the case, and Request what to ask the customer for, as text.
func (l *Live) Note() string { return Note(l.view.Report) }

// Request is the request to the customer.
func (l *Live) Request() string { return RequestText(l.view.Report) }

// LogPage is the page, with its anchor, that shows a line of a log; false if the artifact has no records.
func (l *Live) LogPage(artifact string, line int) (string, bool) {
	name, ok := l.view.site.pages[artifact]
	if !ok || line < 1 {
		return name, ok
	}
	return partName(name, line) + "#L" + strconv.Itoa(line), true
}

// FilePage is the page, with its anchor, that lists an artifact; false if there is none.
func (l *Live) FilePage(artifact string) (string, bool) {
	to, ok := l.view.files[artifact]
	return to.page + "#" + to.anchor, ok
}

// CheckPage is the page, with its anchor, that shows what a check found.
func (l *Live) CheckPage(check string) string {
	if to, ok := l.view.CheckLink(check); ok {
		return PageIndex + string(to)
	}
	return PageIndex + "#checks"
}

// partName is the page of a log that shows a line; name is that of its first page.
func partName(name string, line int) string {
	return strings.TrimSuffix(name, ".html") + "." + strconv.Itoa(line) + ".html"
}

// part returns the log that a page is a part of, and the line that it must show; MaxInt is the last.
func (l *Live) part(name string) (plan *logPlan, line int, ok bool) {
	name, ok = strings.CutSuffix(name, ".html")
	if !ok {
		return nil, 0, false
	}
	base, ok := strings.CutSuffix(name, partLast)
	if line = math.MaxInt; !ok {
		line = 1
		if i := strings.LastIndexByte(name, '.'); i >= 0 {
			n, err := strconv.Atoi(name[i+1:])
			if err != nil || n < 1 || strconv.Itoa(n) != name[i+1:] {
				return nil, 0, false
			}
			base, line = name[:i], n
		} else {
			base = name
		}
	}
	plan, ok = l.logs[base]
	return plan, line, ok
}

// drawPart draws the page of a log that shows a line. Pages begin every [liveLines] lines, so that each has the same neighbours wherever one comes from; one
// whose records fill it before that line begins with the line itself.
func (l *Live) drawPart(w io.Writer, v *view, plan *logPlan, line int, records Records) error {
	if line == math.MaxInt {
		line = 1
		for r, err := range records(plan.Path, math.MaxInt) {
			if err != nil {
				return fmt.Errorf("draw %s: %w", plan.Path, err)
			}
			line = r.Line
		}
	}
	from := (line-1)/liveLines*liveLines + 1
	d := &logDrawer{view: v, log: plan, records: records, codes: map[string][]code{}}
	next, err := d.part(from)
	if err == nil && next > 0 && next <= line && from < line {
		d = &logDrawer{view: v, log: plan, records: records, codes: map[string][]code{}}
		next, err = d.part(line)
	}
	if err != nil {
		return fmt.Errorf("draw %s: %w", plan.Path, err)
	}
	p := logPage{logPlan: plan, leaf: d.leaf, rows: templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, err := w.Write(d.rows)
		return err
	})}
	p.file, p.to = v.here, string(d.lastTime)
	if p.first > 1 {
		p.before = partName(plan.name, p.first-1)
	}
	if next > 0 {
		p.after = partName(plan.name, next)
	}
	b := bufio.NewWriterSize(w, 64<<10)
	if err := logLeaf(v, p).Render(context.Background(), b); err != nil {
		return err
	}
	return b.Flush()
}

// part draws the records that begin or go on at line from, up to the next multiple of [liveLines]. It returns the first line behind them, 0 if there is none.
func (d *logDrawer) part(from int) (next int, err error) {
	to := (from-1)/liveLines*liveLines + liveLines
	for r, err := range d.records(d.log.Path, from) {
		switch {
		case err != nil:
			return 0, err
		case r.Line+max(1, r.Lines) <= from:
			continue
		case r.Line > to || len(d.rows) >= leafBytes:
			return r.Line, nil
		}
		d.row(&r)
	}
	return 0, nil
}
