package export

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"casebook/findings"
	"casebook/internal/safeio"
)

// csvColumns head the table. New ones come last.
var csvColumns = []string{
	"check", "verdict", "severity", "state", "system", "subject", "title", "role", "artifact", "line", "key", "value", "time", "local_time", "quote", "note", "next_step",
}

// CSV writes a line for each piece of evidence (RFC 4180, UTF-8), and one for each finding without any. A cell that a spreadsheet would take for a formula
// begins with an apostrophe, and characters that can't be seen are escaped. The error is that of w.
func CSV(w io.Writer, r *findings.Report) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(csvColumns); err != nil {
		return err
	}
	for _, f := range r.Findings {
		next := ""
		if len(f.Remedy) > 0 {
			next = f.Remedy[0]
		}
		list := f.Evidence
		if len(list) == 0 {
			list = []findings.Evidence{{}}
		}
		for _, e := range list {
			line, value := "", ""
			if e.Line > 0 {
				line = strconv.Itoa(e.Line)
			}
			if e.Value != nil {
				value = *e.Value
			}
			row := []string{
				f.Check, string(f.Verdict), string(f.Severity), string(f.State), f.System, f.Subject, f.Title, string(e.Role), e.Artifact, line, e.Key, value,
				e.Time, e.LocalTime, e.Quote, e.Note, next,
			}
			for i := range row {
				row[i] = cell(row[i])
			}
			if err := out.Write(row); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}

// cell keeps a string text in a spreadsheet. Source: OWASP, "CSV Injection".
func cell(s string) string {
	s = safeio.Printable(s)
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}
