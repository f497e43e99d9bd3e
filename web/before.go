package web

import (
	"cmp"
	slashed "path"
	"slices"
	"strconv"
	"strings"
	"time"

	"casebook/findings"
)

// event is something that happened at a certain time.
type event struct {
	at       time.Time
	time     string // RFC 3339
	ago      string // how long before the incident
	kind     string
	what     string
	note     string
	artifact string
	line     int
}

// Before lists what happened last before the incident, the latest first: marks of the time line, first errors and the first of each kind of error.
// It is empty if no incident was given.
func (v *view) Before() []event {
	if v.Incident == nil {
		return nil
	}
	incident, err := time.Parse(time.RFC3339Nano, v.Incident.Time)
	if err != nil {
		return nil
	}
	var out []event
	add := func(e event) {
		at, err := time.Parse(time.RFC3339Nano, e.time)
		if err != nil || at.After(incident) {
			return
		}
		e.at, e.ago = at, roughly(incident.Sub(at))+" before"
		same := func(x event) bool { return x.artifact == e.artifact && x.line == e.line && x.at.Equal(e.at) }
		if !slices.ContainsFunc(out, same) {
			out = append(out, e)
		}
	}
	for _, e := range v.Notable {
		add(event{time: e.Time, kind: "error", what: message(e), note: e.Note, artifact: e.Artifact, line: e.Line})
	}
	for _, k := range v.Errors {
		kind := "error"
		if k.Count > 1 {
			kind = "first of " + count(k.Count, "error", "errors")
		}
		add(event{time: k.First.Time, kind: kind, what: cmp.Or(message(k.First), k.Template), note: k.First.Note, artifact: k.First.Artifact, line: k.First.Line})
	}
	for _, m := range v.Timeline.Marks {
		if m.UTC && m.Kind != findings.MarkIncident {
			add(event{time: m.Time, kind: markWord(m.Kind), what: m.Label, artifact: m.Artifact, line: m.Line})
		}
	}
	slices.SortStableFunc(out, func(a, b event) int {
		return cmp.Or(b.at.Compare(a.at), strings.Compare(a.artifact, b.artifact), cmp.Compare(a.line, b.line))
	})
	out, _ = head(out, maxBefore)
	return out
}

// Rarest returns the kind of error that occurs least, unless the first error of the upload is of that kind; nil if there is none.
func (v *view) Rarest() *findings.ErrorKind {
	for i := range v.Errors {
		k := &v.Errors[i]
		if len(v.Notable) > 0 && k.First.Artifact == v.Notable[0].Artifact && k.First.Line == v.Notable[0].Line {
			continue
		}
		return k
	}
	return nil
}

// LastChange returns the last installation that the time line has, before the incident if that is known; nil if there is none.
func (v *view) LastChange() *findings.Mark {
	var last *findings.Mark
	for i := range v.Timeline.Marks {
		m := &v.Timeline.Marks[i]
		if m.Kind != findings.MarkInstall || !m.UTC || v.Incident != nil && m.Time > v.Incident.Time {
			continue
		}
		if last == nil || m.Time > last.Time {
			last = m
		}
	}
	return last
}

// shortPlace names a piece of evidence by its file's name and line, or by the registry key's last part and the value.
func shortPlace(e findings.Evidence) string {
	s := slashed.Base(e.Artifact)
	switch {
	case e.Key != "":
		s += " › " + e.Key[strings.LastIndexByte(e.Key, '\\')+1:]
		if e.Value != nil && *e.Value != "" {
			s += " › " + *e.Value
		}
	case e.Line > 0:
		s += ":" + strconv.Itoa(e.Line)
	}
	return s
}

// gist is what a piece of evidence says in few words.
func gist(e findings.Evidence) string {
	if e.Absent {
		return notThere
	}
	return clip(message(e), maxGist)
}
