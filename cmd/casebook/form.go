package main

import (
	"fmt"
	"path/filepath"
	"slices"

	"casebook"
	"casebook/findings"
	"casebook/findings/export"
)

// The forms in which analyze prints a report.
const (
	formText       = "text"
	formMarkdown   = "md"
	formJSON       = "json"
	formCSV        = "csv"
	formTimesketch = "timesketch"
)

// checkForm says what is wrong with --format.
func (a *app) checkForm(form string) error {
	if form == "" {
		return nil
	}
	if !slices.Contains([]string{formText, formMarkdown, formJSON, formCSV, formTimesketch}, form) {
		return usagef("--format is text, md, json, csv or timesketch, not %q", form)
	}
	if a.json && form != formJSON {
		return usagef("--json and --format %s exclude each other", form)
	}
	return nil
}

// print prints a report in a form; "" is the summary, or JSON with --json. With a form for other programs the report's folder is told on stderr.
func (a *app) print(form string, r *findings.Report, dir string, usable bool) error {
	var err error
	switch form {
	case formJSON:
		asked := a.json
		a.json = true
		err = a.tell(r, dir, usable)
		a.json = asked
	case formMarkdown:
		err = export.Markdown(a.out, r)
	case formCSV:
		err = export.CSV(a.out, r)
	case formTimesketch:
		var leftOut int
		leftOut, err = export.Timesketch(a.out, r, nil)
		if leftOut > 0 && !a.quiet {
			fmt.Fprintf(a.err, "casebook: %d events have no time in UTC and are left out\n", leftOut)
		}
	default:
		return a.tell(r, dir, usable)
	}
	if err == nil && dir != "" && !a.quiet {
		fmt.Fprintf(a.err, "Report: %s\n", printable(filepath.Join(relative(dir), casebook.IndexFile)))
	}
	return err
}
