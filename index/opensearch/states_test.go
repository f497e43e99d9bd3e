package opensearch_test

import (
	"context"
	"errors"
	"io/fs"
	"testing"
	"time"

	"casebook/index"
	"casebook/internal/oscluster"
)

// TestStates writes a case again and again: what is searched is always one complete state.
func TestStates(t *testing.T) {
	store := openStore(t)
	count := func() int {
		t.Helper()
		n, _, err := store.Count(t.Context(), parse(t, "policystate OR ok"))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(); n != 0 {
		t.Fatalf("%d hits in an archive that is not there yet", n)
	}
	c := smallCases()[1]
	w, err := c.begin(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 0 {
		t.Errorf("%d hits of a case that is not committed", n)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	c.write(t, store)
	once := count()
	if once != len(c.artifacts[0].records) {
		t.Fatalf("%d hits, %d records", once, len(c.artifacts[0].records))
	}
	c.write(t, store) // a job that is delivered again
	if n := count(); n != once {
		t.Errorf("%d hits after the case was written again, %d before", n, once)
	}
	none := ""
	c.entry.Replaces = &none
	if w, err = c.begin(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(t.Context()); !errors.Is(err, index.ErrChanged) {
		t.Errorf("a case is replaced though there was to be none: %v", err)
	}
	c.entry.Replaces = nil
	ctx, cancel := context.WithCancel(t.Context())
	if w, err = c.begin(ctx, store); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := w.Commit(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("commit after the end: %v", err)
	}
	if n := count(); n != once {
		t.Errorf("%d hits after a commit that was interrupted, %d before", n, once)
	}

	if err := store.AddNote(t.Context(), c.id, index.Note{Time: time.Unix(0, 0), Text: "solved"}); err != nil {
		t.Fatal(err)
	}
	if id, err := store.FindCase(t.Context(), "inc"); err != nil || id != c.id {
		t.Errorf("found %q: %v", id, err)
	}
	if err := store.Label(t.Context(), c.id, index.Labels{"customer": {"acme"}}); err != nil {
		t.Fatal(err)
	}
	c.write(t, store)
	if notes, err := store.Notes(t.Context(), c.id); err != nil || len(notes) != 1 || notes[0].Text != "solved" {
		t.Errorf("notes %v: %v", notes, err)
	}
	if list, err := store.List(t.Context()); err != nil || len(list) != 1 || !list[0].Labels.Has(index.Labels{"customer": {"acme"}}) {
		t.Errorf("cases %+v: %v", list, err)
	}
	if _, err := store.Remove(t.Context(), []string{c.id}); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 0 {
		t.Errorf("%d hits of a case that was removed", n)
	}
	if _, err := store.Report(t.Context(), c.id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the report of a case that was removed: %v", err)
	}
	if _, err := store.FindCase(t.Context(), c.id); !errors.Is(err, index.ErrNoCase) {
		t.Errorf("a case that was removed is found: %v", err)
	}
}

// TestNodeIsLost stops a node while cases are written and searched.
func TestNodeIsLost(t *testing.T) {
	prefix := newPrefix()
	store, cluster := openPrefix(t, prefix), oscluster.Shared(t)
	first := smallCases()[0]
	first.write(t, store)
	cluster.AwaitCopies(t, prefix)
	q := parse(t, "1603")
	want, _, err := store.Count(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	hits := 0
	for _, err := range store.Search(t.Context(), q, index.SearchOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if hits++; hits == 1 {
			cluster.StopNode(t, 2)
		}
	}
	if hits != want {
		t.Errorf("%d hits of a search during which a node was lost, %d before", hits, want)
	}
	second := smallCases()[1]
	second.write(t, store)
	cluster.StartNode(t, 2)
	third := smallCases()[2]
	third.write(t, store)
	if list, err := store.List(t.Context()); err != nil || len(list) != 3 {
		t.Errorf("%d cases: %v", len(list), err)
	}
	for _, c := range []*testCase{&second, &third} {
		records := 0
		for _, a := range c.artifacts {
			records += len(a.records)
		}
		q := parse(t, `(policystate OR ok) case:"`+c.id+`"`)
		if n, _, err := store.Count(t.Context(), q); err != nil || n != records {
			t.Errorf("case %s: %d of %d records: %v", c.id, n, records, err)
		}
	}
}
