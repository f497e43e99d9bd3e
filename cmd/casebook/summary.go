package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"casebook"
	"casebook/findings"
	"casebook/internal/safeio"
)

// Widths of the summary's columns in characters.
const (
	verdictWidth  = 11
	severityWidth = 9
	textWidth     = 110
)

// tell prints what an analysis found: the report itself with --json, else a short summary.
func (a *app) tell(r *findings.Report, dir string) error {
	if a.json {
		data, err := casebook.EncodeReport(r)
		if err != nil {
			return err
		}
		_, err = a.out.Write(data)
		return err
	}
	s := summary{out: a.out, palette: a.paint(), report: r}
	s.write()
	fmt.Fprintf(a.out, "\nReport: %s\n", filepath.Join(relative(dir), casebook.IndexFile))
	return nil
}

// summary is the verdicts of one report in a few lines.
type summary struct {
	palette
	out    io.Writer
	report *findings.Report
}

func (s summary) write() {
	r := s.report
	fmt.Fprintln(s.out, s.bold(printable(r.Name()))+"  "+s.faint(strings.Join(s.covered(), ", ")))
	shown := 0
	var ruledOut, noProduct, noData []string
	for _, f := range r.Findings {
		switch {
		case f.Verdict == findings.Confirmed || f.Verdict == findings.Suspected:
			s.finding(f)
			shown++
		case f.Verdict == findings.RuledOut:
			ruledOut = appendNew(ruledOut, f.Check)
		case f.Reason == findings.ProductAbsent:
			noProduct = appendNew(noProduct, f.Check)
		default:
			noData = appendNew(noData, f.Check)
		}
	}
	if shown == 0 {
		s.nothing()
	}
	fmt.Fprintln(s.out)
	s.list("Ruled out", s.good, ruledOut)
	s.list("Not evaluated, data missing", s.faint, noData)
	s.list("Not evaluated, product not seen", s.faint, noProduct)
	if n := len(r.Request.Items); n > 0 {
		fmt.Fprintf(s.out, "%s\n", s.bold(fmt.Sprintf("Ask the customer for %d more %s:", n, plural(n, "thing"))))
		for _, it := range r.Request.Items {
			fmt.Fprintf(s.out, "  - %s: %s\n", printable(it.What), printable(strings.ReplaceAll(it.Collect, "\n", " && ")))
		}
	}
	if n := len(r.Problems); n > 0 {
		fmt.Fprintf(s.out, "%s\n", s.warn(fmt.Sprintf("%d %s while reading:", n, plural(n, "problem"))))
		for _, p := range r.Problems[:min(n, 5)] {
			where := ""
			if p.Artifact != "" {
				where = printable(p.Artifact) + ": "
			}
			fmt.Fprintf(s.out, "  - %s%s\n", where, printable(p.Message))
		}
		if n > 5 {
			fmt.Fprintf(s.out, "  - and %d more, in the report\n", n-5)
		}
	}
}

// covered says in a few words what was looked at.
func (s summary) covered() []string {
	r := s.report
	n := len(r.Artifacts)
	out := []string{fmt.Sprintf("%d %s", n, plural(n, "file"))}
	var bytes int64
	for _, a := range r.Artifacts {
		bytes += a.Bytes
	}
	out = append(out, size(bytes))
	if r.Window.From != "" {
		from, to := day(r.Window.From), day(r.Window.To)
		if from == to {
			out = append(out, "covers "+from)
		} else {
			out = append(out, "covers "+from+" to "+to)
		}
	}
	for i, sys := range r.Systems {
		if i == 3 {
			out = append(out, fmt.Sprintf("and %d more computers", len(r.Systems)-3))
			break
		}
		if sys.ID != "" {
			out = append(out, printable(sys.ID))
		}
	}
	return out
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
	about := []string{f.Check}
	if f.Subject != "" {
		about = append(about, printable(f.Subject))
	}
	if f.System != "" && !strings.EqualFold(f.System, f.Subject) {
		about = append(about, "on "+printable(f.System))
	}
	if f.State == findings.Resolved || f.State == findings.Predicted {
		about = append(about, string(f.State))
	}
	fmt.Fprintf(s.out, "\n%s  %s  %s\n", tag(pad(string(f.Verdict), verdictWidth)), pad(string(f.Severity), severityWidth), s.bold(printable(f.Title)))
	indent := strings.Repeat(" ", verdictWidth+severityWidth+4)
	fmt.Fprintf(s.out, "%s%s\n", indent, s.faint(strings.Join(about, " · ")))
	wrap(s.out, indent, printable(f.Summary))
	shown := 0
	for _, e := range f.Evidence {
		if e.Role != findings.Supports || shown == 3 {
			continue
		}
		shown++
		fmt.Fprintf(s.out, "%s%s\n", indent, place(e))
		if e.Quote != "" {
			fmt.Fprintf(s.out, "%s  %s\n", indent, s.faint(clipped(printable(e.Quote), textWidth)))
		}
	}
	if len(f.Remedy) > 0 && f.State != findings.Resolved {
		wrap(s.out, indent, "Do: "+f.Remedy[0])
	}
}

// nothing says what was seen in a bundle that confirms nothing.
func (s summary) nothing() {
	fmt.Fprintf(s.out, "\nNothing is confirmed or suspected.\n")
	if len(s.report.Notable) == 0 {
		fmt.Fprintln(s.out, "No record of the bundle is marked as an error.")
		return
	}
	fmt.Fprintln(s.out, "The first errors in the bundle:")
	for i, e := range s.report.Notable {
		if i == 5 {
			break
		}
		when := ""
		if e.Time != "" {
			when = e.Time + "  "
		}
		fmt.Fprintf(s.out, "  %s%s\n    %s\n", when, place(e), s.faint(clipped(printable(e.Quote), textWidth)))
	}
}

func (s summary) list(title string, paint func(string) string, ids []string) {
	if len(ids) > 0 {
		fmt.Fprintf(s.out, "%s: %s\n", paint(title), strings.Join(ids, ", "))
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
func printable(s string) string {
	q := safeio.Quote(s)
	q = q[1 : len(q)-1]
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(q)
}

// wrap prints text in lines of textWidth characters behind indent.
func wrap(w io.Writer, indent, text string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > textWidth {
			fmt.Fprintf(w, "%s%s\n", indent, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		fmt.Fprintf(w, "%s%s\n", indent, line)
	}
}

func clipped(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

func pad(s string, n int) string { return fmt.Sprintf("%-*s", n, s) }

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
