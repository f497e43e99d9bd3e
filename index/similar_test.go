package index_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"casebook/findings"
	"casebook/index"
)

// writeReport publishes a case that has only a report.
func writeReport(t *testing.T, dir string, r *findings.Report) {
	t.Helper()
	w, err := index.Create(t.Context(), dir, index.Entry{})
	if err != nil {
		t.Fatal(err)
	}
	err = w.Report(r, func(out io.Writer) error { return json.NewEncoder(out).Encode(r) })
	if err := publish(w, err); err != nil {
		t.Fatal(err)
	}
}

// reportOf makes a report of a case with confirmed checks and kinds of errors; a check behind ? is suspected only.
func reportOf(id string, checks []string, templates ...string) *findings.Report {
	r := &findings.Report{Case: id}
	for _, c := range checks {
		f := findings.Finding{Check: strings.TrimPrefix(c, "?"), Title: "Title of " + c, Verdict: findings.Confirmed}
		if strings.HasPrefix(c, "?") {
			f.Verdict = findings.Suspected
		}
		r.Findings = append(r.Findings, f)
	}
	for _, s := range templates {
		r.Errors = append(r.Errors, findings.ErrorKind{Template: s})
	}
	return r
}

func TestSimilar(t *testing.T) {
	dir := t.TempDir()
	const common, rare = "connection to # refused", "package # is corrupt"
	for _, r := range []*findings.Report{
		reportOf("A", []string{"x"}, common),
		reportOf("B", nil, common, rare),
		reportOf("C", nil, common),
		reportOf("D", []string{"y"}, "something else entirely", "# # err"),
		reportOf("E", []string{"?x"}),
	} {
		writeReport(t, dir, r)
	}
	a := openArchive(t, dir)
	note := index.Note{Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Text: "fixed"}
	if err := a.AddNote(t.Context(), "B", note); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		report *findings.Report
		limit  int
		want   []string // case: reasons
	}{
		{"finding-then-rare-then-common", reportOf("Z", []string{"x"}, common, rare), 0, []string{"A: x, " + common, "B: " + rare + ", " + common, "C: " + common}},
		{"limited", reportOf("Z", nil, common, rare), 1, []string{"B: " + rare + ", " + common}},
		{"not-itself", reportOf("A", []string{"x"}, common), 0, []string{"B: " + common, "C: " + common}},
		{"suspected-is-not-confirmed", reportOf("Z", []string{"?y"}), 0, nil},
		{"too-short-to-say-anything", reportOf("Z", nil, "# # err"), 0, nil},
		{"nothing-shared", reportOf("Z", []string{"z"}, "unheard of"), 0, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			likes, err := a.Similar(t.Context(), tt.report, tt.limit)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, l := range likes {
				var reasons []string
				sum := 0.0
				for _, r := range l.Reasons {
					reasons = append(reasons, r.Check+r.Template)
					sum += r.Weight
				}
				got = append(got, l.Case+": "+strings.Join(reasons, ", "))
				if sum != l.Score || l.Case == "B" != (len(l.Notes) == 1) {
					t.Errorf("%s: score %v of %v, notes %v", l.Case, l.Score, l.Reasons, l.Notes)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("cases (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNotes(t *testing.T) {
	dir := t.TempDir()
	writeReport(t, dir, reportOf("INC1", nil))
	writeReport(t, dir, reportOf("INC2", nil))
	a := openArchive(t, dir)
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))
	for _, n := range []index.Note{{Time: at, Text: "one"}, {Time: at, Author: " anna ", Text: "two\nlines"}} {
		if err := a.AddNote(t.Context(), "INC1", n); err != nil {
			t.Fatal(err)
		}
	}
	writeReport(t, dir, reportOf("INC1", nil)) // analysed anew
	got, err := a.Notes(t.Context(), "INC1")
	when := time.Date(2026, 1, 2, 2, 4, 5, 0, time.UTC)
	if diff := cmp.Diff([]index.Note{{Time: when, Text: "one"}, {Time: when, Author: "anna", Text: "two\nlines"}}, got); diff != "" || err != nil {
		t.Errorf("error %v, notes (-want +got):\n%s", err, diff)
	}
	if got, err := a.Notes(t.Context(), "INC2"); got != nil || err != nil {
		t.Errorf("a case without notes has %v, error %v", got, err)
	}
	if err := a.AddNote(t.Context(), "INC3", index.Note{Text: "x"}); !errors.Is(err, index.ErrNoCase) {
		t.Errorf("a note on a case that is not there: %v", err)
	}
	if err := a.AddNote(t.Context(), "INC1", index.Note{Text: strings.Repeat("x", 1<<20)}); err == nil {
		t.Error("a note of a megabyte is taken")
	}
	if err := a.AddNote(t.Context(), "INC1", index.Note{Author: strings.Repeat("x", 1000), Text: "x"}); err == nil {
		t.Error("a name of a thousand bytes is taken")
	}
	for s, want := range map[string]string{"INC1": "INC1", "inc2": "INC2", "INC": "", "": "", "INC11": ""} {
		if id, err := a.FindCase(t.Context(), s); id != want || (want == "") != errors.Is(err, index.ErrNoCase) {
			t.Errorf("%q is the case %q, error %v; want %q", s, id, err, want)
		}
	}
	list, err := filepath.Glob(filepath.Join(dir, "notes", "*"))
	if err != nil || len(list) != 1 {
		t.Fatalf("files of notes: %v, %v", list, err)
	}
	if err := os.WriteFile(list[0], []byte(`{"case":"INC1","notes":[{"time":"2025-01-02T03:04:05Z","text":"before authors were kept"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := a.Notes(t.Context(), "INC1"); err != nil || len(got) != 1 || got[0].Author != "" || got[0].Text != "before authors were kept" {
		t.Errorf("error %v, notes %+v", err, got)
	}
	if err := os.WriteFile(list[0], []byte(`{"case":"INC2"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Notes(t.Context(), "INC1"); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("error %v, want one of damaged notes", err)
	}
}
