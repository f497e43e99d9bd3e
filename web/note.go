package web

import (
	slashed "path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"casebook/findings"
)

// How much of a finding a ticket note tells.
const (
	maxNoteLines = 40
	maxNoteTitle = 200 // characters
	maxNoteQuote = 110
	maxNoteStep  = 140
	maxNoteWants = 140
	maxNoteHosts = 4
	shortSum     = 12 // digits of an upload's hash with each line; the last line has all of them
)

// Note returns the ticket note of a report: plain text, a line for each confirmed or suspected cause, one where there is none, and before them one for each archive that is cut short,
//
//	[Confirmed, active, high] cause · host · file:line "quote" · next step · still needed · version, upload hash
//
// in which hosts are all machines that the finding is about, the quote is the decisive one without what the log's format puts around the message, and of the hash the
// beginning stands. A last line names each upload with its whole hash, once; in a redacted report one more says that it is. Characters that can't be seen, or that reorder their neighbours, stand as escapes.
func Note(r *findings.Report) string {
	v := newView(r)
	var lines []string
	for _, c := range v.CutShort()[:min(len(v.CutShort()), maxBriefs)] {
		lines = append(lines, plain("[Cut short] "+c.Sentence()+" Ask for it again; what follows holds for the part that arrived only."))
	}
	told := len(lines)
	list, more := head(noted(v), maxNoteLines)
	for _, f := range list {
		lines = append(lines, noteLine(v, f))
	}
	if more > 0 {
		lines = append(lines, moreInReport(more))
	}
	if len(lines) == told {
		head := noCauseHead(v)
		if v.Unreadable() {
			head = unreadableHead
		} else if s := informed(v); s != "" {
			head += " " + s
		}
		fields := []string{"[" + noCauseTag(v) + "] " + head}
		for _, e := range v.Notable[:min(len(v.Notable), 1)] {
			fields = append(fields, firstError+noteEvidence(e))
		}
		if items := v.Request.Items; len(items) > 0 {
			var wanted []string
			for _, it := range items {
				wanted = append(wanted, it.What)
			}
			fields = append(fields, stillNeeded+shorten(strings.Join(wanted, ", "), 2*maxNoteWants))
		}
		lines = append(lines, plain(strings.Join(append(fields, origin(v, findings.Finding{})), " · ")))
	}
	if s := sums(v); s != "" {
		lines = append(lines, s)
	}
	if v.Redacted != "" {
		lines = append(lines, redactedLine)
	}
	return strings.Join(lines, "\n") + "\n"
}

// RequestText returns the request to the customer as plain text, in which only line breaks and tabs are control characters. That of a redacted report says so at its end.
func RequestText(r *findings.Report) string {
	text := requestText(r)
	if r.Redacted != "" {
		text += "\n" + redactedLine + "\n"
	}
	return text
}

func requestText(r *findings.Report) string {
	if r.Request.Text == "" {
		v := newView(r)
		if v.Unreadable() {
			return onceMore + "\n"
		}
		return nothingToAsk(v) + "\n"
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
	fields := []string{"[" + strings.Join(grade, ", ") + "] " + shorten(f.Title, maxNoteTitle)}
	if list, more := head(concerned(v, f), maxNoteHosts); len(list) > 0 {
		s := strings.Join(list, ", ")
		if more > 0 {
			s += " and " + number(more) + " more"
		}
		fields = append(fields, s)
	}
	if e := decisive(f.Finding); e != nil {
		fields = append(fields, noteEvidence(*e))
	}
	if len(f.Remedy) > 0 {
		fields = append(fields, nextStep+shorten(f.Remedy[0], maxNoteStep))
	}
	var wanted []string
	for i, m := range f.Missing {
		if i < maxUnsettled {
			wanted = append(wanted, m.What)
		}
	}
	if len(wanted) > 0 {
		fields = append(fields, stillNeeded+shorten(strings.Join(wanted, ", "), maxNoteWants))
	}
	return plain(strings.Join(append(fields, origin(v, f.Finding)), " · "))
}

// decisive is the supporting line that the finding's summary quotes, else the first one; nil if there is none.
func decisive(f findings.Finding) *findings.Evidence {
	const telling = 20 // characters, below which a message may stand in the summary by chance
	var first *findings.Evidence
	for i := range f.Evidence {
		e := &f.Evidence[i]
		if e.Role != findings.Supports {
			continue
		}
		if first == nil {
			first = e
		}
		if s := strings.TrimRight(message(*e), ".…"); e.Key == "" && len(s) >= telling && strings.Contains(f.Summary, s) {
			return e
		}
	}
	return first
}

// concerned are the machines that a finding is about: its own, else those from which evidence supports it, else its subject, unless the title names that.
func concerned(v *view, f item) []string {
	if f.System != "" {
		return []string{f.System}
	}
	var list []string
	for _, e := range f.Evidence {
		if owner := v.owners[e.Artifact]; owner != "" && e.Role == findings.Supports && !slices.Contains(list, owner) {
			list = append(list, owner)
		}
	}
	slices.Sort(list)
	if len(list) == 0 && f.Subject != "" && !strings.Contains(f.Title, f.Subject) {
		list = []string{f.Subject}
	}
	return list
}

// shorten returns as much of s as n characters hold, up to the end of a sentence, else of a part of one, so that no command and no path is cut.
func shorten(s string, n int) string {
	s = strings.TrimSpace(s)
	cut := clip(s, n)
	if cut == s {
		return s
	}
	cut = strings.TrimSuffix(cut, "…")
	for _, stops := range []string{".;", ",:"} {
		for i := len(cut) - 2; i > len(cut)/4; i-- {
			if cut[i+1] != ' ' || strings.IndexByte(stops, cut[i]) < 0 || strings.Count(cut[:i], `"`)%2 == 1 {
				continue
			}
			if cut[i] == '.' {
				return cut[:i+1]
			}
			return cut[:i] + "…"
		}
	}
	if i := strings.LastIndexByte(cut, ' '); i > len(cut)/2 {
		cut = cut[:i]
	}
	return cut + "…"
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
		s += ` "` + clip(message(e), maxNoteQuote) + `"`
	}
	return s
}

// engineLine is what stands before the message in a line of Windows Installer's engine.
var engineLine = regexp.MustCompile(`^MSI \([csaN]\) \([0-9A-F]+[:!@][0-9A-F]+\) \[[0-9:.]+\]: `)

// message is what a line of a log says without what the formats of CMTrace and of Windows Installer put around it. It is part of the quote.
func message(e findings.Evidence) string {
	s := strings.TrimSpace(e.Quote)
	if e.Key != "" {
		return s
	}
	if rest, ok := strings.CutPrefix(s, "<![LOG["); ok {
		s, _, _ = strings.Cut(rest, "]LOG]!>")
	} else if at := strings.LastIndex(s, "  $$<"); at > 0 {
		s = strings.TrimRight(s[:at], "~ ")
	} else if at := engineLine.FindStringIndex(s); at != nil {
		s = s[at[1]:]
	}
	return strings.TrimSpace(s)
}

// origin says what made the note of which uploads, by the beginnings of their hashes: of several, those whose files the finding's evidence names.
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
		list = append(list, "upload "+u.SHA256[:min(shortSum, len(u.SHA256))])
	}
	return strings.Join(list, ", ")
}

// sums names the uploads with their whole hashes.
func sums(v *view) string {
	var list []string
	uploads, more := head(v.Uploads, maxBriefs)
	for _, u := range uploads {
		if u.SHA256 != "" {
			list = append(list, plain(u.Name)+" SHA-256 "+plain(u.SHA256))
		}
	}
	if len(list) == 0 {
		return ""
	}
	if more > 0 {
		list = append(list, moreInReport(more))
	}
	return uploadWord(len(list)) + strings.Join(list, ", ")
}
