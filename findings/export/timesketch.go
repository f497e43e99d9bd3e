package export

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"casebook/findings"
	"casebook/ingest"
)

// Event is a line of a Timesketch import file. Message, Datetime and TimestampDesc are required by its importer; the others become fields of the event.
// Source: Timesketch documentation, "Import data from JSON or CSV".
type Event struct {
	Message       string   `json:"message"`
	Datetime      string   `json:"datetime"` // ISO 8601 with an offset
	TimestampDesc string   `json:"timestamp_desc"`
	Tag           []string `json:"tag,omitempty"`
	System        string   `json:"system,omitempty"`
	Artifact      string   `json:"artifact,omitempty"`
	Line          int      `json:"line,omitempty"`
	Severity      string   `json:"severity,omitempty"`
	Component     string   `json:"component,omitempty"`
	Check         string   `json:"check,omitempty"`
	Verdict       string   `json:"verdict,omitempty"`
	Note          string   `json:"note,omitempty"`
}

// Timesketch writes JSON lines: of the evidence of findings, the marks of the time line and the first errors, in the order of time, and behind them of all
// records, if they are at hand. What has no time in UTC is left out and counted, since an event without an offset would be put at a wrong time. records may be nil.
func Timesketch(w io.Writer, r *findings.Report, records func(artifact string) iter.Seq2[ingest.Record, error]) (leftOut int, err error) {
	owner := map[string]string{}
	for _, a := range r.Artifacts {
		owner[a.Path] = a.System
	}
	var events []Event
	add := func(e Event) {
		if e.Datetime == "" {
			leftOut++
			return
		}
		e.Datetime = strings.TrimSuffix(e.Datetime, "Z") + "+00:00"
		events = append(events, e)
	}
	for _, f := range r.Findings {
		if f.Verdict == findings.NotEvaluated {
			continue
		}
		for _, e := range f.Evidence {
			if e.Time == "" && e.LocalTime == "" {
				continue // a registry value has no time
			}
			what := "Evidence: " + f.Title
			if e.Key != "" {
				what = "Registry key last written; evidence: " + f.Title
			}
			add(Event{
				Message: cmp.Or(e.Quote, f.Title), Datetime: e.Time, TimestampDesc: what, Tag: []string{"casebook", f.Check, string(f.Verdict)},
				System: f.System, Artifact: e.Artifact, Line: e.Line, Severity: string(f.Severity), Check: f.Check, Verdict: string(f.Verdict), Note: e.Note,
			})
		}
	}
	for _, m := range r.Timeline.Marks {
		if m.Kind == findings.MarkFinding || m.Kind == findings.MarkKey {
			continue // its evidence is there
		}
		at := m.Time
		if !m.UTC {
			at = ""
		}
		add(Event{Message: m.Label, Datetime: at, TimestampDesc: "Mark: " + string(m.Kind), Tag: []string{"casebook", string(m.Kind)}, System: m.System, Artifact: m.Artifact, Line: m.Line})
	}
	for _, e := range r.Notable {
		add(Event{Message: e.Quote, Datetime: e.Time, TimestampDesc: "Error", Tag: []string{"casebook"}, System: owner[e.Artifact], Artifact: e.Artifact, Line: e.Line, Severity: "error", Note: e.Note})
	}
	slices.SortStableFunc(events, func(a, b Event) int { return strings.Compare(a.Datetime, b.Datetime) })
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	for _, e := range events {
		if err := out.Encode(e); err != nil {
			return leftOut, err
		}
	}
	if records == nil {
		return leftOut, nil
	}
	for _, a := range r.Artifacts {
		if a.Records == 0 {
			continue
		}
		for rec, err := range records(a.Path) {
			if err != nil {
				return leftOut, fmt.Errorf("records of %s: %w", a.Path, err)
			}
			at, ok := rec.Time.UTC()
			if !ok {
				leftOut++
				continue
			}
			err := out.Encode(Event{
				Message: strings.ToValidUTF8(strings.TrimRight(string(rec.Text), "\r\n"), "\uFFFD"), Datetime: at.Format("2006-01-02T15:04:05.000000") + "+00:00",
				TimestampDesc: "Log record", System: a.System, Artifact: a.Path, Line: rec.Line, Severity: rec.Severity.String(), Component: string(rec.Component),
			})
			if err != nil {
				return leftOut, err
			}
		}
	}
	return leftOut, nil
}
