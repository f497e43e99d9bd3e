package cli

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"casebook"
	"casebook/findings"
	"casebook/findings/export"
)

// The forms of a report.
const (
	formText       = "text"
	formMarkdown   = "md"
	formJSON       = "json"
	formCSV        = "csv"
	formTimesketch = "timesketch"
	formHTML       = "html"
)

// analyzeForms are the forms that analyze prints: its pages are in the report's folder. renderForms are those of render.
var (
	analyzeForms = []string{formText, formMarkdown, formJSON, formCSV, formTimesketch}
	renderForms  = append(slices.Clone(analyzeForms), formHTML)
)

// listed lists words for a sentence.
func listed(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// checkForm says what is wrong with --format.
func checkForm(form string, known []string) error {
	if !slices.Contains(known, form) {
		return usagef("--format is %s, not %q", listed(known), form)
	}
	return nil
}

// write writes a report in a form.
func (a *App) write(w io.Writer, form string, r *findings.Report) error {
	switch form {
	case formJSON:
		return casebook.WriteReport(w, r)
	case formMarkdown:
		return export.Markdown(w, r)
	case formCSV:
		return export.CSV(w, r)
	case formHTML:
		return html(w, r)
	case formTimesketch:
		leftOut, err := export.Timesketch(w, r, nil)
		if leftOut > 0 && !a.quiet {
			fmt.Fprintf(a.err, "casebook: %d events have no time in UTC and are left out\n", leftOut)
		}
		return err
	}
	s := summary{palette: a.paint(), page: a.page(), report: r, reasons: a.verbose}
	if s.out = w; w != a.out {
		s.palette, s.width = false, plainWidth
	}
	s.write()
	return nil
}

// print prints the report of an analysis in a form; "" is the summary, or JSON with --json. With a form for other programs the report's folder is told on stderr.
func (a *App) print(form string, r *findings.Report, dir string, usable bool) error {
	switch form {
	case "", formText:
		return a.tell(r, dir, usable)
	case formJSON:
		return a.write(a.out, form, r)
	}
	err := a.write(a.out, form, r)
	if err == nil && dir != "" && !a.quiet {
		fmt.Fprintf(a.err, "Report: %s\n", printable(filepath.Join(relative(dir), casebook.IndexFile)))
	}
	return err
}
