package index_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"casebook/findings"
	"casebook/index"
)

// keeper opens an archive to change it.
func keeper(t *testing.T, dir string) *index.Keeper {
	t.Helper()
	k, err := index.Keep(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// writeCases writes cases INC0 … of a log, a registry and a finding each.
func writeCases(t *testing.T, dir string, n int) {
	t.Helper()
	for i := range n {
		arts := []testArtifact{{path: "a.log", kind: "log/ccm", host: "WKS", records: plainRecords(300, func(r int) string { return fmt.Sprintf("common own%d record%d", i, r) })}}
		for j := range arts[0].records {
			arts[0].records[j].Component = fmt.Appendf(nil, "comp%d", j%3)
		}
		registry := map[string][]index.RegistryValue{"SOFTWARE": {{Key: `Microsoft\Thing`, Name: "Name", Type: "REG_SZ", Data: fmt.Sprintf("common value%d", i)}}}
		fs := []findings.Finding{{Check: "msi-install-failed", Title: "common trouble", Severity: findings.High, Verdict: findings.Confirmed}}
		writeCase(t, dir, fmt.Sprintf("INC%d", i), arts, registry, fs)
	}
}

// queries are asked before and after a change.
var queries = []string{"common", "own1", "record299", "component:comp2 own3", "severity:high", "check:msi-install-failed", "value2", "rec*99", `"common own0"`, "NOT common", "kind:hive common"}

// answers returns the hits of all queries.
func answers(t *testing.T, dir string) [][]index.Hit {
	t.Helper()
	a, err := index.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close() //nolint:errcheck // it was only read
	var out [][]index.Hit
	for _, q := range queries {
		out = append(out, find(t, a, q, index.SearchOptions{}))
	}
	return out
}

// sound fails the test unless everything in the archive is as it was written.
func sound(t *testing.T, dir string) index.Checked {
	t.Helper()
	a := openArchive(t, dir)
	done, err := a.Check(t.Context(), func(f index.Fault) { t.Errorf("%s: %s", f.Case, f.What) })
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// TestCompact merges shards: the same searches find the same, also in an archive that was opened before, and what was replaced is no longer in the index.
func TestCompact(t *testing.T) {
	dir := t.TempDir()
	writeCases(t, dir, 5)
	want := answers(t, dir)
	early := openArchive(t, dir)
	done, err := keeper(t, dir).Compact(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := (index.Compacted{Before: 5, After: 1, Cases: 5}); done != want {
		t.Errorf("compacted %+v, want %+v", done, want)
	}
	if diff := cmp.Diff(want, answers(t, dir)); diff != "" {
		t.Errorf("after compacting (-before +after):\n%s", diff)
	}
	if _, err := keeper(t, dir).Compact(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	writeCases(t, dir, 1) // INC0 anew: it leaves the merged shard, and the old shards are swept
	if diff := cmp.Diff(want, answers(t, dir)); diff != "" {
		t.Errorf("after a case was replaced (-before +after):\n%s", diff)
	}
	if hits := find(t, early, "common", index.SearchOptions{}); len(hits) != len(want[0]) {
		t.Errorf("an archive that was opened before finds %d, not %d", len(hits), len(want[0]))
	}
	if done, err = keeper(t, dir).Compact(t.Context(), nil); err != nil || done.Before != 2 || done.After != 1 {
		t.Errorf("compacted %+v, %v", done, err)
	}
	if diff := cmp.Diff(want, answers(t, dir)); diff != "" {
		t.Errorf("after compacting again (-before +after):\n%s", diff)
	}
	if got := sound(t, dir); got.Blocks == 0 || got.Unsummed != 0 {
		t.Errorf("checked %+v", got)
	}
}

// TestRemove removes a case of a merged shard: nothing of it is left, the others are as they were.
func TestRemove(t *testing.T) {
	dir := t.TempDir()
	writeCases(t, dir, 4)
	k := keeper(t, dir)
	if _, err := k.Compact(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := k.Hold(t.Context(), []string{"INC1"}, "a lawsuit"); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Remove(t.Context(), []string{"INC2", "INC1"}); err == nil || !strings.Contains(err.Error(), "a lawsuit") {
		t.Errorf("a case that is held: %v", err)
	}
	if _, err := k.Remove(t.Context(), []string{"INC2", "INC9"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a case that is not there: %v", err)
	}
	if n := len(cases(t, openArchive(t, dir))); n != 4 {
		t.Errorf("%d cases are left by removals that were refused", n)
	}
	if err := k.Release(t.Context(), []string{"INC1"}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"INC0", "INC1"} {
		if err := openArchive(t, dir).AddNote(t.Context(), id, index.Note{Text: "fixed by a restart"}); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := k.Remove(t.Context(), []string{"INC1", "INC2"}); err != nil || len(left) > 0 {
		t.Fatalf("left %v, %v", left, err)
	}
	a := openArchive(t, dir)
	if diff := cmp.Diff([]string{"INC0", "INC3"}, cases(t, a)); diff != "" {
		t.Error(diff)
	}
	for q, n := range map[string]int{"own1": 0, "own2": 0, "value1": 0, "own0": 300, "own3": 300} {
		if hits := find(t, a, q, index.SearchOptions{}); len(hits) != n {
			t.Errorf("%q finds %d, want %d", q, len(hits), n)
		}
	}
	if got := entries(t, filepath.Join(dir, "notes")); len(got) != 1 {
		t.Errorf("notes: %v", got)
	}
	if got := entries(t, filepath.Join(dir, "cases")); len(got) != 2 {
		t.Errorf("folders of cases: %v", got)
	}
	if got := entries(t, filepath.Join(dir, "shards")); len(got) != 1 {
		t.Errorf("shards: %v", got)
	}
	// Neither a file's name nor its bytes tell of the case; the records are packed, and gone with their folder.
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte("INC1")) || bytes.Contains(b, []byte("own2")) || strings.Contains(path, "inc2") {
			t.Errorf("%s tells of a removed case", path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	sound(t, dir)
	if _, err := k.Remove(t.Context(), []string{"INC0", "INC3"}); err != nil {
		t.Fatal(err)
	}
	if got := entries(t, filepath.Join(dir, "shards")); len(got) != 0 {
		t.Errorf("shards of an empty archive: %v", got)
	}
}

// TestReplaces refuses to overwrite what another writer has written meanwhile.
func TestReplaces(t *testing.T) {
	dir := t.TempDir()
	none := ""
	write := func(replaces *string, labels index.Labels) error {
		w, err := index.Create(t.Context(), dir, index.Entry{Replaces: replaces, Labels: labels, Added: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)})
		if err != nil {
			return err
		}
		if err := w.Report(&findings.Report{Case: "INC1"}, emptyReport); err != nil {
			return err
		}
		return w.Commit(context.Background())
	}
	if err := write(&none, index.Labels{"ticket": {"1"}}); err != nil {
		t.Fatal(err)
	}
	if err := write(&none, nil); !errors.Is(err, index.ErrChanged) {
		t.Errorf("a case that is there by now: %v", err)
	}
	list, err := openArchive(t, dir).List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := write(&list[0].State, index.Labels{"ticket": {"2"}}); err != nil {
		t.Errorf("a case in the state that was read: %v", err)
	}
	if err := write(&list[0].State, nil); !errors.Is(err, index.ErrChanged) {
		t.Errorf("a case that has changed: %v", err)
	}
	if list, err = openArchive(t, dir).List(t.Context()); err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if diff := cmp.Diff(index.Labels{"ticket": {"1", "2"}}, list[0].Labels); diff != "" {
		t.Error(diff)
	}
	if history, err := openArchive(t, dir).History(t.Context(), list[0]); err != nil || len(history) != 1 {
		t.Errorf("history %v, %v", history, err)
	}
}

// TestCheckDamage damages one file after the other: each is told.
func TestCheckDamage(t *testing.T) {
	dir := t.TempDir()
	writeCases(t, dir, 1)
	var files []string
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if rel, _ := filepath.Rel(dir, path); err == nil && !d.IsDir() && (strings.HasPrefix(rel, "cases") || strings.HasPrefix(rel, "shards")) {
			files = append(files, path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if len(files) < 8 {
		t.Fatalf("files %v", files)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			was, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			bad := slices.Clone(was)
			bad[len(bad)/2] ^= 0x20
			if err := os.WriteFile(f, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			a, err := index.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			if _, err := a.Check(t.Context(), func(index.Fault) { n++ }); err != nil {
				t.Error(err)
			}
			if n == 0 {
				t.Error("the damage is not found")
			}
			if err := errors.Join(a.Close(), os.WriteFile(f, was, 0o600)); err != nil {
				t.Fatal(err)
			}
		})
	}
	sound(t, dir)
}

// importInto imports an exported case.
func importInto(t *testing.T, dir string, file []byte, replace bool) (index.Case, error) {
	t.Helper()
	x, err := index.OpenExported(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return index.Case{}, err
	}
	return index.Dir(dir).Import(t.Context(), x, index.ImportOptions{Replace: replace})
}

// TestImport moves a case to another archive, and refuses what was changed on the way.
func TestImport(t *testing.T) {
	from := t.TempDir()
	writeCases(t, from, 2)
	if err := keeper(t, from).Label(t.Context(), "INC1", index.Labels{"customer": {"acme"}}); err != nil {
		t.Fatal(err)
	}
	first := index.Note{Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Author: "anna", Text: "fixed by a restart"}
	if err := openArchive(t, from).AddNote(t.Context(), "INC1", first); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := openArchive(t, from).Export(t.Context(), "INC1", &out); err != nil {
		t.Fatal(err)
	}
	whole := out.Bytes()
	to := t.TempDir()
	c, err := importInto(t, to, whole, false)
	if err != nil || c.ID != "INC1" || !c.Labels.Has(index.Labels{"customer": {"acme"}}) {
		t.Fatalf("%+v, %v", c, err)
	}
	q := index.SearchOptions{Context: 1}
	if diff := cmp.Diff(find(t, openArchive(t, from), "own1", q), find(t, openArchive(t, to), "own1", q)); diff != "" {
		t.Errorf("other hits (-before +after):\n%s", diff)
	}
	sound(t, to)
	if _, err := importInto(t, to, whole, false); !errors.Is(err, index.ErrExists) {
		t.Errorf("imported twice: %v", err)
	}
	own := index.Note{Time: first.Time.Add(-time.Hour), Text: "seen here too"}
	if err := openArchive(t, to).AddNote(t.Context(), "INC1", own); err != nil {
		t.Fatal(err)
	}
	if _, err := importInto(t, to, whole, true); err != nil {
		t.Errorf("imported in its own place: %v", err)
	}
	notes, err := openArchive(t, to).Notes(t.Context(), "INC1")
	if diff := cmp.Diff([]index.Note{own, first}, notes); err != nil || diff != "" {
		t.Errorf("error %v, notes (-want +got):\n%s", err, diff)
	}

	// rewrite packs the case anew with one member changed.
	rewrite := func(method uint16, name string, change func([]byte) []byte) []byte {
		t.Helper()
		z, err := zip.NewReader(bytes.NewReader(whole), int64(len(whole)))
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for _, f := range z.File {
			data, err := fs.ReadFile(z, f.Name)
			if err != nil {
				t.Fatal(err)
			}
			if f.Name == name {
				data = change(data)
			}
			if data == nil {
				continue
			}
			m, err := w.CreateHeader(&zip.FileHeader{Name: f.Name, Method: method})
			if err == nil {
				_, err = m.Write(data)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if name == "../evil" || name == "case/evil" || name == "uploads/x/evil" {
			if _, err := w.CreateHeader(&zip.FileHeader{Name: name}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	flip := func(b []byte) []byte {
		b = slices.Clone(b)
		b[len(b)/2] ^= 1
		return b
	}
	none := func([]byte) []byte { return nil }
	same := func(b []byte) []byte { return b }
	tests := []struct {
		name string
		file []byte
	}{
		{"records-changed", rewrite(zip.Store, "case/records", flip)},
		{"records-missing", rewrite(zip.Store, "case/records", none)},
		{"report-changed", rewrite(zip.Store, "case/report.json", flip)},
		{"case-changed", rewrite(zip.Store, "case/case.json", flip)},
		{"entry-missing", rewrite(zip.Store, "entry.json", none)},
		{"notes-damaged", rewrite(zip.Store, "notes.json", func([]byte) []byte { return []byte("{") })},
		{"notes-of-another-case", rewrite(zip.Store, "notes.json", func([]byte) []byte { return []byte(`{"case":"INC2"}`) })},
		{"empty-note", rewrite(zip.Store, "notes.json", func([]byte) []byte { return []byte(`{"case":"INC1","notes":[{"text":" "}]}`) })},
		{"packed", rewrite(zip.Deflate, "", same)},
		{"outside", rewrite(zip.Store, "../evil", same)},
		{"foreign", rewrite(zip.Store, "case/evil", same)},
		{"upload-without-sum", rewrite(zip.Store, "uploads/x/evil", same)},
		{"no-zip", []byte("nothing")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "archive")
			if _, err := importInto(t, dir, tt.file, false); err == nil {
				t.Error("it was imported")
			}
			if _, err := os.Stat(dir); err == nil {
				if n := len(cases(t, openArchive(t, dir))); n != 0 {
					t.Errorf("%d cases are there", n)
				}
				if left := entries(t, filepath.Join(dir, "tmp")); len(left) != 0 {
					t.Errorf("tmp holds %v", left)
				}
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(dir), "evil")); err == nil {
				t.Error("a file was written outside of the archive")
			}
		})
	}
}
