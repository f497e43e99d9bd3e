package findings

import (
	"fmt"
	"strings"
	"time"

	"casebook/findings/facts"
	"casebook/hive"
	"casebook/ingest"
)

// maxQuote is the length of a quote in characters.
const maxQuote = 400

// FromMatch makes evidence of a line that a signal or an observer kept.
func FromMatch(m facts.Match, role Role, note string) Evidence {
	e := Evidence{
		Artifact: m.Ref.Artifact, Line: m.Ref.Line, Quote: m.Quote, Role: role, Note: note,
		Before: m.Before, After: m.After,
	}
	if t, ok := m.UTC(); ok {
		e.Time = Timestamp(t)
	}
	e.LocalTime = local(m.Clocked())
	return e
}

// FromLine makes evidence of a line of a typed text artifact (1-based).
func FromLine(f *facts.Facts, artifact string, line int, role Role, note string) Evidence {
	m, ok := f.Line(artifact, line)
	if !ok {
		m.Ref = ingest.Ref{Artifact: artifact, Line: line}
	}
	return FromMatch(m, role, note)
}

// FromValue makes evidence of a registry value.
func FromValue(v hive.Found, role Role, note string) Evidence {
	return FromQuotedValue(v, v.Value.Display(), role, note)
}

// FromQuotedValue makes evidence of a part of a registry value's data: consecutive strings of a multi-string, joined by " | ".
func FromQuotedValue(v hive.Found, quote string, role Role, note string) Evidence {
	name := v.Value.Name
	e := Evidence{
		Artifact: v.Source, Line: v.Line, Key: v.Key, Value: &name, Quote: clip(quote), Role: role, Note: replayed(note, v),
	}
	if !v.KeyLastWritten.IsZero() {
		e.Time = Timestamp(v.KeyLastWritten)
	}
	return e
}

// FromKey makes evidence of a registry key's existence.
func FromKey(v hive.Found, role Role, note string) Evidence {
	e := Evidence{Artifact: v.Source, Line: v.Line, Key: v.Key, Role: role, Note: replayed(note, v)}
	if !v.KeyLastWritten.IsZero() {
		e.Time = Timestamp(v.KeyLastWritten)
	}
	return e
}

// replayed adds to a note what the hive file alone does not show.
func replayed(note string, v hive.Found) string {
	if !v.Replayed {
		return note
	}
	return join(note, "as the hive's transaction log has it; the hive file alone does not")
}

// join adds to a note that may be empty.
func join(note, more string) string {
	if note == "" {
		return more
	}
	return note + "; " + more
}

// AbsentValue makes evidence of a registry value, or with name nil of a key, that is not there. v is what the lookup returned beside
// hive.ErrNotExist: the source, and the nearest key above that it shows.
func AbsentValue(v hive.Found, key string, name *string, role Role, note string) Evidence {
	if v.Removed {
		note = join(note, "the hive file alone still holds it; its transaction log removes it")
	}
	return Evidence{Artifact: v.Source, Key: key, Value: name, Absent: true, Role: role, Note: note}
}

// AbsentLine makes evidence of an artifact that lacks something; note says what.
func AbsentLine(artifact string, role Role, note string) Evidence {
	return Evidence{Artifact: artifact, Absent: true, Role: role, Note: note}
}

// Place says in words where evidence lies: the artifact with its line, or with the registry key and the value's name.
func (e Evidence) Place() string {
	place := shown(e.Artifact)
	if e.Line > 0 && e.Key == "" {
		place += fmt.Sprintf(" line %d", e.Line)
	}
	if e.Key != "" {
		place += ", " + shownKey(e.Key)
	}
	switch {
	case e.Value != nil && *e.Value == "":
		place += ", default value"
	case e.Value != nil:
		place += ", value " + shownKey(*e.Value)
	}
	return place
}

// local formats what a log's clock showed: RFC 3339 with the offset if that is known, else without one; "" if there is no time.
func local(t ingest.Time) string {
	wall, ok := t.Local()
	if !ok {
		return ""
	}
	layout := "2006-01-02T15:04:05"
	if wall.Nanosecond() >= int(time.Millisecond) {
		layout += ".000"
	}
	if t.Zone < ingest.ZoneSystem {
		return wall.Format(layout)
	}
	zone := time.FixedZone("", -int(t.Bias)*60)
	return time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), zone).Format(layout + "-07:00")
}

// Timestamp formats a time as report.json states times: RFC 3339 in UTC with milliseconds where there are any.
func Timestamp(t time.Time) string {
	t = t.UTC()
	if t.Nanosecond() >= int(time.Millisecond) {
		return t.Format("2006-01-02T15:04:05.000Z")
	}
	return t.Format("2006-01-02T15:04:05Z")
}

// clip cuts a quote to its permitted length and marks the cut.
func clip(s string) string { return cut(s, maxQuote) }

// cut cuts a string after so many characters and marks the cut.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	n := 0
	for i := range s {
		if n == limit {
			return s[:i] + "…"
		}
		n++
	}
	return s
}

// RegistryCollect returns the command with which a customer exports a registry key.
func RegistryCollect(key, file string) string {
	return `reg export "` + strings.TrimSuffix(key, `\`) + `" "%PUBLIC%\` + file + `" /y /reg:64`
}
