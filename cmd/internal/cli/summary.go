package cli

import (
	"fmt"
	"path/filepath"
	"strings"
	"unicode"

	"casebook"
	"casebook/findings"
	"casebook/internal/safeio"
)

// Widths of the summary's columns in characters.
const (
	verdictWidth  = len("confirmed")
	severityWidth = len("critical")
	labelWidth    = len("Product not seen")
)

// Widths of text in columns of the terminal.
const (
	minWidth   = 60
	maxWidth   = 120 // longer lines are hard to read
	plainWidth = 100 // where there is no terminal
)

// How much of a list the summary shows; the report holds the rest.
const (
	maxPlaces   = 3
	maxErrors   = 5
	maxProblems = 5
	maxAbsent   = 5 // checks without their product that are named
)

// tell prints what an analysis found: the report itself with --json, else a short summary. dir is the report's folder, "" if it was
// not written. Of a report that is not usable nothing is told but its place: what is wrong stands on stderr already.
func (a *App) tell(r *findings.Report, dir string, usable bool) error {
	if a.json {
		return casebook.WriteReport(a.out, r)
	}
	s := summary{palette: a.paint(), page: a.page(), report: r, reasons: a.verbose}
	if usable {
		s.write()
	}
	s.line("", "Report: "+printable(filepath.Join(relative(dir), casebook.IndexFile)))
	return nil
}

// summary is the verdicts of one report in a few lines: what is wrong, how sure that is and what to do first, then what else was
// looked at.
type summary struct {
	palette
	page
	report  *findings.Report
	reasons bool // also say why checks did not fire
}

func (s summary) write() {
	r := s.report
	s.paragraph("", "", s.bold(printable(r.Name())+": "+s.headline()))
	if r.Redacted != "" {
		s.paragraph("", "", r.Redacted)
	}
	for _, c := range r.CutShort() {
		s.paragraph(s.bad("Cut short")+"  ", "           ", printable(c.Sentence())+" Ask for it again.")
	}
	s.paragraph("", "", s.covered())
	if text := incident(r); text != "" {
		s.paragraph("", "", text)
	}
	shown := map[string]bool{}
	for _, f := range r.Findings {
		if f.Verdict == findings.Confirmed || f.Verdict == findings.Suspected {
			s.finding(f)
			shown[f.Check] = true
		}
	}
	if len(shown) == 0 && len(r.Artifacts) > 0 {
		s.firstErrors()
	}
	s.line("", "")
	var ruledOut, noProduct, noData []string
	for _, f := range r.Findings {
		switch {
		case f.Verdict == findings.RuledOut && shown[f.Check] && f.System != "":
			ruledOut = append(ruledOut, f.Check+" ("+printable(f.System)+")")
		case f.Verdict == findings.RuledOut:
			ruledOut = appendNew(ruledOut, f.Check)
		case f.Verdict != findings.NotEvaluated:
		case f.Reason == findings.ProductAbsent:
			noProduct = appendNew(noProduct, f.Check)
		default:
			noData = appendNew(noData, f.Check)
		}
	}
	s.list("Ruled out", s.good, ruledOut)
	s.list("Data missing", s.warn, noData)
	if n := len(noProduct); n > maxAbsent && !s.reasons {
		noProduct = []string{fmt.Sprintf("%d checks concern products or troubles of which nothing is seen (--verbose names them)", n)}
	}
	s.list("Product not seen", s.faint, noProduct)
	if s.reasons {
		s.silent()
	}
	s.request()
	s.problems()
	s.line("", "")
}

// headline counts what is wrong. What is over, and then what is mere information, is told where nothing else is.
func (s summary) headline() string {
	count := map[findings.Verdict]int{}
	evaluated, over, informs := false, 0, map[findings.Verdict]int{}
	for _, f := range s.report.Findings {
		evaluated = evaluated || f.Verdict != findings.NotEvaluated
		switch {
		case f.Severity == findings.Info:
			informs[f.Verdict]++
		case f.State != findings.Resolved:
			count[f.Verdict]++
		case f.Verdict == findings.Confirmed || f.Verdict == findings.Suspected:
			over++
		}
	}
	told := func(count map[findings.Verdict]int, what string) string {
		var parts []string
		for _, v := range []findings.Verdict{findings.Confirmed, findings.Suspected} {
			if n := count[v]; n > 0 {
				parts = append(parts, fmt.Sprintf("%d %s %s", n, plural(n, what), v))
			}
		}
		return strings.Join(parts, ", ")
	}
	problems, notes, where := told(count, "problem"), told(informs, "finding"), ""
	if s.report.IsCut() {
		where = " in the part of the upload that could be read"
	}
	switch {
	case problems != "":
		return problems
	case !evaluated:
		return "no check had the data that it needs"
	case over > 0:
		return fmt.Sprintf("%d %s found%s, over by the end of the capture", over, plural(over, "problem"), where)
	case notes != "":
		return "no known fault found" + where + "; " + notes + " as information"
	}
	return "no known problem found" + where
}

// covered says in a few words what was looked at.
func (s summary) covered() string {
	r := s.report
	n := len(r.Artifacts)
	var bytes int64
	for _, a := range r.Artifacts {
		bytes += a.Bytes
	}
	out := fmt.Sprintf("%d %s, %s", n, plural(n, "file"), size(bytes))
	if r.Window.From != "" {
		from, to := day(r.Window.From), day(r.Window.To)
		if out += "; records of " + from; from != to {
			out += " to " + to
		}
	}
	var names []string
	for _, sys := range r.Systems {
		if sys.ID != "" {
			names = append(names, printable(sys.ID))
		}
	}
	if n := len(names); n > 0 {
		out += fmt.Sprintf("; %d %s: %s", n, plural(n, "computer"), strings.Join(names[:min(n, 6)], ", "))
		if n > 6 {
			out += " and others"
		}
	}
	return out
}

// incident says whether the bundle can tell of the incident, "" if none was named.
func incident(r *findings.Report) string {
	if r.Incident == nil {
		return ""
	}
	at := "Incident " + r.Incident.Time + ": "
	switch r.Incident.Covered {
	case findings.CoveredWithin:
		return at + "within the time that the records cover"
	case findings.CoveredBefore:
		return at + "before the first record, " + r.Window.From + "; ask for older logs"
	case findings.CoveredAfter:
		return at + "after the last record, " + r.Window.To + "; ask for logs of that time"
	case findings.CoveredUnknown:
	}
	return at + "no record has a certain time, so that it can't be placed"
}

// finding prints a confirmed or suspected finding.
func (s summary) finding(f findings.Finding) {
	tag := s.bad
	if f.Verdict == findings.Suspected {
		tag = s.warn
	}
	if f.Severity == findings.Info || f.State == findings.Resolved {
		tag = s.faint
	}
	s.line("", "")
	s.paragraph(tag(pad(string(f.Verdict), verdictWidth))+"  "+pad(string(f.Severity), severityWidth)+"  ",
		strings.Repeat(" ", verdictWidth+severityWidth+4), s.bold(printable(f.Title)))
	const indent, inner = "  ", "    "
	var about []string
	if f.System != "" {
		about = append(about, printable(f.System))
	}
	if f.Subject != "" && !strings.EqualFold(f.System, f.Subject) {
		about = append(about, printable(f.Subject))
	}
	about = append(about, f.Check)
	switch f.State {
	case findings.Resolved:
		about = append(about, "over by the end of the bundle")
	case findings.Predicted:
		about = append(about, "has not happened yet")
	case findings.Active, findings.Unknown:
	}
	s.paragraph(indent, indent, s.faint(strings.Join(about, " · ")))
	s.paragraph(indent, indent, printable(f.Summary))
	if n := len(f.Remedy); n > 0 && f.State != findings.Resolved {
		do := printable(f.Remedy[0])
		if n > 1 {
			do += fmt.Sprintf(" (%d more %s in the report)", n-1, plural(n-1, "step"))
		}
		s.paragraph(indent+s.bold("Do")+"  ", inner+"  ", do)
	}
	s.evidence(f.Evidence, indent)
}

// evidence prints where the decisive lines stand. Of lines that differ in numbers alone, the first stands for all.
func (s summary) evidence(all []findings.Evidence, indent string) {
	told := map[string]bool{}
	label := indent + s.bold("See") + " "
	for _, e := range all {
		shape := e.Artifact + withoutDigits(e.Quote)
		if e.Role != findings.Supports || e.Quote != "" && told[shape] {
			continue
		}
		if told[shape] = true; len(told) > maxPlaces {
			return
		}
		s.line(label, place(e))
		label = indent + "    "
		if e.Quote != "" {
			s.line(label+"  ", s.faint(clipped(printable(e.Quote), s.width-len(indent)-6)))
		}
	}
}

// withoutDigits is a text without its numbers.
func withoutDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, s)
}

// firstErrors says what was seen in a bundle that confirms nothing.
func (s summary) firstErrors() {
	s.line("", "")
	if len(s.report.Notable) == 0 {
		s.line("", "No record is marked as an error.")
		return
	}
	s.line("", "The first errors in the bundle:")
	for _, e := range s.report.Notable[:min(len(s.report.Notable), maxErrors)] {
		where := place(e)
		if e.Time != "" {
			where = e.Time + "  " + where
		}
		s.line("  ", where)
		s.line("    ", s.faint(clipped(printable(e.Quote), s.width-4)))
	}
}

// list prints the checks of one verdict.
func (s summary) list(label string, paint func(string) string, ids []string) {
	if len(ids) > 0 {
		s.paragraph(paint(pad(label, labelWidth))+"  ", strings.Repeat(" ", labelWidth+2), strings.Join(ids, ", "))
	}
}

// silent says of each check that did not fire which condition failed first, and where.
func (s summary) silent() {
	first := true
	for _, f := range s.report.Findings {
		if f.Unmet == "" {
			continue
		}
		if first {
			s.line("", "")
			s.line("", s.bold("Why the others did not fire"))
			first = false
		}
		name := f.Check
		if f.System != "" {
			name += " (" + printable(f.System) + ")"
		}
		s.paragraph("  "+name+": ", "    ", printable(f.Unmet))
	}
}

// request prints what to ask the customer for: a line that may be copied for each path or command.
func (s summary) request() {
	items := s.report.Request.Items
	if len(items) == 0 {
		return
	}
	s.line("", "")
	s.line("", s.bold("Ask the customer for"))
	for _, it := range items {
		s.paragraph("  - ", "    ", printable(it.What))
		for line := range strings.Lines(it.Collect) {
			s.line("      ", printable(strings.TrimRight(line, "\r\n")))
		}
	}
}

// problems prints what could not be read.
func (s summary) problems() {
	all := s.report.Problems
	n := len(all)
	if n == 0 {
		return
	}
	s.line("", "")
	s.line("", s.warn(fmt.Sprintf("%d %s while reading", n, plural(n, "problem"))))
	for _, p := range all[:min(n, maxProblems)] {
		where := ""
		if p.Artifact != "" {
			where = printable(p.Artifact) + ": "
		}
		s.paragraph("  - ", "    ", where+printable(p.Message))
	}
	if n > maxProblems {
		s.line("  - ", fmt.Sprintf("and %d more, in the report", n-maxProblems))
	}
}

// place is where evidence stands.
func place(e findings.Evidence) string {
	p := printable(e.Artifact)
	if e.Line > 0 {
		p += fmt.Sprintf(":%d", e.Line)
	}
	if e.Key != "" {
		p += " › " + printable(e.Key)
	}
	if e.Value != nil {
		name := *e.Value
		if name == "" {
			name = "(default)"
		}
		p += " › " + printable(name)
	}
	if e.Absent {
		p += " (absent)"
	}
	return p
}

// printable shows control and bidirectional characters of bundle text as escapes, so that they can't steer the terminal.
func printable(s string) string { return safeio.Printable(s) }

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

func day(timestamp string) string { return timestamp[:min(10, len(timestamp))] }

func appendNew(list []string, s string) []string {
	if len(list) > 0 && list[len(list)-1] == s {
		return list
	}
	return append(list, s)
}

// relative is a path as the user would type it from here.
func relative(p string) string {
	wd, err := filepath.Abs(".")
	if err != nil {
		return p
	}
	if r, err := filepath.Rel(wd, p); err == nil && !strings.HasPrefix(r, "..") {
		return r
	}
	return p
}
