package web

import (
	slashed "path"
	"slices"
	"strconv"
	"strings"

	"casebook/findings"
)

// How much of a finding a ticket note tells.
const (
	maxNoteLines = 40
	maxNoteQuote = 160 // characters
	maxNoteField = 240 // characters of any other part
)

// Note returns the ticket note of a report: plain text, a line for each confirmed or suspected cause,
//
//	[Confirmed, active, high] cause · host · file:line "quote" · next step · still needed · version, upload hash
//
// and one line where there is none. Characters that can't be seen, or that reorder their neighbours, stand as escapes.
func Note(r *findings.Report) string {
	v := newView(r)
	var lines []string
	list, more := head(noted(v), maxNoteLines)
	for _, f := range list {
		lines = append(lines, noteLine(v, f))
	}
	if more > 0 {
		lines = append(lines, moreInReport(more))
	}
	if len(lines) == 0 {
		head := noCauseHead(v)
		if v.Unreadable() {
			head = unreadableHead
		}
		fields := []string{"[" + nothingConfirmed + "] " + head}
		if items := v.Request.Items; len(items) > 0 {
			var wanted []string
			for _, it := range items {
				wanted = append(wanted, it.What)
			}
			fields = append(fields, stillNeeded+clip(strings.Join(wanted, ", "), maxNoteField))
		}
		lines = append(lines, plain(strings.Join(append(fields, origin(v, findings.Finding{})), " · ")))
	}
	return strings.Join(lines, "\n") + "\n"
}

// RequestText returns the request to the customer as plain text, in which only line breaks and tabs are control characters.
func RequestText(r *findings.Report) string {
	if r.Request.Text == "" {
		return nothingToAsk + "\n"
	}
	var b strings.Builder
	pieces(strings.ReplaceAll(r.Request.Text, "\r\n", "\n"), true, func(piece string, _ bool) { b.WriteString(piece) })
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// noted are the findings that a ticket is told of.
func noted(v *view) []item {
	var list []item
	if lead := v.Lead(); lead != nil {
		list = append(list, *lead)
	}
	for _, group := range [][]item{v.Causes, v.Suspected} {
		list = append(list, v.Beside(group, false)...)
	}
	for _, group := range [][]item{v.Causes, v.Suspected} {
		list = append(list, v.Beside(group, true)...)
	}
	return list
}

func noteLine(v *view, f item) string {
	grade := []string{verdictWord(f.Verdict)}
	if f.State != "" && f.State != findings.Unknown {
		grade = append(grade, string(f.State))
	}
	if f.Severity != "" {
		grade = append(grade, string(f.Severity))
	}
	fields := []string{"[" + strings.Join(grade, ", ") + "] " + clip(f.Title, maxNoteField)}
	if f.System != "" {
		fields = append(fields, f.System)
	}
	for _, e := range byRole(f.Evidence) {
		if e.Role == findings.Supports {
			fields = append(fields, noteEvidence(e))
			break
		}
	}
	if len(f.Remedy) > 0 {
		fields = append(fields, nextStep+clip(f.Remedy[0], maxNoteField))
	}
	var wanted []string
	for i, m := range f.Missing {
		if i < maxUnsettled {
			wanted = append(wanted, m.What)
		}
	}
	if len(wanted) > 0 {
		fields = append(fields, stillNeeded+clip(strings.Join(wanted, ", "), maxNoteField))
	}
	return plain(strings.Join(append(fields, origin(v, f.Finding)), " · "))
}

// noteEvidence is a piece of evidence in few words: the file's name with the line or the registry value, and the quote.
func noteEvidence(e findings.Evidence) string {
	s := slashed.Base(e.Artifact)
	switch {
	case e.Key != "":
		s += ":" + e.Key
		if e.Value != nil && *e.Value != "" {
			s += `\` + *e.Value
		}
	case e.Line > 0:
		s += ":" + strconv.Itoa(e.Line)
	}
	switch {
	case e.Absent:
		s += " " + notThere
	case e.Quote != "":
		s += ` "` + clip(strings.TrimSpace(e.Quote), maxNoteQuote) + `"`
	}
	return clip(s, maxNoteField+maxNoteQuote)
}

// origin says what made the note of which uploads: of several, those whose files the finding's evidence names.
func origin(v *view, f findings.Finding) string {
	list := []string{strings.TrimSpace(v.Tool.Name + " " + v.Tool.Version)}
	for _, u := range v.Uploads {
		cited := slices.ContainsFunc(f.Evidence, func(e findings.Evidence) bool { return strings.HasPrefix(e.Artifact, u.Name+"/") })
		if u.SHA256 == "" || len(v.Uploads) > 1 && len(f.Evidence) > 0 && !cited {
			continue
		}
		if len(list) > maxUnsettled {
			list = append(list, "…")
			break
		}
		list = append(list, "SHA-256 "+u.SHA256)
	}
	return strings.Join(list, ", ")
}
