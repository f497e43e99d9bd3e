package export

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"

	"casebook/findings"
	"casebook/internal/safeio"
)

// maxQuotes is how many pieces of evidence of a finding Markdown shows; the rest is in report.json.
const maxQuotes = 12

// Markdown writes the report for a ticket or a wiki (CommonMark): verdicts, evidence with its places, remedies, what to ask for, what was not read. Strings of the
// bundle stand in fences and code spans, where nothing is markup. The error is that of w.
func Markdown(w io.Writer, r *findings.Report) error {
	m := &markdown{}
	m.line("# %s", text(r.Name()))
	m.line("")
	head, informs := r.Headline(), r.Informs()
	switch {
	case head != "":
		m.line("**%s**", text(head))
	case len(informs) > 0 && informs[0].Verdict == findings.Confirmed:
		m.line("**No fault is confirmed. Confirmed as information: %s**", text(informs[0].Title))
	default:
		m.line("**Nothing is confirmed.**")
	}
	m.line("")
	if r.Redacted != "" {
		m.line("%s", text(r.Redacted))
		m.line("")
	}
	if r.Window.From != "" {
		m.line("Time covered: %s to %s.", r.Window.From, r.Window.To)
		m.line("")
	}
	for _, f := range r.Findings {
		if f.Verdict == findings.Confirmed || f.Verdict == findings.Suspected {
			m.finding(&f)
		}
	}
	m.rest(r)
	if r.Request.Text != "" {
		m.line("## To ask the customer for")
		m.line("")
		m.fence(r.Request.Text)
	}
	if len(r.Problems) > 0 {
		m.line("## Not read, or not in full")
		m.line("")
		for _, p := range r.Problems {
			if p.Artifact != "" {
				m.line("- %s: %s", code(p.Artifact), text(p.Message))
			} else {
				m.line("- %s", text(p.Message))
			}
		}
		m.line("")
	}
	m.line("*%s %s*", text(r.Tool.Name), text(r.Tool.Version))
	_, err := w.Write(m.Bytes())
	return err
}

type markdown struct{ bytes.Buffer }

func (m *markdown) line(format string, args ...any) {
	fmt.Fprintf(m, format, args...)
	fmt.Fprintln(m)
}

// fence writes lines as they are, in a fence longer than any run of backticks among them.
func (m *markdown) fence(s string) {
	longest, run := 2, 0
	for _, c := range s {
		if c == '`' {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	f := strings.Repeat("`", longest+1)
	m.line("%stext", f)
	for l := range strings.Lines(s) {
		m.line("%s", safeio.Printable(strings.TrimRight(l, "\r\n")))
	}
	m.line("%s", f)
	m.line("")
}

func (m *markdown) finding(f *findings.Finding) {
	m.line("## %s", text(f.Title))
	m.line("")
	about := fmt.Sprintf("%s, %s severity", f.Verdict, f.Severity)
	if f.State != findings.Unknown && f.State != "" {
		about += ", " + string(f.State)
	}
	if f.System != "" {
		about += ", on " + code(f.System)
	}
	if f.Subject != "" && f.Subject != f.System {
		about += ", about " + code(f.Subject)
	}
	m.line("%s (%s)", about, code(f.Check))
	m.line("")
	m.paragraph("", f.Summary)
	m.paragraph("Why: ", f.Cause)
	for _, e := range f.Evidence[:min(len(f.Evidence), maxQuotes)] {
		m.evidence(&e)
	}
	if n := len(f.Evidence) - maxQuotes; n > 0 {
		m.line("… and %d more in report.json.", n)
		m.line("")
	}
	if len(f.Remedy) > 0 {
		m.line("What to do:")
		m.line("")
		for i, s := range f.Remedy {
			m.line("%d. %s", i+1, text(s))
		}
		m.line("")
	}
	m.paragraph("Risk: ", f.Risk)
	m.paragraph("To undo it: ", f.Undo)
	m.paragraph("Cured when: ", f.Cured)
	m.paragraph("What would overturn it: ", f.Overturns)
	for _, x := range f.Missing {
		m.line("Still needed: %s, because %s", text(x.What), text(strings.TrimRight(x.Why, ".")+"."))
		m.line("")
		m.fence(x.Collect)
	}
}

func (m *markdown) paragraph(label, s string) {
	if s != "" {
		m.line("%s%s", label, text(s))
		m.line("")
	}
}

func (m *markdown) evidence(e *findings.Evidence) {
	at := code(e.Artifact)
	if e.Line > 0 {
		at += fmt.Sprintf(" line %d", e.Line)
	}
	if e.Key != "" {
		at += " " + code(e.Key)
	}
	if e.Value != nil {
		at += " value " + code(*e.Value)
	}
	if e.Time != "" {
		at += ", " + e.Time
	}
	if e.Absent {
		at += ": not there"
	}
	m.line("%s: %s", e.Role, at)
	m.line("")
	if e.Quote != "" {
		m.fence(e.Quote)
	}
	m.paragraph("", e.Note)
}

// rest lists the checks that found nothing, each with the reason.
func (m *markdown) rest(r *findings.Report) {
	heads := []struct {
		title string
		is    func(*findings.Finding) bool
	}{
		{"Ruled out", func(f *findings.Finding) bool { return f.Verdict == findings.RuledOut }},
		{"Not evaluated: data missing", func(f *findings.Finding) bool {
			return f.Verdict == findings.NotEvaluated && f.Reason == findings.DataMissing
		}},
	}
	for _, h := range heads {
		first := true
		for _, f := range r.Findings {
			if !h.is(&f) {
				continue
			}
			if first {
				m.line("## %s", h.title)
				m.line("")
				first = false
			}
			on := ""
			if f.System != "" {
				on = " on " + code(f.System)
			}
			m.line("- %s%s: %s", code(f.Check), on, text(f.Unmet))
		}
		if !first {
			m.line("")
		}
	}
}

// markup are the characters that may begin markup in a line.
var markup = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", `*`, `\*`, `_`, `\_`, `{`, `\{`, `}`, `\}`, `[`, `\[`, `]`, `\]`, `<`, `\<`, `>`, `\>`, `#`, `\#`, `|`, `\|`, `!`, `\!`, `&`, `\&`, `~`, `\~`,
	`://`, `:\/\/`, `@`, `\@`, `www.`, `www\.`)

// begins finds what begins a list, a heading or a rule at the beginning of a line.
var begins = regexp.MustCompile(`^([-+=]|[0-9]+[.)])`)

// text is a string within a line of prose, or a whole one.
func text(s string) string {
	s = markup.Replace(strings.TrimSpace(safeio.Printable(s)))
	if m := begins.FindString(s); m != "" {
		return m[:len(m)-1] + `\` + s[len(m)-1:]
	}
	return s
}

// code is a string as a code span, which holds everything but more backticks than its marks.
func code(s string) string {
	s = safeio.Printable(s)
	marks := "`"
	for strings.Contains(s, marks) {
		marks += "`"
	}
	if s == "" || strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") || strings.HasPrefix(s, " ") {
		s = " " + s + " "
	}
	return marks + s + marks
}
