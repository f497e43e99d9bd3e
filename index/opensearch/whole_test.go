package opensearch_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"casebook/findings"
	"casebook/index"
	"casebook/internal/oscluster"
)

// exported exports a case.
func exported(t *testing.T, from index.Exporter, id string) *index.Exported {
	t.Helper()
	var b bytes.Buffer
	if err := from.Export(t.Context(), id, &b); err != nil {
		t.Fatal(err)
	}
	x, err := index.OpenExported(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// checked fails the test unless everything in an archive is as it was written.
func checked(t *testing.T, a index.Checker) index.Checked {
	t.Helper()
	done, err := a.Check(t.Context(), func(f index.Fault) { t.Errorf("%s: %s", f.Case, f.What) })
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// TestWhole moves cases from a folder to OpenSearch and back, and compares what both say of them.
func TestWhole(t *testing.T) {
	dir, store := t.TempDir(), openStore(t)
	long := time.Date(2012, 3, 8, 0, 0, 0, 0, time.UTC)
	for _, c := range smallCases() {
		c.entry.Added = long
		c.write(t, index.Dir(dir))
		c.findings = nil
		c.write(t, index.Dir(dir)) // so that it has a history
	}
	folder, err := index.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Close() }() // it was only read
	if err := folder.AddNote(t.Context(), "INC2", index.Note{Time: long, Text: "solved"}); err != nil {
		t.Fatal(err)
	}
	list, err := folder.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	back := t.TempDir()
	for _, c := range list {
		if _, err := store.Import(t.Context(), exported(t, folder, c.ID), index.ImportOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Import(t.Context(), exported(t, folder, c.ID), index.ImportOptions{}); !errors.Is(err, index.ErrExists) {
			t.Errorf("imported twice: %v", err)
		}
		if _, err := index.Dir(back).Import(t.Context(), exported(t, store, c.ID), index.ImportOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	returned, err := index.Open(back)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = returned.Close() }() // it was only read
	want := checked(t, folder)
	got := checked(t, store)
	if got.Cases != want.Cases || got.Blocks != want.Blocks || got.Quotes != want.Quotes || got.Unproven != want.Unproven || want.Blocks == 0 || got.Files == 0 {
		t.Errorf("in the folder %+v was proven, in OpenSearch %+v", want, got)
	}
	checked(t, returned)
	for _, other := range []interface {
		index.Reader
		index.Finder
		index.Rememberer
	}{store, returned} {
		for _, c := range list {
			got, err := other.Case(t.Context(), c.ID)
			if err != nil {
				t.Fatal(err)
			}
			history, err := other.History(t.Context(), got)
			if err != nil {
				t.Fatal(err)
			}
			first, err := folder.History(t.Context(), c)
			if diff := cmp.Diff(first, history); err != nil || diff != "" || len(first) != 1 {
				t.Errorf("%T: the history of %s: %v (-folder +other):\n%s", other, c.ID, err, diff)
			}
			notes, err := other.Notes(t.Context(), c.ID)
			if err != nil || len(notes) != map[bool]int{true: 1}[c.ID == "INC2"] {
				t.Errorf("%T: the notes of %s are %v: %v", other, c.ID, notes, err)
			}
			got.State, got.Shard, c.State, c.Shard = "", "", "", ""
			if diff := cmp.Diff(c, got); diff != "" || c.Sum == "" {
				t.Errorf("%T: the case %s (-folder +other):\n%s", other, c.ID, diff)
			}
		}
	}
	same(t, "1603", folder, store, parse(t, "1603"), index.SearchOptions{Sort: index.ByRelevance}, index.Facets()...)

	// A case that is written anew keeps what was said before.
	again := smallCases()[0]
	again.write(t, index.Dir(dir))
	again.write(t, store)
	now, err := store.Case(t.Context(), again.id)
	if err != nil {
		t.Fatal(err)
	}
	history, err := store.History(t.Context(), now)
	was, ferr := folder.Case(t.Context(), again.id)
	first, herr := folder.History(t.Context(), was)
	if diff := cmp.Diff(first, history); errors.Join(err, ferr, herr) != nil || diff != "" || len(first) != 2 {
		t.Errorf("history: %v (-folder +opensearch):\n%s", errors.Join(err, ferr, herr), diff)
	}

	// What is held stays; what is old goes.
	if err := store.Hold(t.Context(), []string{"INC1"}, "a lawsuit"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Remove(t.Context(), []string{"INC2", "INC1"}); err == nil || !strings.Contains(err.Error(), "a lawsuit") {
		t.Errorf("a case that is held is removed: %v", err)
	}
	stats, err := store.Stats(t.Context())
	if err != nil || stats.Cases != 3 || stats.Held != 1 || stats.Shards == 0 || stats.IndexBytes == 0 || stats.CaseBytes == 0 {
		t.Errorf("%+v: %v", stats, err)
	}
	if diff := cmp.Diff([]index.Month{{Month: "2012-03", Cases: 3}}, stats.Months); diff != "" {
		t.Errorf("months (-want +got):\n%s", diff)
	}
	if err := store.Release(t.Context(), []string{"INC1"}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Remove(t.Context(), []string{"INC2", "INC1"}); err != nil {
		t.Errorf("a case that is no longer held is not removed: %v", err)
	}
	if err := store.Export(t.Context(), "INC1", io.Discard); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a case that was removed is exported: %v", err)
	}
}

// TestHolding looks cases up by the uploads that they have.
func TestHolding(t *testing.T) {
	store := openStore(t)
	sum := func(n int) string { return fmt.Sprintf("%064x", n) }
	for i, uploads := range [][]int{{1, 2}, {2}, {}} {
		w, err := store.Create(t.Context(), index.Entry{})
		if err != nil {
			t.Fatal(err)
		}
		r := &findings.Report{Case: fmt.Sprintf("INC%d", i)}
		for _, n := range uploads {
			r.Bundles = append(r.Bundles, findings.Upload{Name: "upload.zip", SHA256: sum(n)})
		}
		err = w.Report(r, func(w io.Writer) error { return json.NewEncoder(w).Encode(r) })
		if err == nil {
			err = w.Commit(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for n, want := range map[int][]string{1: {"INC0"}, 2: {"INC0", "INC1"}, 3: nil} {
		list, err := store.Holding(t.Context(), sum(n))
		var got []string
		for _, c := range list {
			got = append(got, c.ID)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("the upload %d is held by %v, not %v: %v", n, got, want, err)
		}
	}
	if c, err := store.Case(t.Context(), "INC1"); err != nil || c.ID != "INC1" || !c.Holds(sum(2)) {
		t.Errorf("%+v: %v", c, err)
	}
	if _, err := store.Case(t.Context(), "INC9"); !errors.Is(err, index.ErrNoCase) {
		t.Errorf("a case that is not there: %v", err)
	}
	if list, err := store.Within(index.Scope{}).(index.Finder).Holding(t.Context(), sum(2)); err != nil || len(list) != 0 {
		t.Errorf("outside of the scope there are %v: %v", list, err)
	}
}

// tamper asks the cluster for something that casebook does not.
func tamper(t *testing.T, method, path, body string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+oscluster.Shared(t).Hosts[0]+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		t.Fatalf("%s %s: %s %s: %v", method, path, resp.Status, b, err)
	}
	return b
}

// TestCheckFindsDamage damages what the cluster holds of a case, and a check must say so.
func TestCheckFindsDamage(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		whole      bool // all that the case is made of is there
		damage     func(t *testing.T, prefix, key string)
	}{
		{"block-missing", "block 0 is missing", false, func(t *testing.T, prefix, key string) {
			tamper(t, http.MethodPost, "/"+prefix+"-blocks/_delete_by_query?refresh=true", `{"query":{"bool":{"filter":[{"term":{"key":"`+key+`"}},{"term":{"class":0}}]}}}`)
		}},
		{"words-missing", "a search does not find block 0", true, func(t *testing.T, prefix, key string) {
			ofState := `"query":{"bool":{"filter":[{"term":{"key":"` + key + `"}},{"term":{"class":0}}]}}`
			var answer struct {
				Hits struct {
					Hits []struct {
						Fields struct {
							Frame []string `json:"frame"`
						} `json:"fields"`
					} `json:"hits"`
				} `json:"hits"`
			}
			if err := json.Unmarshal(tamper(t, http.MethodPost, "/"+prefix+"-blocks/_search", `{`+ofState+`,"stored_fields":["frame"]}`), &answer); err != nil || len(answer.Hits.Hits) != 1 {
				t.Fatalf("%+v: %v", answer, err)
			}
			// An update makes the document anew of its source, which the words are not in.
			tamper(t, http.MethodPost, "/"+prefix+"-blocks/_update_by_query?refresh=true",
				`{`+ofState+`,"script":{"source":"ctx._source.frame = params.f","params":{"f":"`+answer.Hits.Hits[0].Fields.Frame[0]+`"}}}`)
		}},
		{"findings-missing", "their block is missing", false, func(t *testing.T, prefix, key string) {
			tamper(t, http.MethodPost, "/"+prefix+"-blocks/_delete_by_query?refresh=true", `{"query":{"bool":{"filter":[{"term":{"key":"`+key+`"}},{"term":{"class":2}}]}}}`)
		}},
		{"report-missing", "report.json", false, func(t *testing.T, prefix, key string) {
			tamper(t, http.MethodDelete, "/"+prefix+"-files/_doc/"+key+"-report.json-000000?refresh=true", "")
		}},
		{"rest-missing", "rest.zip", false, func(t *testing.T, prefix, key string) {
			tamper(t, http.MethodDelete, "/"+prefix+"-files/_doc/"+key+"-rest.zip-000000?refresh=true", "")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			prefix := fmt.Sprintf("d%d", time.Now().UnixNano())
			store := openPrefix(t, prefix)
			for _, c := range smallCases()[:2] {
				c.write(t, store)
			}
			c, err := store.Case(t.Context(), "INC1")
			if err != nil {
				t.Fatal(err)
			}
			checked(t, store)
			tt.damage(t, prefix, c.State)
			var said []string
			done, err := store.Check(t.Context(), func(f index.Fault) {
				if f.Case != "INC1" {
					t.Errorf("case %s, which is whole: %s", f.Case, f.What)
				}
				said = append(said, f.What)
			})
			if err != nil || done.Cases != 2 || done.Faults != len(said) {
				t.Errorf("%+v: %v", done, err)
			}
			if !slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, tt.want) }) {
				t.Errorf("it said %q, nothing of %q", said, tt.want)
			}
			if err := store.Export(t.Context(), "INC1", io.Discard); (err == nil) != tt.whole {
				t.Errorf("export: %v", err)
			}
		})
	}
}
