package index_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"casebook/findings"
	"casebook/index"
	"casebook/index/query"
)

// TestWithin looks at an archive of two customers as one of them and finds nothing of the other, whatever is asked.
func TestWithin(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "archive")
	report := func(id string) *findings.Report {
		return &findings.Report{
			Case:     id,
			Findings: []findings.Finding{{Check: "disk-full", Verdict: findings.Confirmed, Severity: findings.High, Title: "The disk of " + id + " is full"}},
			Errors:   []findings.ErrorKind{{Template: "the volume is full"}},
		}
	}
	for _, c := range []struct{ id, customer string }{{"A-1", "north"}, {"A-2", "north"}, {"B-1", "south"}, {"B-2", "south"}, {"C-1", ""}} {
		labels := index.Labels{"kind": {"log"}}
		if c.customer != "" {
			labels["customer"] = []string{c.customer}
		}
		if c.id == "A-2" { // another customer sent the same
			labels["customer"] = append(labels["customer"], "south")
		}
		writeLabelled(t, dir, report(c.id), labels)
	}
	a := openArchive(t, dir)
	for _, id := range []string{"A-1", "B-1"} {
		if err := a.AddNote(t.Context(), id, index.Note{Time: time.Unix(0, 0), Text: "note on " + id}); err != nil {
			t.Fatal(err)
		}
	}
	q, err := query.Parse("full")
	if err != nil {
		t.Fatal(err)
	}
	south, err := query.Parse("label:south")
	if err != nil {
		t.Fatal(err)
	}
	if n, _, err := a.Count(t.Context(), south); err != nil || n != 3 { // findings of A-2, B-1 and B-2
		t.Errorf("%d hits of the other customer, %v; want 3", n, err)
	}
	north := a.Within(index.Scope{{"customer": {"north"}}})
	var b strings.Builder
	see := func(v any, err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(&b, "%+v\n", v)
	}
	see(north.List(t.Context()))
	for h, err := range north.Search(t.Context(), q, index.SearchOptions{}) {
		see(h, err)
	}
	for h, err := range north.Search(t.Context(), q, index.SearchOptions{Sort: index.ByRelevance}) {
		see(h, err)
	}
	total, counts, err := north.Count(t.Context(), q, index.FacetCase, index.FacetLabel)
	see(counts, err)
	if total != 2 {
		t.Errorf("%d hits counted, want 2", total)
	}
	if n, _, err := north.Count(t.Context(), south); err != nil || n != 0 {
		t.Errorf("%d hits by the other customer's label, %v", n, err)
	}
	likes, err := north.Similar(t.Context(), report("A-1"), 0)
	see(likes, err)
	if len(likes) != 1 || likes[0].Reasons[0].Cases != 1 {
		t.Errorf("similar cases: %+v, want A-2 alone, and of its check one case", likes)
	}
	see(north.Notes(t.Context(), "A-1"))
	if s := b.String(); strings.Contains(s, "B-") || strings.Contains(s, "C-1") || strings.Contains(s, "south") || !strings.Contains(s, "note on A-1") {
		t.Errorf("what one customer sees:\n%s", s)
	}
	for _, id := range []string{"B-1", "C-1"} {
		if _, err := north.Report(t.Context(), id); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the report of %s: %v", id, err)
		}
		if _, err := north.FindCase(t.Context(), id); !errors.Is(err, index.ErrNoCase) {
			t.Errorf("case %s is found: %v", id, err)
		}
		if notes, err := north.Notes(t.Context(), id); !errors.Is(err, index.ErrNoCase) {
			t.Errorf("the notes of %s: %v, %v", id, notes, err)
		}
		if err := north.AddNote(t.Context(), id, index.Note{Text: "x"}); !errors.Is(err, index.ErrNoCase) {
			t.Errorf("a note on %s: %v", id, err)
		}
	}
	if list, err := a.Within(index.Scope{}).List(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("an empty scope holds %d cases, %v", len(list), err)
	}
	if list, err := a.Within(nil).List(t.Context()); err != nil || len(list) != 5 {
		t.Errorf("every case: %d, %v; want 5", len(list), err)
	}
}

func writeLabelled(t *testing.T, dir string, r *findings.Report, labels index.Labels) {
	t.Helper()
	w, err := index.Create(context.Background(), dir, index.Entry{Labels: labels})
	if err == nil {
		err = w.Report(r, func(out io.Writer) error { return json.NewEncoder(out).Encode(r) })
	}
	if err == nil {
		err = w.Commit(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
}
